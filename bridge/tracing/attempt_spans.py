"""The spans of one attempt in the courier: one in the trace of each alert that the attempt was about."""

from __future__ import annotations

import msgspec

from bridge.delivery import HEALTH_ALERT_ROUTE, Delivery, Outcome, Verdict
from bridge.routing import NotificationKind
from bridge.tracing.alert_spans import ALERT
from bridge.tracing.ids import span_id, trace_id
from bridge.tracing.span import MOST_ITEMS, Span, SpanKind, Value, text, texts


class AttemptTimes(msgspec.Struct, frozen=True, gc=False):
    """When an attempt began and ended, in nanoseconds since the epoch."""

    started_ns: int
    ended_ns: int
    together: int = 1
    """How many deliveries it held."""
    is_late: bool = False
    """Whether the channel answered after the timeout."""


def span_of_delivery(delivery: Delivery, outcome: Outcome, times: AttemptTimes) -> Span:
    """The span of one delivery of an attempt, in the trace of its alert."""
    alert, notification = delivery.alert, delivery.notification
    trace = trace_id(alert.id)
    number = delivery.attempts + 1
    kind = "single" if notification.context is None else notification.context.kind.value
    attributes: dict[str, Value] = {
        "falco_bridge.alert.id": alert.id,
        "falco_bridge.channel": text(notification.channel),
        "falco_bridge.outcome": outcome.verdict.value,
        "falco_bridge.attempt": number,
        "falco_bridge.delivery.id": delivery.id,
        "falco_bridge.notification": kind,
        "falco_bridge.routes": texts(notification.routes),
        "falco_bridge.sent_together": times.together,
    }
    if outcome.status is not None:
        attributes["falco_bridge.status"] = outcome.status
    if times.is_late:
        attributes["falco_bridge.late"] = True
    others = [each.id for each in delivery.others if each.id != alert.id]
    if others and kind == NotificationKind.DIGEST:
        attributes["falco_bridge.digest.alerts"] = len(others) + 1
    is_couriers_own = HEALTH_ALERT_ROUTE in notification.routes  # the router made no span of it
    parent = None if is_couriers_own else span_id(alert.id, ALERT)
    return Span(
        name=f"deliver {text(notification.channel)}", trace=trace,
        id=span_id(alert.id, f"{delivery.id} {number}{' late' if times.is_late else ''}"),
        parent=parent, kind=SpanKind.CLIENT, start_ns=times.started_ns, end_ns=times.ended_ns,
        attributes=attributes,
        links=tuple((trace_id(each), span_id(each, ALERT)) for each in others[:MOST_ITEMS]),
        error="" if outcome.verdict is Verdict.DELIVERED else text(outcome.reason or outcome.verdict.value),
    )  # fmt: skip
