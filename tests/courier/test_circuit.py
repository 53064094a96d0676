"""When a circuit opens and closes, and when an outage is reported."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.channels.message.compose import compose
from bridge.courier.health.circuit import OPENS_AFTER, after_restart, after_send, before_send, is_failing
from bridge.courier.health.outage import HealthChange, after_report, health_alert, health_change
from bridge.delivery import Circuit, Delivery, Health, Outcome, Verdict
from bridge.delivery.options import ChannelOptions
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
    """With the time of the change; the probe is later."""
    health = after(*[DOWN] * OPENS_AFTER)
    assert (health.circuit, health.since_ns) == (Circuit.OPEN, OPENS_AFTER * SECOND)
    assert health.probe_ns > health.since_ns
    probing = before_send(health, 9 * SECOND)
    assert probing.circuit is Circuit.HALF_OPEN
    assert after_send(probing, GOOD, 1, 10 * SECOND, 0.5).circuit is Circuit.CLOSED
    assert after_send(probing, DOWN, 1, 10 * SECOND, 0.5).circuit is Circuit.OPEN
    assert after_restart(probing).circuit is Circuit.OPEN


def test_neither_a_rejection_nor_a_rate_limit_opens_it() -> None:
    """Both are answers of a channel that works; rejections in a row are still reported."""
    assert after(*[FAST] * 20).circuit is Circuit.CLOSED
    assert after(*[BAD] * 20).circuit is Circuit.CLOSED
    assert is_failing(after(BAD, BAD))
    assert not is_failing(after(DOWN, DOWN))


def test_a_faulty_channel_opens_the_circuit_sooner() -> None:
    """After the second such answer in a row; its deliveries are tried again, and none becomes a dead letter."""
    assert (after(GONE).circuit, is_failing(after(GONE))) == (Circuit.CLOSED, False)
    assert (after(GONE, GONE).circuit, is_failing(after(GONE, GONE))) == (Circuit.OPEN, True)
    assert after(GONE, GONE).dead == 0
    assert after(GONE, GONE, GOOD).circuit is Circuit.CLOSED
    output = health_alert("secops", after(GONE, GONE), HealthChange.FAILING, 2, OPTIONS, "host").output
    for part in ("secret", "Fix them", "HTTP 404: gone", "Deliveries waiting: 2", "24 h"):
        assert part in output


@given(st.lists(OUTCOMES, max_size=40), st.floats(0, 1))
def test_the_next_probe_is_sent_within_minutes(outcomes: list[Outcome], jitter: float) -> None:
    """For any answers of the channel; every success closes the circuit."""
    health = Health()
    for now, outcome in enumerate(outcomes, 1):
        health = after_send(before_send(health, now), outcome, 1, now, jitter)
        assert (health.circuit is Circuit.CLOSED) or health.probe_ns - now <= 300 * SECOND
        assert outcome is not GOOD or (health.circuit is Circuit.CLOSED and health.failures == 0)
        assert health.circuit is not Circuit.HALF_OPEN
    assert health.delivered == outcomes.count(GOOD)
    assert health.dead == outcomes.count(BAD)


@given(st.lists(st.tuples(OUTCOMES, st.integers(1, 120), st.booleans()), max_size=60))
def test_an_outage_and_its_end_are_reported_once_each(steps: list[tuple[Outcome, int, bool]]) -> None:
    """Reports alternate: failing, recovered, failing and so on."""
    health, now, reported = Health(), 0, list[HealthChange]()
    for outcome, seconds, waits in steps:
        now += seconds * SECOND
        health = after_send(before_send(health, now), outcome, 1, now, 0.5)
        change = health_change(health, OPTIONS, now, waits=waits)
        if change is not None:
            reported.append(change)
            health = after_report(health, change, now)
            assert health_change(health, OPTIONS, now, waits=waits) is None
    assert reported == [
        HealthChange.FAILING if index % 2 == 0 else HealthChange.RECOVERED for index in range(len(reported))
    ]


def test_a_short_outage_is_not_reported() -> None:
    """Only one that lasts as long as the options say."""
    assert health_change(after(*[DOWN] * 9), OPTIONS, 30 * SECOND, waits=True) is None
    assert health_change(after(*[DOWN] * 9), OPTIONS, 61 * SECOND, waits=True) is HealthChange.FAILING


def test_the_end_is_reported_when_the_waiting_deliveries_have_been_sent() -> None:
    """Or five minutes later; a failure in between continues the outage."""
    health = after_report(after(*[DOWN] * 9), HealthChange.FAILING, 70 * SECOND)
    back = after_send(before_send(health, 80 * SECOND), GOOD, 1, 80 * SECOND, 0.5)
    assert health_change(back, OPTIONS, 81 * SECOND, waits=True) is None
    assert health_change(back, OPTIONS, 81 * SECOND, waits=False) is HealthChange.RECOVERED
    assert health_change(back, OPTIONS, 380 * SECOND, waits=True) is HealthChange.RECOVERED
    again = after_send(back, DOWN, 1, 90 * SECOND, 0.5)
    assert health_change(again, OPTIONS, 900 * SECOND, waits=False) is None


def test_health_alerts_say_since_when_why_and_with_what_result() -> None:
    """They have the same id however often they are made, so a crash does not repeat them."""
    health = after(*[DOWN] * 9)
    failing = health_alert("secops", health, HealthChange.FAILING, 37, OPTIONS, "host")
    assert (
        compose(Delivery(1, failing, Notification("c", ("r",), failing.priority), 0, 1), {}).summary
        == "HTTP 503: busy · host"
    )
    for part in ("secops", "1970-01-01 00:00:01 UTC", "9 times", "HTTP 503: busy", "Deliveries waiting: 37", "24 h"):
        assert part in failing.output
    assert (
        failing.id
        == health_alert(
            "secops", replace(health, failures=12, reason="no answer"), HealthChange.FAILING, 99, OPTIONS, "host"
        ).id
    )
    outage = after_report(health, HealthChange.FAILING, 70 * SECOND)
    back = after_send(before_send(outage, 121 * SECOND), GOOD, 20, 121 * SECOND, 0.5)
    output = health_alert("secops", replace(back, digested=20), HealthChange.RECOVERED, 0, OPTIONS, "host").output
    for part in ("for 2 min", "Delivered since the health alert: 20, 20 of them in digests", "Dead letters: 0"):
        assert part in output
