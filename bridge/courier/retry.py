"""What becomes of a delivery after an attempt. Pure: the clock and the dice are arguments."""

from __future__ import annotations

from bridge.channels.contract import Outcome, Verdict
from bridge.journal import Delivery, DeliveryState, Settlement

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
GIVE_UP_SECONDS = 24 * 3600.0
"""A delivery that has not succeeded for so long becomes a dead letter."""
_SECOND = 1_000_000_000
_MOST_DOUBLINGS = 20


def settlement(delivery: Delivery, outcome: Outcome, now_ns: int, dice: float) -> Settlement:
    """Delivered, a dead letter, or due again later; ``dice`` is from 0 to 1 and spreads retries out (full jitter)."""
    state, due_ns, reason = DeliveryState.PENDING, now_ns, outcome.reason
    age = (now_ns - delivery.created_ns) / _SECOND
    if outcome.verdict is Verdict.DELIVERED:
        state = DeliveryState.DELIVERED
    elif outcome.verdict is Verdict.REFUSED:
        state = DeliveryState.DEAD
    elif age >= GIVE_UP_SECONDS:
        state = DeliveryState.DEAD
        reason = f"given up after {delivery.attempts + 1} attempts in {age / 3600:.0f} h; the last: {outcome.reason}"
    else:
        due_ns += int(wait_seconds(delivery.attempts, outcome, dice) * _SECOND)
    return Settlement(delivery.id, state, now_ns, due_ns, outcome.status, reason)


def wait_seconds(attempts: int, outcome: Outcome, dice: float) -> float:
    """How long until the next attempt: what the far side asked for, or exponentially longer each time."""
    if outcome.retry_after is not None:
        return outcome.retry_after
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts, _MOST_DOUBLINGS))
    return max(0.1, ceiling * dice)
