"""How a channel is used: its rate, concurrency, timeouts, digests and fallback."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` sends every ``seconds``, evenly spread; after a pause, up to ``burst`` at once."""

    count: float
    seconds: float
    burst: float = 1.0

    @property
    def per_second(self) -> float:
        """Sends a second on average."""
        return self.count / self.seconds

    def __str__(self) -> str:
        """``5 per 2s``, as a config may write it."""
        every = f"{self.seconds:g}s" if self.seconds != 60 else "1m"
        return f"{self.count:g} per {every}" + (f", burst {self.burst:g}" if self.burst > 1 else "")


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """What a config may set for a channel besides its URL. Durations are seconds."""

    rate: Rate | None = None
    """None is unlimited."""
    concurrency: int = 2
    """How many sends may be in flight. Deliveries with the same order key are sent one at a time."""
    fallback: str | None = None
    """The channel that receives this channel's health alerts."""
    give_up_after: float = 24 * 3600.0
    """Age at which a pending delivery becomes a dead letter."""
    digest_after: int | None = None
    """How many deliveries may wait before they are sent as digests; None is never."""
    notify_after: float = 60.0
    """Duration of an outage before its health alert is sent."""
    attempt_timeout: float = 60.0
    """Duration of an attempt after which it counts as failed and its thread is replaced."""
    incidents_apart: bool = False
    """Whether no digest contains deliveries of incidents: the service knows each incident by its key."""
