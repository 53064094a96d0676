"""Retention does not believe a step forward at once."""

from __future__ import annotations

import pytest

from bridge.common.clocks.clock import Timeline
from bridge.pipeline.doubted_time import DOUBT_NS, DoubtedTime
from tests.support.clocks import DAY, HOUR, SECOND, STEPS, YEAR, TestClock


@pytest.mark.parametrize("by_ns", STEPS.values(), ids=STEPS)
def test_a_step_forward_counts_after_a_day(by_ns: int) -> None:
    clock = TestClock()
    doubted = DoubtedTime(Timeline(clock), clock.wall_ns())
    clock.step(by_ns)
    now_ns, extra_ns = doubted.check()
    assert abs(now_ns - clock.wall_ns()) < 60 * SECOND
    assert abs(extra_ns - max(by_ns, 0)) < SECOND
    clock.move_on(DOUBT_NS)
    assert doubted.check()[1] == 0


def test_a_glitch_leaves_no_doubt() -> None:
    clock = TestClock()
    doubted = DoubtedTime(Timeline(clock), clock.wall_ns())
    for by_ns in (10 * YEAR, -10 * YEAR):
        clock.step(by_ns)
        doubted.check()
    assert doubted.check()[1] < SECOND


def test_small_corrections_do_not_prolong_the_doubt() -> None:
    clock = TestClock()
    doubted = DoubtedTime(Timeline(clock), clock.wall_ns())
    clock.step(YEAR)
    doubted.check()
    for _ in range(30):
        clock.move_on(HOUR)
        clock.step(2 * SECOND)
        doubted.check()
    assert doubted.check()[1] <= 60 * SECOND


@pytest.mark.parametrize(("pause_ns", "is_doubted"), [(DAY // 2, False), (30 * DAY, True), (-YEAR, False)])
def test_a_long_pause_between_two_runs_is_doubted(pause_ns: int, is_doubted: bool) -> None:
    clock = TestClock()
    doubted = DoubtedTime(Timeline(clock), clock.wall_ns() - pause_ns)
    assert (doubted.check()[1] > 0) == is_doubted
    clock.move_on(DOUBT_NS)
    assert doubted.check()[1] == 0


def test_a_journal_without_alerts_doubts_nothing() -> None:
    assert DoubtedTime(Timeline(TestClock()), 0).check()[1] == 0
