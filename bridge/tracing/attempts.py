"""Traces the courier's attempts at the moment when they end."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.delivery import Delivery, Outcome
from bridge.tracing.attempt_spans import AttemptTimes, span_of_delivery
from bridge.tracing.ids import is_sampled, trace_id
from bridge.tracing.tracer import Tracer

_SECOND = 1e9


def trace_attempt(
    tracer: Tracer, send: Sequence[Delivery], outcome: Outcome, started: float | None, *, is_late: bool = False
) -> None:
    """Trace an attempt that has just ended: one span for each of its deliveries whose alert is sampled. Never waits.

    ``started`` is when it began, by the monotonic clock.
    """
    if not tracer.sample:
        return
    ended_ns = time.time_ns()
    lasted = 0.0 if started is None else time.monotonic() - started
    times = AttemptTimes(ended_ns - int(lasted * _SECOND), ended_ns, len(send), is_late)
    for delivery in send:
        if not is_sampled(trace_id(delivery.alert.id), tracer.sample):
            continue
        if tracer.has_room:
            tracer.offer((span_of_delivery(delivery, outcome, times),))
        else:
            tracer.drop(1)
