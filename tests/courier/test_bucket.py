"""A channel is never used faster than its rate and burst allow, and never slower than it may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.courier.sending import bucket
from bridge.delivery.options import Rate

SECOND = 1_000_000_000
RATES = st.builds(Rate, st.floats(0.1, 1000), st.floats(0.1, 3600), st.floats(1, 100))


@given(RATES, st.lists(st.integers(0, 100 * SECOND), max_size=60))
def test_no_window_has_more_sends_than_burst_and_rate(rate: Rate, pauses: list[int]) -> None:
    """Whenever the bucket is asked."""
    now, sent = 0, list[int]()
    held = bucket.full(rate, now)
    for pause in pauses:
        now += pause
        while bucket.available(held, rate, now) >= 1:
            held = bucket.taken(held, rate, now)
            sent.append(now)
    for first, begin in enumerate(sent):
        for last in range(first, len(sent)):
            allowed = rate.burst + (sent[last] - begin) / SECOND * rate.per_second
            assert last - first + 1 <= allowed + 1e-3


@given(RATES, st.integers(0, 200))
def test_the_next_time_is_when_a_send_may_start_and_not_before(rate: Rate, already: int) -> None:
    """So that the courier wakes neither too early nor too late."""
    held = bucket.full(rate, 0)
    for _ in range(min(already, int(rate.burst))):
        held = bucket.taken(held, rate, 0)
    time_ns = bucket.next_ns(held, rate, 0)
    assert bucket.available(held, rate, time_ns + 1) >= 1
    if time_ns > 1000:
        assert bucket.available(held, rate, time_ns - 1000) == 0 or time_ns < 10_000


def test_a_clock_that_is_set_back_adds_no_tokens() -> None:
    """It removes none either."""
    rate = Rate(1, 1)
    held = bucket.taken(bucket.full(rate, 10 * SECOND), rate, 10 * SECOND)
    assert bucket.available(held, rate, 5 * SECOND) == 0
    assert bucket.available(bucket.filled(held, rate, 5 * SECOND), rate, 6 * SECOND) == 1
