"""A delivery: a notification on its way to a channel, and the settlement of an attempt to send it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from bridge.alert import Alert
from bridge.routing.notification import Notification

HEALTH_ALERT_ROUTE = "channel health"
"""The route name of health alerts. They are sent before everything else, each in a send of its own."""


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    """To be sent now, or at the time of its next attempt."""
    CLAIMED = "claimed"
    """A courier is sending it. The claim ends with its lease."""
    DELIVERED = "delivered"
    """The channel accepted it."""
    DEAD = "dead"
    """A dead letter: rejected, or too old. It is not tried again."""
    DISCARDED = "discarded"
    """A dead letter that an operator discarded."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification about one alert for one channel."""

    id: int
    alert: Alert
    notification: Notification
    attempts: int
    """How many attempts were made before."""
    created_ns: int
    """When it was added, in nanoseconds since the epoch."""
    others: tuple[Alert, ...] = ()
    """The alerts of a group or a sequence that its message shows, as far as they are stored; mostly empty."""


class Settlement(msgspec.Struct, frozen=True):
    """The result of one attempt: the new state of the delivery, and why. Times are nanoseconds since the epoch."""

    delivery_id: int
    state: DeliveryState
    at_ns: int
    due_ns: int
    """When a pending delivery may be tried again."""
    status: int | None
    """The service's status (HTTP, SMTP), if it sent one."""
    reason: str
    """Why the attempt failed, as a sentence; empty when delivered."""
    digest_id: int | None = None
    """The first delivery of the digest that this one was sent in; None when it was sent alone."""
    released_from_order: bool = False
    """Whether later deliveries of its order key no longer wait for it."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a channel can take now."""

    sends: int
    """How many more sends may be in flight."""
    batch_size: int = 1
    """How many deliveries each send may hold."""
    released_last: bool = False
    """Whether deliveries that were released from their order key are claimed only if no other one is due."""
    incidents_apart: bool = False
    """Whether a delivery with an order key has a send of its own."""
