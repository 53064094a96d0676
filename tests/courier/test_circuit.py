"""When a channel is let alone, when it is tried, and when the operator hears of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.message.compose import compose
from bridge.courier.circuit import OPENS_AFTER, after_restart, after_send, before_send, is_failing
from bridge.courier.outage import News, news, notice, told
from bridge.delivery import Circuit, Delivery, Health
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import Outcome, Verdict
from bridge.routing import Notification

SECOND = 1_000_000_000
GOOD = Outcome(Verdict.DELIVERED, 200)
DOWN = Outcome(Verdict.RETRY, 503, "HTTP 503: busy")
FAST = Outcome(Verdict.RETRY, 429, "slow down", 5.0)
BAD = Outcome(Verdict.REJECTED, 400, "HTTP 400: malformed")
GONE = Outcome(Verdict.CHANNEL_FAULT, 404, "HTTP 404: gone")
OUTCOMES = st.sampled_from([GOOD, DOWN, FAST, BAD, GONE])
OPTIONS = ChannelOptions(notify_after=60)


def after(*outcomes: Outcome, every: int = SECOND) -> Health:
    health = Health()
    for number, outcome in enumerate(outcomes, 1):
        health = after_send(before_send(health, number * every), outcome, 1, number * every, 0.5)
    return health


def test_failures_in_a_row_open_it_and_a_success_closes_it() -> None:
    """With its moment; the probe is set for later."""
    health = after(*[DOWN] * OPENS_AFTER)
    assert (health.circuit, health.since_ns) == (Circuit.OPEN, OPENS_AFTER * SECOND)
    assert health.probe_ns > health.since_ns
    probing = before_send(health, 9 * SECOND)
    assert probing.circuit is Circuit.HALF_OPEN
    assert after_send(probing, GOOD, 1, 10 * SECOND, 0.5).circuit is Circuit.CLOSED
    assert after_send(probing, DOWN, 1, 10 * SECOND, 0.5).circuit is Circuit.OPEN
    assert after_restart(probing).circuit is Circuit.OPEN


def test_neither_a_refusal_nor_a_429_opens_it() -> None:
    """Both are answers of a channel that works; a row of refusals is told all the same."""
    assert after(*[FAST] * 20).circuit is Circuit.CLOSED
    assert after(*[BAD] * 20).circuit is Circuit.CLOSED
    assert is_failing(after(BAD, BAD))
    assert not is_failing(after(DOWN, DOWN))


def test_a_channel_that_takes_us_no_more_is_let_alone_and_told_at_once() -> None:
    """The second such answer in a row is no accident; each is asked again, and none is a dead letter."""
    assert (after(GONE).circuit, is_failing(after(GONE))) == (Circuit.CLOSED, False)
    assert (after(GONE, GONE).circuit, is_failing(after(GONE, GONE))) == (Circuit.OPEN, True)
    assert after(GONE, GONE).dead == 0
    assert after(GONE, GONE, GOOD).circuit is Circuit.CLOSED
    output = notice("secops", after(GONE, GONE), News.FAILING, 2, OPTIONS, "host").output
    for part in ("secret", "mend that", "HTTP 404: gone", "Waiting for it: 2", "24 h"):
        assert part in output


@given(st.lists(OUTCOMES, max_size=40), st.floats(0, 1))
def test_whatever_it_answers_the_next_probe_comes_within_minutes(outcomes: list[Outcome], jitter: float) -> None:
    """An open circuit is never a dead end, and a closed one follows every success."""
    health = Health()
    for now, outcome in enumerate(outcomes, 1):
        health = after_send(before_send(health, now), outcome, 1, now, jitter)
        assert (health.circuit is Circuit.CLOSED) or health.probe_ns - now <= 300 * SECOND
        assert outcome is not GOOD or (health.circuit is Circuit.CLOSED and health.failures == 0)
        assert health.circuit is not Circuit.HALF_OPEN
    assert health.delivered == outcomes.count(GOOD)
    assert health.dead == outcomes.count(BAD)


@given(st.lists(st.tuples(OUTCOMES, st.integers(1, 120), st.booleans()), max_size=60))
def test_an_outage_is_told_once_and_so_is_its_end(steps: list[tuple[Outcome, int, bool]]) -> None:
    """News alternate: failing, recovered, failing …; never two alike in a row, whatever happens."""
    health, now, heard = Health(), 0, list[News]()
    for outcome, seconds, waits in steps:
        now += seconds * SECOND
        health = after_send(before_send(health, now), outcome, 1, now, 0.5)
        what = news(health, OPTIONS, now, waits=waits)
        if what is not None:
            heard.append(what)
            health = told(health, what, now)
            assert news(health, OPTIONS, now, waits=waits) is None
    assert heard == [News.FAILING if index % 2 == 0 else News.RECOVERED for index in range(len(heard))]


def test_a_short_outage_is_not_told() -> None:
    """Only one that lasts as long as the options say."""
    assert news(after(*[DOWN] * 9), OPTIONS, 30 * SECOND, waits=True) is None
    assert news(after(*[DOWN] * 9), OPTIONS, 61 * SECOND, waits=True) is News.FAILING


def test_the_end_is_told_when_what_waited_has_gone_out() -> None:
    """Or five minutes later; a failure in between goes on with the same outage."""
    health = told(after(*[DOWN] * 9), News.FAILING, 70 * SECOND)
    back = after_send(before_send(health, 80 * SECOND), GOOD, 1, 80 * SECOND, 0.5)
    assert news(back, OPTIONS, 81 * SECOND, waits=True) is None
    assert news(back, OPTIONS, 81 * SECOND, waits=False) is News.RECOVERED
    assert news(back, OPTIONS, 380 * SECOND, waits=True) is News.RECOVERED
    again = after_send(back, DOWN, 1, 90 * SECOND, 0.5)
    assert news(again, OPTIONS, 900 * SECOND, waits=False) is None


def test_the_notices_say_since_when_why_and_what_became_of_it() -> None:
    """And have the same id however often they are made, so that a crash does not double them."""
    health = after(*[DOWN] * 9)
    failing = notice("secops", health, News.FAILING, 37, OPTIONS, "host")
    assert (
        compose(Delivery(1, failing, Notification("c", ("r",), failing.priority), 0, 1), {}).summary
        == "host · HTTP 503: busy"
    )
    for part in ("secops", "1970-01-01 00:00:01 UTC", "9 times", "HTTP 503: busy", "Waiting for it: 37", "24 h"):
        assert part in failing.output
    assert (
        failing.id
        == notice("secops", replace(health, failures=12, reason="no answer"), News.FAILING, 99, OPTIONS, "host").id
    )
    outage = told(health, News.FAILING, 70 * SECOND)
    back = after_send(before_send(outage, 121 * SECOND), GOOD, 20, 121 * SECOND, 0.5)
    output = notice("secops", replace(back, folded=20), News.RECOVERED, 0, OPTIONS, "host").output
    for part in ("for 2 min", "Delivered since it was told: 20", "20 in digests", "Dead letters: 0"):
        assert part in output
