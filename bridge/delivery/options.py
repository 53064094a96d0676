"""How one channel is to be used: how fast, how many at a time, for how long, and who hears when it fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` sends every ``seconds``, spread evenly but for ``burst`` at once after a pause."""

    count: float
    seconds: float
    burst: float = 1.0

    @property
    def per_second(self) -> float:
        """Sends a second in the long run."""
        return self.count / self.seconds

    def __str__(self) -> str:
        """``5 per 2s``, as a config may say it."""
        every = f"{self.seconds:g}s" if self.seconds != 60 else "1m"
        return f"{self.count:g} per {every}" + (f", burst {self.burst:g}" if self.burst > 1 else "")


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """What a config may say of a channel beside its URL."""

    rate: Rate | None = None
    """None is as fast as it goes."""
    concurrency: int = 2
    """How many sends may be under way at a time; of one route it is always one."""
    fallback: str | None = None
    """The channel through which the operator hears that this one fails."""
    give_up_after: float = 24 * 3600.0
    """A delivery that has not gone through for so long becomes a dead letter."""
    digest_after: int | None = None
    """With more than so many waiting, they go out as digests; None is never."""
    notify_after: float = 60.0
    """For how long a channel must have failed before the operator hears of it."""
    attempt_timeout: float = 60.0
    """An attempt that takes longer is written off, and its thread with it."""
