"""The health of a channel, as the courier records it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Circuit(StrEnum):
    """Whether a channel is used."""

    CLOSED = "closed"
    """In use."""
    OPEN = "open"
    """Failing: only one probe is sent at a time."""
    HALF_OPEN = "half-open"
    """A probe is in flight."""


class Health(msgspec.Struct, frozen=True):
    """The last known health of a channel. Times are nanoseconds since the epoch; 0 is never."""

    circuit: Circuit = Circuit.CLOSED
    since_ns: int = 0
    """When the circuit changed to this state."""
    failures: int = 0
    """Failed sends in a row."""
    failing_ns: int = 0
    """When the first of them failed."""
    probe_ns: int = 0
    """When an open circuit sends the next probe."""
    notified_ns: int = 0
    """When the health alert of this outage was sent."""
    recovered_ns: int = 0
    """When the first send after it succeeded. The outage ends once the deliveries that waited have been sent."""
    before: tuple[int, int, int] = (0, 0, 0)
    """``delivered``, ``digested`` and ``dead`` when that health alert was sent."""
    delivered: int = 0
    digested: int = 0
    """How many of the delivered ones were sent in digests."""
    dead: int = 0
    success_ns: int = 0
    """When a send last succeeded."""
    failure_ns: int = 0
    """When a send last failed."""
    status: int | None = None
    """The service's status for the last failure, if it sent one."""
    reason: str = ""
    """Why the last failed send failed."""
    rejected: bool = False
    """Whether the last send failed because the channel rejected its content."""
    channel_fault: bool = False
    """Whether the last send failed because of the channel itself, or may have: it must be fixed."""
    rate: str = ""
    """The channel's rate limit as the config writes it; empty without one."""
