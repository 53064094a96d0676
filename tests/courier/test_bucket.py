"""A channel is never used faster than its rate and burst allow, and never slower than it may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.courier import bucket
from bridge.delivery.options import Rate

SECOND = 1_000_000_000
RATES = st.builds(Rate, st.floats(0.1, 1000), st.floats(0.1, 3600), st.floats(1, 100))


@given(RATES, st.lists(st.integers(0, 100 * SECOND), max_size=60))
def test_no_window_ever_sees_more_than_burst_and_rate(rate: Rate, pauses: list[int]) -> None:
    """Whatever the moments at which somebody asks."""
    now, sent = 0, list[int]()
    held = bucket.full(rate, now)
    for pause in pauses:
        now += pause
        while bucket.whole(held, rate, now) >= 1:
            held = bucket.taken(held, rate, now)
            sent.append(now)
    for first, begin in enumerate(sent):
        for last in range(first, len(sent)):
            allowed = rate.burst + (sent[last] - begin) / SECOND * rate.per_second
            assert last - first + 1 <= allowed + 1e-3


@given(RATES, st.integers(0, 200))
def test_the_next_moment_is_when_a_send_may_begin_and_not_before(rate: Rate, already: int) -> None:
    """So that nobody looks too early, again and again, or too late."""
    held = bucket.full(rate, 0)
    for _ in range(min(already, int(rate.burst))):
        held = bucket.taken(held, rate, 0)
    moment = bucket.next_ns(held, rate, 0)
    assert bucket.whole(held, rate, moment + 1) >= 1
    if moment > 1000:
        assert bucket.whole(held, rate, moment - 1000) == 0 or moment < 10_000


def test_a_clock_that_is_set_back_gives_nothing_away() -> None:
    """And takes nothing either."""
    rate = Rate(1, 1)
    held = bucket.taken(bucket.full(rate, 10 * SECOND), rate, 10 * SECOND)
    assert bucket.whole(held, rate, 5 * SECOND) == 0
    assert bucket.whole(bucket.filled(held, rate, 5 * SECOND), rate, 6 * SECOND) == 1
