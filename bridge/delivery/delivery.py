"""What the journal keeps, as values. The courier and the service speak of the journal in these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import Alert
from bridge.routing.notification import Notification

HEALTH_ALERT_ROUTE = "channel health"
"""The name under which the courier tells of a channel's outage; what has it goes before everything else, and alone."""


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
    DISCARDED = "discarded"
    """A dead letter that an operator has let go; it stays with its reason."""


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
    digest: int | None = None
    """The first delivery of the digest that this one went in, where it did."""
    aside: bool = False
    """It no longer holds back the later ones of its order key."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a channel can take just now."""

    sends: int
    """How many more sends may be under way."""
    batch_size: int = 1
    """How many deliveries each of them may take."""


class Circuit(StrEnum):
    """Whether a channel is being used."""

    CLOSED = "closed"
    """It works: deliveries go out as they come."""
    OPEN = "open"
    """It failed again and again: nothing goes out until the next probe."""
    HALF_OPEN = "half-open"
    """One delivery is on its way as a probe."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel is, as the courier last knew it. Moments are nanoseconds since the epoch; 0 is never."""

    circuit: Circuit = Circuit.CLOSED
    since_ns: int = 0
    """When the circuit came into this state."""
    failures: int = 0
    """Failed sends in a row."""
    failing_ns: int = 0
    """When the first of them was."""
    probe_ns: int = 0
    """When an open circuit lets the next probe out."""
    told_ns: int = 0
    """When the operator was told of this outage."""
    recovered_ns: int = 0
    """When the first send after it went through; the operator is told once what waited has gone out."""
    before: tuple[int, int, int] = (0, 0, 0)
    """``delivered``, ``folded`` and ``dead`` when the outage was told."""
    delivered: int = 0
    folded: int = 0
    """How many of those went out in digests."""
    dead: int = 0
    success_ns: int = 0
    failure_ns: int = 0
    status: int | None = None
    reason: str = ""
    """What the last failure was."""
    refused: bool = False
    """Whether it was a refusal of a delivery for good."""
    broken: bool = False
    """Whether it was one of the channel itself: it wants to be mended."""
    rate: str = ""
    """How fast the channel may be used, as its config says it; empty is as fast as it goes."""
