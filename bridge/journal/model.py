"""What the journal keeps, as values. The courier and the service speak of the journal in these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import Alert
from bridge.routing.notification import Notification


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """To be sent, at once or when it is due again."""
    CLAIMED = "claimed"
    """A courier is sending it, and holds it until its lease ends."""
    DELIVERED = "delivered"
    """The channel answered that it has it."""
    DEAD = "dead"
    """A dead letter: refused for good, or given up; it stays with its reason."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification of one alert on its way to one channel."""

    id: int
    alert: Alert
    notification: Notification
    attempts: int
    """How often it was sent before."""
    created_ns: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt: the state the delivery goes to, and why."""

    delivery_id: int
    state: DeliveryState
    at_ns: int
    due_ns: int
    """When a pending delivery may be tried again, in nanoseconds since the epoch."""
    status: int | None
    """The far side's status (HTTP, SMTP), where it gave one."""
    reason: str
    """What the far side said, in a sentence; empty when it took the message."""
