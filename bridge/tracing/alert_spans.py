"""The spans of one alert in the router: received to committed, with what was decided in between."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bridge.alert import Alert
from bridge.routing import Decision, Entry, Reason
from bridge.tracing.ids import span_id, trace_id
from bridge.tracing.span import MOST_ITEMS, Span, SpanKind, Value, text, texts

SPANS_OF_ALERT = 3
"""How many spans the router makes of an alert."""
ALERT = "alert"
"""The name of the first span of each trace."""
_PLACES = {"k8s.ns.name": "k8s.namespace.name", "k8s.pod.name": "k8s.pod.name"}
"""Fields that become attributes, with the names of OpenTelemetry's conventions."""


class BatchTimes(msgspec.Struct, frozen=True, gc=False):
    """When a batch was received, decided about, and committed, in nanoseconds since the epoch."""

    source_name: str
    received_ns: int
    decide_ns: int
    decided_ns: int
    commit_ns: int
    committed_ns: int
    alerts: int
    """How many alerts the batch committed."""


def spans_of_alert(entry: Entry, times: BatchTimes) -> list[Span]:
    """The spans of a committed alert, whose fields are redacted already."""
    alert = entry.alert
    trace = trace_id(alert.id)
    root = span_id(alert.id, ALERT)
    decisions = entry.routed.decisions
    channels = [each.channel for each in entry.routed.notifications]
    return [
        Span(
            name=ALERT, trace=trace, id=root, kind=SpanKind.CONSUMER, start_ns=times.received_ns,
            end_ns=max(times.committed_ns, times.received_ns),
            attributes={
                **attributes_of(alert), "falco_bridge.source_name": text(times.source_name),
                "falco_bridge.channels": texts(channels),
            },
        ),
        Span(
            name="decide", trace=trace, id=span_id(alert.id, "decide"), parent=root, start_ns=times.decide_ns,
            end_ns=times.decided_ns, attributes=_of_decisions(decisions),
            error="an internal error in a route" if any(each.reason is Reason.FAILED for each in decisions) else "",
        ),
        Span(
            name="commit", trace=trace, id=span_id(alert.id, "commit"), parent=root, start_ns=times.commit_ns,
            end_ns=times.committed_ns, attributes={"falco_bridge.batch.alerts": times.alerts},
        ),
    ]  # fmt: skip


def attributes_of(alert: Alert) -> dict[str, Value]:
    """What identifies an alert. The names are fixed, the values bounded."""
    values: dict[str, Value] = {
        "falco_bridge.alert.id": alert.id,
        "falco.rule": text(alert.rule),
        "falco.priority": alert.priority.word,
        "falco.source": text(alert.source),
        "host.name": text(alert.hostname),
    }
    for field, name in _PLACES.items():
        if (value := alert.fields.get(field)) is not None:
            values[name] = text(value)
    return values


def _of_decisions(decisions: Sequence[Decision]) -> dict[str, Value]:
    """Up to 32 of the decisions, those that sent something first."""
    chosen = decisions
    if len(decisions) > MOST_ITEMS:
        chosen = sorted(decisions, key=lambda each: each.reason is not Reason.SENT)
    return {
        "falco_bridge.decisions": texts([_line(each) for each in chosen[:MOST_ITEMS]]),
        "falco_bridge.decisions.count": len(decisions),
    }


def _line(decision: Decision) -> str:
    """``critical: sent to pager, soc``."""
    channels = f" to {', '.join(decision.channels[:MOST_ITEMS])}" if decision.channels else ""
    detail = f" ({decision.detail})" if decision.detail else ""
    return f"{decision.route}: {decision.reason.value}{channels}{detail}"
