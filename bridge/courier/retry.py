"""What becomes of an attempt: done, a retry after a backoff, a dead letter. Pure: clock and jitter are arguments."""

from __future__ import annotations

from bridge.common.durations import duration_text
from bridge.delivery import Delivery, DeliveryState, Settlement
from bridge.delivery.outcome import Outcome, Verdict

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
STEPS_ASIDE_AFTER = 5
"""Failed attempts; a delivery that has failed so often may be what is wrong: it goes alone, and holds back nobody."""
TOO_MANY = 429
"""HTTP's way of saying that a channel works, and is used too fast."""
_SECOND = 1_000_000_000
_MOST_DOUBLINGS = 20


def settlement(delivery: Delivery, outcome: Outcome, now_ns: int, jitter: float, give_up_seconds: float) -> Settlement:
    """Delivered, a dead letter, or due again later; ``jitter`` is from 0 to 1 and spreads retries out (full jitter)."""
    state, due_ns, reason = DeliveryState.PENDING, now_ns, outcome.reason
    age = (now_ns - delivery.created_ns) / _SECOND
    if outcome.verdict is Verdict.DELIVERED:
        state = DeliveryState.DELIVERED
    elif outcome.verdict is Verdict.REJECTED:
        state = DeliveryState.DEAD
    elif age >= give_up_seconds:
        state, reason = DeliveryState.DEAD, given_up(delivery.attempts + 1, age, outcome.reason)
    else:
        due_ns += int(wait_seconds(delivery.attempts, outcome, jitter) * _SECOND)
    aside = delivery.attempts + 1 >= STEPS_ASIDE_AFTER and outcome.status != TOO_MANY
    return Settlement(delivery.id, state, now_ns, due_ns, outcome.status, reason, aside=aside)


def wait_seconds(attempts: int, outcome: Outcome, jitter: float) -> float:
    """How long until the next attempt: what the far side asked for, or exponentially longer each time."""
    if outcome.retry_after is not None:
        return outcome.retry_after
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts, _MOST_DOUBLINGS))
    return max(0.1, ceiling * jitter)


def given_up(attempts: int, age_seconds: float, last: str) -> str:
    """The reason of a dead letter that was tried for too long."""
    tries = f"{attempts} attempt{'s' * (attempts != 1)}"
    return f"given up after {tries} in {duration_text(age_seconds)}; the last: {last}"


def given_up_waiting(age_seconds: float, last: str) -> str:
    """The reason of dead letters that waited for too long behind an open circuit, however often each was tried."""
    return f"given up after {duration_text(age_seconds)}; the channel's last answer: {last}"
