"""The circuit of a channel: how outcomes change its health. Pure: clock and jitter are arguments.

A circuit opens after failed sends in a row. While it is open, only probes are sent: one delivery at a time, at growing
intervals. A successful probe closes it. A fault of the channel (a revoked token), or a refusal that may be one, opens
it sooner than an outage of the service. A rejection is an answer of a channel that works, and does not open it; a
channel that rejects everything is still reported. Neither does a rate limit of the service (429).
"""

from __future__ import annotations

from msgspec.structs import replace

from bridge.courier.health.retry import TOO_MANY_REQUESTS, wait_seconds
from bridge.delivery import Circuit, Health, Outcome, Verdict

OPENS_AFTER = 5
"""Failed sends in a row."""
_REJECTIONS = 2
"""Rejections, refusals or faults of the channel, in a row after which it counts as failing."""
_REFUSED_PROBE_SECONDS = 30.0
_REFUSED_PROBES = 100
"""A refused probe may be an invalid message, so the next one, with another message, is sent soon; after as many as this
the channel is hardly right."""
_SECOND = 1_000_000_000


def after_send(health: Health, outcome: Outcome, count: int, now_ns: int, jitter: float) -> Health:
    """The health after a send of ``count`` deliveries with that outcome."""
    if outcome.verdict is Verdict.DELIVERED:
        return _after_success(health, count, now_ns)
    health = replace(
        health,
        failures=health.failures + 1,
        failing_ns=health.failing_ns or now_ns,
        failure_ns=now_ns,
        status=outcome.status,
        reason=outcome.reason,
        rejected=outcome.verdict is Verdict.REJECTED,
        channel_fault=outcome.verdict in {Verdict.AMBIGUOUS, Verdict.CHANNEL_FAULT},
        recovered_ns=0,
    )
    if outcome.verdict is Verdict.REJECTED:
        return replace(_moved(health, Circuit.CLOSED, now_ns), dead=health.dead + count)
    probing = health.circuit is not Circuit.CLOSED
    if probing or (health.failures >= _opens_after(health) and outcome.status != TOO_MANY_REQUESTS):
        wait = wait_seconds(max(health.failures - OPENS_AFTER, 0), outcome, jitter)
        if outcome.verdict is Verdict.AMBIGUOUS and health.failures <= _REFUSED_PROBES:
            wait = min(wait, _REFUSED_PROBE_SECONDS)
        return replace(_moved(health, Circuit.OPEN, now_ns), probe_ns=now_ns + int(wait * _SECOND))
    return health


def before_send(health: Health, now_ns: int) -> Health:
    """The health with a send in flight: for an open circuit it is the probe."""
    return _moved(health, Circuit.HALF_OPEN, now_ns) if health.circuit is Circuit.OPEN else health


def after_restart(health: Health) -> Health:
    """The health for a new courier: a probe of the previous one is no longer in flight."""
    return replace(health, circuit=Circuit.OPEN) if health.circuit is Circuit.HALF_OPEN else health


def is_failing(health: Health) -> bool:
    """Whether enough sends in a row have failed for a health alert."""
    return health.failures >= (_REJECTIONS if health.rejected else _opens_after(health))


def _opens_after(health: Health) -> int:
    return _REJECTIONS if health.channel_fault else OPENS_AFTER


def _after_success(health: Health, count: int, now_ns: int) -> Health:
    return replace(
        _moved(health, Circuit.CLOSED, now_ns),
        failures=0,
        failing_ns=health.failing_ns if health.notified_ns else 0,
        recovered_ns=(health.recovered_ns or now_ns) if health.notified_ns else 0,
        delivered=health.delivered + count,
        success_ns=now_ns,
        rejected=False,
        channel_fault=False,
    )


def _moved(health: Health, circuit: Circuit, now_ns: int) -> Health:
    return health if health.circuit is circuit else replace(health, circuit=circuit, since_ns=now_ns)
