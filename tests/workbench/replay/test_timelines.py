"""Counts over time: buckets become wider, and no count is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.workbench.replay.timelines import Timelines

SECOND = 10**9
TIMES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-(2**62), 2**62) | st.integers(0, 900 * SECOND)))


def counted(times: list[tuple[str, int]]) -> Timelines[str]:
    timelines: Timelines[str] = Timelines()
    for key, at_ns in times:
        timelines.add(key, at_ns)
    return timelines


@given(TIMES, TIMES)
def test_no_count_is_lost_and_the_buckets_are_few(some: list[tuple[str, int]], others: list[tuple[str, int]]) -> None:
    """For any times, also when two runs are added."""
    merged = counted(some)
    merged.merge(counted(others))
    for key in "ab":
        expected = sum(own == key for own, _ in some + others)
        assert sum(merged.row(key)) == expected
        assert sum(count for _, count in merged.buckets(key)) == expected
        assert len(merged.row(key)) <= 48


def test_buckets_are_as_narrow_as_they_can_be() -> None:
    """48 seconds have buckets of a second; the 49th makes them ten times as wide."""
    timelines = counted([("a", number * SECOND) for number in range(48)])
    assert (timelines.width_ns, timelines.row("a")) == (SECOND, [1] * 48)
    timelines.add("b", 48 * SECOND)
    assert (timelines.width_ns, timelines.row("a"), timelines.row("b")) == (
        10 * SECOND, [10, 10, 10, 10, 8], [0, 0, 0, 0, 1],
    )  # fmt: skip
    assert timelines.buckets("a")[1] == (10 * SECOND, 10)
