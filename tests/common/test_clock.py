"""Time that does not jump when the wall clock is set."""

from __future__ import annotations

import pytest

from bridge.common.clocks.clock import Step, Timeline
from tests.support.clocks import HOUR, SECOND, STEPS


class _Clock:
    """Stands still unless a test moves it."""

    wall = 1_700_000_000 * SECOND
    monotonic = 5 * SECOND

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic


@pytest.mark.parametrize("by_ns", STEPS.values(), ids=STEPS)
def test_a_step_shows_only_when_it_is_taken(by_ns: int) -> None:
    clock = _Clock()
    timeline = Timeline(clock)
    clock.wall += by_ns + 2 * SECOND
    clock.monotonic += 2 * SECOND
    assert timeline.now_ns() == _Clock.wall + 2 * SECOND
    assert timeline.take_step() == Step(by_ns, clock.wall - 2 * SECOND, clock.wall)
    assert timeline.now_ns() == clock.wall
    assert timeline.take_step() is None


def test_a_clock_that_is_corrected_by_less_than_a_second_was_not_set() -> None:
    clock = _Clock()
    timeline = Timeline(clock)
    clock.wall += SECOND - 1
    assert timeline.take_step() is None
    assert timeline.now_ns() == _Clock.wall


def test_a_process_that_pauses_between_the_two_clocks_sees_no_step() -> None:
    class Pausing(_Clock):
        pauses = 3

        def wall_ns(self) -> int:
            wall = self.wall
            if self.pauses:
                self.pauses -= 1
                self.wall += HOUR
                self.monotonic += HOUR
            return wall

    clock = Pausing()
    clock.pauses = 0
    timeline = Timeline(clock)
    clock.pauses = 3
    assert timeline.take_step() is None


def test_a_time_that_was_stored_after_the_step_is_not_moved() -> None:
    step = Step(by_ns=-HOUR, checked_ns=100 * HOUR, now_ns=100 * HOUR + 2)
    assert step.moved(100 * HOUR + 1) == 100 * HOUR + 1
    assert step.moved(101 * HOUR) == 100 * HOUR
    assert step.moved(50 * HOUR) == 49 * HOUR
    assert step.moved_if_set(0) == 0
