"""Time that does not jump when the machine's clock is set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

STEP_NS = 1_000_000_000
"""A smaller difference between two clocks is no step: they are not read at the same moment."""
_READ_TOGETHER_NS = 50_000_000
_READ_TRIES = 20


class Clock(Protocol):
    """The two clocks of a machine, in nanoseconds."""

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch. It may jump in either direction."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment. It never jumps, and counts while the machine is suspended."""


class SystemClock:
    """The clocks of this machine."""

    def wall_ns(self) -> int:
        """As in Clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """As in Clock."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


SYSTEM_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set. Times are nanoseconds since the epoch, by the clock as it is now."""

    by_ns: int
    """How far it was set: negative for a step back."""
    checked_ns: int
    """When the previous check was."""
    now_ns: int

    def moved(self, at_ns: int) -> int:
        """A stored time, moved by the step, so that it is as long ago, or as far ahead, as it was before.

        Another process may have stored a time since the last check, by the new clock; that one stays.
        """
        return at_ns if self.checked_ns <= at_ns <= self.now_ns else at_ns + self.by_ns

    def moved_if_set(self, at_ns: int) -> int:
        """As ``moved``, where 0 means never."""
        return self.moved(at_ns) if at_ns else 0

    @property
    def seconds(self) -> float:
        """How far it was set."""
        return round(self.by_ns / 1_000_000_000, 3)


class Timeline:
    """Nanoseconds since the epoch without jumps: between two calls of ``take_step`` only monotonic time passes.

    A caller that stores times calls ``take_step`` before each decision, and moves its stored times by the step. Then a
    step of the clock neither ages nor delays anything. Used by one thread at a time.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK, *, follows_drift: bool = False) -> None:
        """``follows_drift``: the clock makes up for small differences gradually, so that each check may follow them."""
        self._clock = clock
        self._follows_drift = follows_drift
        self._checked_ns, self._offset_ns = self._read()

    def now_ns(self) -> int:
        """The time by the wall clock as it was at the last check, plus what has passed since."""
        return self._clock.monotonic_ns() + self._offset_ns

    def take_step(self) -> Step | None:
        """How far the wall clock was set since the last call, if it was. ``now_ns`` follows it from then on."""
        now_ns = self._clock.monotonic_ns()
        if not self._follows_drift and abs(self._clock.wall_ns() - now_ns - self._offset_ns) < STEP_NS:
            self._checked_ns = now_ns
            return None
        monotonic_ns, offset_ns = self._read()
        since_ns, self._checked_ns = monotonic_ns - self._checked_ns, monotonic_ns
        by_ns = offset_ns - self._offset_ns
        if abs(by_ns) < STEP_NS:
            if self._follows_drift:
                self._offset_ns = offset_ns
            return None
        self._offset_ns = offset_ns
        now_ns = monotonic_ns + offset_ns
        return Step(by_ns, now_ns - since_ns, now_ns)

    def _read(self) -> tuple[int, int]:
        """Monotonic time, and how far the wall clock is ahead of it, read together although a process may pause."""
        for _ in range(_READ_TRIES):
            before_ns = self._clock.monotonic_ns()
            wall_ns = self._clock.wall_ns()
            after_ns = self._clock.monotonic_ns()
            if after_ns - before_ns < _READ_TOGETHER_NS:
                break
        return after_ns, wall_ns - after_ns
