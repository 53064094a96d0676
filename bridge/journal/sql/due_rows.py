"""The rows from which deliveries are claimed."""

from __future__ import annotations

from typing import NamedTuple

from bridge.journal.sql.order_keys import has_own_send, is_released


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
        """As ``has_own_send``."""
        return has_own_send(self.order_key)

    @property
    def is_released(self) -> bool:
        """As ``is_released``."""
        return is_released(self.order_key)


class AlertRow(NamedTuple):
    """An alert as it is stored."""

    id: bytes
    body: bytes
