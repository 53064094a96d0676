"""The settlement of an attempt: delivered, tried again after a backoff, or a dead letter. Pure."""

from __future__ import annotations

from bridge.common.clocks.durations import duration_text
from bridge.delivery import Delivery, DeliveryState, Outcome, Settlement, Verdict
from bridge.delivery.outcome import CONNECTION_REFUSED

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
_SHORTEST_SECONDS = 0.1
RELEASED_AFTER = 5
"""Failed attempts after which a delivery is released from its order key: it may be the cause of the failures, so it is
sent alone, and the later ones do not wait for it."""
TOO_MANY_REQUESTS = 429
"""The HTTP status of a service that works, and is used too often."""
_SECOND = 1_000_000_000
_MOST_DOUBLINGS = 20


def settlement(delivery: Delivery, outcome: Outcome, now_ns: int, jitter: float, give_up_after: float) -> Settlement:
    """The settlement of an attempt that ended at ``now_ns``.

    ``jitter`` is from 0 to 1 and spreads retries (full jitter). A delivery of at least ``give_up_after`` seconds is
    not tried again.
    """
    state, due_ns, reason = DeliveryState.PENDING, now_ns, outcome.reason
    age = (now_ns - delivery.created_ns) / _SECOND
    if outcome.verdict is Verdict.DELIVERED:
        state = DeliveryState.DELIVERED
    elif outcome.verdict is Verdict.REJECTED:
        state = DeliveryState.DEAD
    elif age >= give_up_after:
        state, reason = DeliveryState.DEAD, given_up(delivery.attempts + 1, age, outcome.reason)
    else:
        due_ns += int(wait_seconds(delivery.attempts, outcome, jitter) * _SECOND)
    may_be_the_cause = outcome.status != TOO_MANY_REQUESTS and not is_refused(outcome)
    released = delivery.attempts + 1 >= RELEASED_AFTER and may_be_the_cause
    released = released or outcome.verdict is Verdict.AMBIGUOUS  # the next one shows which is at fault
    return Settlement(delivery.id, state, now_ns, due_ns, outcome.status, reason, released_from_order=released)


def is_refused(outcome: Outcome) -> bool:
    """Whether the connection was refused, so that no message was sent."""
    return outcome.verdict is Verdict.RETRY and outcome.reason.startswith(CONNECTION_REFUSED)


def wait_seconds(attempts: int, outcome: Outcome, jitter: float) -> float:
    """Seconds until the next attempt: what the service asked for, or exponentially longer after each attempt."""
    if outcome.retry_after is not None:
        return outcome.retry_after
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts, _MOST_DOUBLINGS))
    return max(_SHORTEST_SECONDS, ceiling * jitter)


def given_up(attempts: int, age_seconds: float, last: str) -> str:
    """The reason of a dead letter that was tried for too long; ``last`` is the last answer."""
    tries = f"{attempts} attempt{'s' * (attempts != 1)}"
    return f"given up after {tries} in {duration_text(age_seconds)}; the last answer: {last}"


def expired(age_seconds: float, last: str) -> str:
    """The reason of a dead letter that waited for too long behind an open circuit; ``last`` is the channel's answer."""
    return f"given up after {duration_text(age_seconds)}; the channel's last answer: {last}"
