"""The limits of an http source."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.http.guard import ConnectionLimits, Timeouts


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What senders can use together. Sizes are bytes."""

    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    unfinished: int = 64 << 20
    """The bodies of requests that are not complete, of all connections."""
    held: int = 64 << 20
    """The approximate size of the requests that wait for their commit."""
    hold_after: float = 2.0
    """Seconds. A commit that takes longer means that the disk is full or stalled: the sender is answered 202."""
