"""A clock that a test sets and moves on; otherwise it runs as the machine's does."""

from __future__ import annotations

from bridge.common.clocks.clock import SYSTEM_CLOCK

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
YEAR = 365 * DAY
STEPS = {"1 h": HOUR, "1 day": DAY, "10 years": 10 * YEAR} | {
    "-1 h": -HOUR, "-1 day": -DAY, "-10 years": -10 * YEAR
}  # fmt: skip
"""Steps of the wall clock that everything timed is tried with."""


class TestClock:
    """Implements Clock. Thread-safe."""

    __test__ = False

    def __init__(self) -> None:
        self._set_by_ns = 0
        self._passed_ns = 0

    def wall_ns(self) -> int:
        return SYSTEM_CLOCK.wall_ns() + self._set_by_ns + self._passed_ns

    def monotonic_ns(self) -> int:
        return SYSTEM_CLOCK.monotonic_ns() + self._passed_ns

    def step(self, by_ns: int) -> None:
        """Somebody sets the wall clock."""
        self._set_by_ns += by_ns

    def move_on(self, by_ns: int) -> None:
        """That much time passes."""
        self._passed_ns += by_ns
