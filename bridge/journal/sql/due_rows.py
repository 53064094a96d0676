"""The rows from which deliveries are claimed, the same in every SQL engine."""

from __future__ import annotations

from typing import NamedTuple

from bridge.journal.sql.order_keys import HEALTH_ALERT_KEY


class DueRow(NamedTuple):
    """A delivery that may be sent now, with its alert as it is stored."""

    id: int
    channel: str
    order_key: int | None
    notification: bytes
    attempts: int
    created_ns: int
    alert_id: bytes
    body: bytes
    due_ns: int

    @property
    def is_alone(self) -> bool:
        """Whether it has a send of its own: a health alert, or one that was released from its order key."""
        return self.order_key is not None and self.order_key <= HEALTH_ALERT_KEY

    @property
    def is_released(self) -> bool:
        """Whether it was released from its order key."""
        return self.order_key is not None and self.order_key < HEALTH_ALERT_KEY


class AlertRow(NamedTuple):
    """An alert as it is stored."""

    id: bytes
    body: bytes
