"""What a channel's answers say of its health. Pure: the clock and the jitter are arguments.

A circuit opens when sends fail in a row. While it is open nothing goes out but a probe: one delivery, at intervals that
grow. The first that goes through closes it. A far side that takes us no more opens it sooner than one that is down.
A refusal of a delivery is an answer: it opens nothing, yet a channel that only refuses is failing too. A far side that
asks us to slow down works.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.courier.retry import TOO_MANY, wait_seconds
from bridge.delivery import Circuit, Health
from bridge.delivery.outcome import Outcome, Verdict

OPENS_AFTER = 5
"""Failed sends in a row."""
_REFUSALS = 2
"""So many refusals in a row are no accident, be it of deliveries or of us."""
_SECOND = 1_000_000_000


def after_send(health: Health, outcome: Outcome, count: int, now_ns: int, jitter: float) -> Health:
    """The health after a send of ``count`` deliveries came to that outcome."""
    if outcome.verdict is Verdict.DELIVERED:
        return _after_success(health, count, now_ns)
    health = replace(
        health,
        failures=health.failures + 1,
        failing_ns=health.failing_ns or now_ns,
        failure_ns=now_ns,
        status=outcome.status,
        reason=outcome.reason,
        refused=outcome.verdict is Verdict.REJECTED,
        broken=outcome.verdict is Verdict.CHANNEL_FAULT,
        recovered_ns=0,
    )
    if outcome.verdict is Verdict.REJECTED:
        return replace(_moved(health, Circuit.CLOSED, now_ns), dead=health.dead + count)
    probing = health.circuit is not Circuit.CLOSED
    if probing or (health.failures >= _opens_after(health) and outcome.status != TOO_MANY):
        wait = wait_seconds(max(health.failures - OPENS_AFTER, 0), outcome, jitter)
        return replace(_moved(health, Circuit.OPEN, now_ns), probe_ns=now_ns + int(wait * _SECOND))
    return health


def before_send(health: Health, now_ns: int) -> Health:
    """The health with a send on its way: an open circuit has its probe."""
    return _moved(health, Circuit.HALF_OPEN, now_ns) if health.circuit is Circuit.OPEN else health


def after_restart(health: Health) -> Health:
    """As a new courier finds it: the probe that was out is not out any more."""
    return replace(health, circuit=Circuit.OPEN) if health.circuit is Circuit.HALF_OPEN else health


def is_failing(health: Health) -> bool:
    """Whether it has failed often enough in a row to speak of it."""
    return health.failures >= (_REFUSALS if health.refused else _opens_after(health))


def _opens_after(health: Health) -> int:
    return _REFUSALS if health.broken else OPENS_AFTER


def _after_success(health: Health, count: int, now_ns: int) -> Health:
    return replace(
        _moved(health, Circuit.CLOSED, now_ns),
        failures=0,
        failing_ns=health.failing_ns if health.told_ns else 0,
        recovered_ns=(health.recovered_ns or now_ns) if health.told_ns else 0,
        delivered=health.delivered + count,
        success_ns=now_ns,
        refused=False,
        broken=False,
    )


def _moved(health: Health, circuit: Circuit, now_ns: int) -> Health:
    return health if health.circuit is circuit else replace(health, circuit=circuit, since_ns=now_ns)
