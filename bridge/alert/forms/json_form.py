"""An alert from the JSON that Falco's http, program, file and stdout outputs write."""

from __future__ import annotations

from bridge.alert.alert import INTERNAL_SOURCE, Alert, kept_fields, make_alert
from bridge.alert.forms.json_body import Body, read_body
from bridge.alert.forms.json_value import list_items, split_values
from bridge.alert.malformed import NOTHING_SAID, Malformed, too_large
from bridge.alert.priority import Priority, parse_priority
from bridge.common.times import parse_time

SYSCALL_SOURCE = "syscall"
_INTERNAL_PREFIX = "Falco internal: "


def decode_json(body: bytes, received_ns: int) -> Alert | Malformed:
    """The alert in one JSON object. Pure, and total: whatever the bytes, it never raises.

    An alert is an object that names a rule or has an output text; all else may be missing or odd, since an alert
    is rather taken than lost. A missing or unreadable time is ``received_ns`` (nanoseconds since the epoch); a
    missing or unknown priority is the most severe, as it is on gRPC's wire.
    """
    refused = too_large(body)
    if refused is not None:
        return refused
    read = read_body(body)
    return read if isinstance(read, Malformed) else _alert(read, received_ns)


def _alert(body: Body, received_ns: int) -> Alert | Malformed:
    rule, output = body.text("rule"), body.said()
    if not rule and not output:
        return NOTHING_SAID
    fields, lists = split_values(body.values())
    time_ns = parse_time(body.text("time"))
    return make_alert(
        time_ns=received_ns if time_ns is None else time_ns,
        priority=_priority(body.text("priority")),
        rule=rule,
        source=body.text("source") or _unsaid_source(rule),
        hostname=body.text("hostname"),
        tags=list_items(body.tags) if isinstance(body.tags, list) else (),
        output=output,
        fields=kept_fields(fields),
        lists=lists,
    )


_BY_NUMBER = {str(int(priority)): priority for priority in Priority}


def _priority(text: str) -> Priority:
    named = parse_priority(text)
    return _BY_NUMBER.get(text, Priority.EMERGENCY) if named is None else named


def _unsaid_source(rule: str) -> str:
    """Falco before 0.31 names no source."""
    return INTERNAL_SOURCE if rule.startswith(_INTERNAL_PREFIX) else SYSCALL_SOURCE
