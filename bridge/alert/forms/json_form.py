"""Decodes alerts from the JSON of Falco's http, program, file and stdout outputs."""

from __future__ import annotations

from bridge.alert.alert import INTERNAL_SOURCE, Alert, make_alert
from bridge.alert.forms.json_body import Body, read_body
from bridge.alert.forms.json_value import list_items, split_values
from bridge.alert.malformed import NO_CONTENT, Malformed, too_large
from bridge.alert.priority import Priority, parse_priority
from bridge.common.times import parse_time

SYSCALL_SOURCE = "syscall"
_INTERNAL_PREFIX = "Falco internal: "


def decode_json(body: bytes, received_ns: int) -> Alert | Malformed:
    """The alert in a JSON object. Never raises.

    An object with a rule or an output text is an alert; everything else may be missing or invalid. A missing or invalid
    time becomes ``received_ns`` (nanoseconds since the epoch). A missing or unknown priority becomes Emergency, because
    gRPC omits the field for Emergency.
    """
    refused = too_large(body)
    if refused is not None:
        return refused
    read = read_body(body)
    return read if isinstance(read, Malformed) else _alert(read, received_ns)


def _alert(body: Body, received_ns: int) -> Alert | Malformed:
    rule, output = body.text("rule"), body.output_text()
    if not rule and not output:
        return NO_CONTENT
    fields, lists = split_values(body.values())
    time_ns = parse_time(body.text("time"))
    return make_alert(
        time_ns=received_ns if time_ns is None else time_ns,
        priority=_priority(body.text("priority")),
        rule=rule,
        source=body.text("source") or _default_source(rule),
        hostname=body.text("hostname"),
        tags=list_items(body.tags) if isinstance(body.tags, list) else (),
        output=output,
        fields=fields,
        lists=lists,
    )


_BY_NUMBER = {str(int(priority)): priority for priority in Priority}


def _priority(text: str) -> Priority:
    named = parse_priority(text)
    return _BY_NUMBER.get(text, Priority.EMERGENCY) if named is None else named


def _default_source(rule: str) -> str:
    """The alert source of messages without one, from Falco before 0.31."""
    return INTERNAL_SOURCE if rule.startswith(_INTERNAL_PREFIX) else SYSCALL_SOURCE
