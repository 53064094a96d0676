"""Follows the wall clock when it is set, so that a step neither ages nor delays deliveries.

While the courier runs, it knows the step. At its start it knows only when the previous courier last did something: a
clock that is earlier was set back. A clock more than an hour later means down time or a step forward; the two cannot be
distinguished, and neither makes deliveries older.
"""

from __future__ import annotations

from dataclasses import replace

import structlog
from msgspec import structs

from bridge.common.clocks.clock import STEP_NS, Step
from bridge.delivery import Delivery, Health
from bridge.journal.protocols import DeliveryQueue

LONGEST_PAUSE_NS = 3600 * 1_000_000_000
"""Time between two runs counts as at most this much of a delivery's age."""


def follow_start(queue: DeliveryQueue, now_ns: int) -> None:
    """Move the times in the journal where the clock was set, or the bridge was down for long, since the last run."""
    health = queue.health()
    known = (queue.latest_ns(), *(max(each.failure_ns, each.success_ns) for each in health.values()))
    latest_ns = max((each for each in known if each), default=now_ns)
    pause_ns = now_ns - latest_ns
    log = structlog.get_logger("courier")
    if pause_ns < -STEP_NS:
        step = Step(pause_ns, now_ns, now_ns)
        log.warning("clock was set back since the last run", seconds=step.seconds)
        queue.follow(step, {name: moved_health(each, step) for name, each in health.items()})
    elif pause_ns > LONGEST_PAUSE_NS:
        step = Step(pause_ns - LONGEST_PAUSE_NS, now_ns, now_ns)
        log.info("long pause since the last run; deliveries age by an hour", pause_seconds=pause_ns / 1_000_000_000)
        queue.follow(step, {})


def moved_deliveries(send: tuple[Delivery, ...], step: Step) -> tuple[Delivery, ...]:
    """Deliveries that were read from the journal before it followed the step."""
    return tuple(replace(each, created_ns=min(step.moved(each.created_ns), step.now_ns)) for each in send)


def moved_health(health: Health, step: Step) -> Health:
    """The health with all of its times moved."""
    return structs.replace(
        health,
        since_ns=step.moved_if_set(health.since_ns),
        failing_ns=step.moved_if_set(health.failing_ns),
        probe_ns=step.moved_if_set(health.probe_ns),
        notified_ns=step.moved_if_set(health.notified_ns),
        recovered_ns=step.moved_if_set(health.recovered_ns),
        success_ns=step.moved_if_set(health.success_ns),
        failure_ns=step.moved_if_set(health.failure_ns),
    )
