"""The page of ``falco-bridge show``: an alert with its decisions, deliveries and incidents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.printing.alert_rows import decision_object, local_time
from bridge.common.text import one_line, visible

if TYPE_CHECKING:
    from bridge.history.story import AlertStory, DeliveryStory
    from bridge.journal.records import NotificationRecord
    from bridge.routing import Decision

_WIDTH = 300
_VALUE = 4000


def story_lines(story: AlertStory, channel: str = "") -> Iterator[str]:
    """The page, line by line. With ``channel`` it begins with what became of the alert on that channel."""
    if channel:
        yield from _answer(story, channel)
        yield ""
    yield from _alert(story)
    yield "\ndecisions"
    for decision in story.recorded.decisions:
        yield from _decision(decision)
    if not story.recorded.decisions:
        yield "  no route matched, and `otherwise` did not apply"
    yield "\ndeliveries"
    for each in story.deliveries:
        yield from _delivery(each)
    if not story.deliveries:
        yield "  none is stored"


def _alert(story: AlertStory) -> Iterator[str]:
    from bridge.common.clocks.times import iso_text

    alert, recorded = story.recorded.alert, story.recorded
    rows = [
        ("alert", alert.id), ("rule", alert.rule), ("priority", str(alert.priority)),
        ("time", f"{local_time(alert.time_ns)} ({iso_text(alert.time_ns)})"),
        ("received", f"{local_time(recorded.received_ns)}, by the source {recorded.source_name}"),
        ("node", alert.hostname), ("alert source", alert.source), ("tags", ", ".join(alert.tags)),
        ("output", alert.output), *sorted(alert.fields.items()),
    ]  # fmt: skip
    for name, value in rows:
        if value:
            yield f"{one_line(name, 60):<14}  {one_line(value, _VALUE)}"


def _decision(decision: Decision) -> Iterator[str]:
    detail = f" ({one_line(decision.detail, _WIDTH)})" if decision.detail else ""
    yield f'  route "{one_line(decision.route, _WIDTH)}": {decision.reason.value}{detail}'
    channels = f"; channels: {', '.join(decision.channels)}" if decision.channels else ""
    yield f"    {decision.reason.meaning}{one_line(channels, _WIDTH)}"
    if decision.incident:
        yield f"    incident {decision.incident}"


def _delivery(story: DeliveryStory) -> Iterator[str]:
    record, delivery = story.record, story.record.delivery
    what = one_line(", ".join(filter(None, (_state(record), *_parts(story)))), _WIDTH)
    yield f"  delivery {delivery.id} to {visible(delivery.channel)}: {what}"
    for each in story.failures:
        status = "" if each.status is None else f"{each.status}  "
        yield f"    attempt {each.number:<3} {local_time(each.attempted_ns)}  {status}{one_line(each.reason, _WIDTH)}"
    delivered = delivery.state.value == "delivered"
    missing = delivery.attempts - len(story.failures) - delivered
    if missing > 0:
        yield f"    ({missing} more failed attempts are not stored)"
    if delivered and record.settled_ns is not None:
        status = "" if delivery.status is None else f"{delivery.status}  "
        yield f"    attempt {delivery.attempts:<3} {local_time(record.settled_ns)}  {status}delivered"


def _state(record: NotificationRecord) -> str:
    state = record.delivery.state.value
    if state == "pending":
        return f"pending, next attempt {local_time(record.due_ns)}"
    if state in {"dead", "discarded"}:
        word = "a dead letter" if state == "dead" else "a discarded dead letter"
        return f"{word}: {record.delivery.reason}"
    return state if record.settled_ns is None else f"{state} {local_time(record.settled_ns)}"


def _parts(story: DeliveryStory) -> Iterator[str]:
    """What else there is to say about a delivery."""
    notification, delivery = story.record.notification, story.record.delivery
    if notification is not None:
        yield f"for {', '.join(notification.routes)}"
        context = notification.context
        if context is not None:
            if context.kind.value != "single" or context.count > 1:
                yield f"{context.kind.value} of {context.count} alerts"
            if context.suppressed:
                yield f"{context.suppressed} throttled before it"
            if context.alerts:
                yield f"names {len(context.alerts)} alerts, about {delivery.alert_id}"
            if context.incident:
                yield f"incident {context.incident}" + (f" ({context.key})" if context.key else "")
    if delivery.digest_id is not None:
        yield f"in one message with delivery {delivery.digest_id}"
    if story.relation.value == "incident":
        yield "of the same incident"


def _answer(story: AlertStory, channel: str) -> Iterator[str]:
    """Why the alert reached the channel, or did not."""
    found = story.of_channel(channel)
    own = [each for each in found if each.relation.value != "incident"]
    if own:
        for each in own:
            yield f"{visible(channel)}: {_state(each.record)} (delivery {each.record.delivery.id})"
        return
    yield f"{visible(channel)}: nothing about this alert was sent to it, or it is not stored any more"
    for decision in story.recorded.decisions:
        if channel in decision.channels:
            yield f'  route "{one_line(decision.route, _WIDTH)}" sent it there'
        elif not decision.channels:
            detail = f" ({decision.detail})" if decision.detail else ""
            yield f'  route "{one_line(decision.route, _WIDTH)}": {decision.reason.meaning}{one_line(detail, _WIDTH)}'
    if found:
        yield f"  its incident was sent there by delivery {found[0].record.delivery.id}"


def story_object(story: AlertStory) -> dict[str, Any]:
    """The same as JSON."""
    from bridge.alert.forms.falco_json import falco_json
    from bridge.common.clocks.times import iso_text
    from bridge.tracing.ids import trace_id

    recorded = story.recorded
    return falco_json(recorded.alert) | {
        "id": recorded.alert.id,
        "trace_id": f"{trace_id(recorded.alert.id):032x}",
        "received": iso_text(recorded.received_ns),
        "source_name": recorded.source_name,
        "decisions": [
            decision_object(each) | {"meaning": each.reason.meaning, "incident": each.incident}
            for each in recorded.decisions
        ],
        "deliveries": [_delivery_object(each) for each in story.deliveries],
    }


def _delivery_object(story: DeliveryStory) -> dict[str, Any]:
    import msgspec

    from bridge.common.clocks.times import iso_text

    record, delivery = story.record, story.record.delivery
    notification = record.notification
    context = None if notification is None else notification.context
    return {
        "id": delivery.id,
        "relation": story.relation.value,
        "channel": delivery.channel,
        "state": delivery.state.value,
        "routes": () if notification is None else notification.routes,
        "created": iso_text(record.created_ns),
        "settled": None if record.settled_ns is None else iso_text(record.settled_ns),
        "attempts": delivery.attempts,
        "status": delivery.status,
        "reason": delivery.reason,
        "about": delivery.alert_id,
        "digest": delivery.digest_id,
        "context": None if context is None else msgspec.to_builtins(context),
        "failures": [
            {"attempt": each.number, "time": iso_text(each.attempted_ns), "status": each.status, "reason": each.reason}
            for each in story.failures
        ],
    }
