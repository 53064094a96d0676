"""When a delivery is tried again, and when it becomes a dead letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.courier.health.retry import RELEASED_AFTER, duration_text, expired, settlement, wait_seconds
from bridge.delivery import DeliveryState, Outcome, Verdict
from tests.support.builders import delivery

SECOND = 1_000_000_000
DAY = 86_400.0
BUSY = Outcome(Verdict.RETRY, 503, "busy")


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_are_bounded(attempts: int, jitter: float) -> None:
    """From a tenth of a second to five minutes, whatever the jitter."""
    assert 0.1 <= wait_seconds(attempts, BUSY, jitter) <= 300


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(0, 1.0, 1.0), (1, 1.0, 2.0), (3, 0.5, 4.0), (8, 1.0, 256.0), (9, 1.0, 300.0), (0, 0.0, 0.1), (0, 0.11, 0.11),
     (9, 0.0, 0.1)],
)  # fmt: skip
def test_waits_double_up_to_the_longest_and_never_go_below_the_shortest(
    attempts: int, jitter: float, seconds: float
) -> None:
    """Full jitter: from the shortest wait to the ceiling of that attempt."""
    assert wait_seconds(attempts, BUSY, jitter) == pytest.approx(seconds)


def test_the_wait_that_the_service_asks_for_is_kept() -> None:
    """Also one shorter than our own shortest wait."""
    assert wait_seconds(0, Outcome(Verdict.RETRY, 429, "slow", 42.0), 0.5) == 42.0
    assert wait_seconds(9, Outcome(Verdict.RETRY, 429, "slow", 0.0), 0.5) == 0.0


def test_each_verdict_has_its_state() -> None:
    """Delivered; a dead letter at once when rejected; due later otherwise, also for a faulty channel."""
    delivered = settlement(delivery(), Outcome(Verdict.DELIVERED, 200), 5, 0.5, DAY)
    assert (delivered.state, delivered.status, delivered.reason) == (DeliveryState.DELIVERED, 200, "")
    rejected = settlement(delivery(), Outcome(Verdict.REJECTED, 400, "bad"), 5, 0.5, DAY)
    assert (rejected.state, rejected.reason, rejected.at_ns) == (DeliveryState.DEAD, "bad", 5)
    for outcome in (BUSY, Outcome(Verdict.CHANNEL_FAULT, 404, "gone")):
        again = settlement(delivery(attempts=3), outcome, SECOND, 1.0, DAY)
        assert (again.state, again.at_ns, again.due_ns) == (DeliveryState.PENDING, SECOND, 9 * SECOND)
        assert again.reason == outcome.reason


@pytest.mark.parametrize(("age", "state"), [(59.999, DeliveryState.PENDING), (60.0, DeliveryState.DEAD)])
def test_a_delivery_is_given_up_at_its_age(age: float, state: DeliveryState) -> None:
    """Counted from its creation to the end of the attempt, whatever the number of attempts."""
    created_ns = 1_000 * SECOND
    for attempts in (0, 99):
        old = delivery(attempts=attempts, created_ns=created_ns)
        assert settlement(old, BUSY, created_ns + int(age * SECOND), 0.5, 60.0).state is state


def test_a_delivery_of_the_future_is_tried_again() -> None:
    """The clock was set back since it was created."""
    young = delivery(created_ns=10**6 * SECOND)
    assert settlement(young, BUSY, SECOND, 0.5, 60.0).state is DeliveryState.PENDING


def test_the_reason_of_a_dead_letter_counts_this_attempt_too() -> None:
    """With its age and the last answer."""
    once = settlement(delivery(attempts=0, created_ns=0), BUSY, 90 * SECOND, 0.5, 60.0)
    assert once.reason == "given up after 1 attempt in 90 s; the last answer: busy"
    often = settlement(delivery(attempts=6, created_ns=0), BUSY, 7200 * SECOND, 0.5, 60.0)
    assert often.reason == "given up after 7 attempts in 2 h; the last answer: busy"
    assert expired(3600.0, "busy") == "given up after 60 min; the channel's last answer: busy"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h")]
)
def test_durations_are_written_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    """Rounded."""
    assert duration_text(seconds) == text


def test_a_delivery_that_fails_too_often_is_released_from_its_order_key() -> None:
    """It may be the cause of the failures; a rate limit (429) never is."""
    released = [
        settlement(delivery(attempts=attempts), BUSY, 0, 0.5, DAY).released_from_order
        for attempts in range(RELEASED_AFTER + 1)
    ]
    assert released.index(True) == RELEASED_AFTER - 1
    assert not settlement(delivery(attempts=99), Outcome(Verdict.RETRY, 429, "slow"), 0, 0.5, DAY).released_from_order
