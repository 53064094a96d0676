"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Priority, make_alert
from bridge.courier.retry import STEPS_ASIDE_AFTER, settlement, wait_seconds
from bridge.delivery import Delivery, DeliveryState
from bridge.delivery.outcome import Outcome, Verdict
from bridge.routing import Notification

ALERT = make_alert(
    time_ns=1, priority=Priority.ERROR, rule="r", source="syscall", hostname="h", tags=(), output="", fields={}
)
DAY = 86_400.0
BUSY = Outcome(Verdict.RETRY, 503, "busy")


def delivery(attempts: int) -> Delivery:
    return Delivery(1, ALERT, Notification("c", ("r",), Priority.ERROR), attempts, 0)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_are_bounded_and_never_nothing(attempts: int, jitter: float) -> None:
    """Between a tenth of a second and five minutes, whatever the dice."""
    assert 0.1 <= wait_seconds(attempts, BUSY, jitter) <= 300


def test_the_far_sides_wish_is_honoured() -> None:
    """Retry-After instead of our own."""
    assert wait_seconds(0, Outcome(Verdict.RETRY, 429, "slow", 42.0), 0.5) == 42.0


def test_each_verdict_has_its_state() -> None:
    """Delivered; dead at once when refused; due later, of a broken channel too; dead with its last reason after a day."""
    assert settlement(delivery(0), Outcome(Verdict.DELIVERED, 200), 5, 0.5, DAY).state is DeliveryState.DELIVERED
    assert settlement(delivery(0), Outcome(Verdict.REJECTED, 400, "bad"), 5, 0.5, DAY).state is DeliveryState.DEAD
    for outcome in (BUSY, Outcome(Verdict.CHANNEL_FAULT, 404, "gone")):
        again = settlement(delivery(3), outcome, 1_000_000_000, 1.0, DAY)
        assert (again.state, again.due_ns) == (DeliveryState.PENDING, 9_000_000_000)
    late = settlement(delivery(99), BUSY, int(DAY * 1e9), 0.5, DAY)
    assert late.state is DeliveryState.DEAD
    assert "busy" in late.reason


def test_what_failed_too_often_steps_aside_unless_it_was_only_too_fast() -> None:
    """It may be what is wrong; a 429 is never its fault."""
    asides = [settlement(delivery(n), BUSY, 0, 0.5, DAY).aside for n in range(STEPS_ASIDE_AFTER + 1)]
    assert asides.index(True) == STEPS_ASIDE_AFTER - 1
    assert not settlement(delivery(99), Outcome(Verdict.RETRY, 429, "slow"), 0, 0.5, DAY).aside
