"""Decodes alerts from the JSON of Falco's http, program, file and stdout outputs."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.alert.alert import INTERNAL_SOURCE, Alert, make_alert
from bridge.alert.forms.json_body import TOO_DEEP, Body, has_foreign_members, read_body
from bridge.alert.forms.json_value import list_items, split_values
from bridge.alert.internal import INTERNAL_PREFIX
from bridge.alert.malformed import NO_CONTENT, NOT_FROM_FALCO, Malformed, too_large
from bridge.alert.priority import Priority, parse_priority
from bridge.common.clocks.times import parse_time

SYSCALL_SOURCE = "syscall"
AUDIT_SOURCE = "k8s_audit"
_AUDIT_FIELDS = ("ka.", "jevt.")


def decode_json(body: bytes, received_ns: int) -> Alert | Malformed:
    """The alert in a JSON object. Never raises.

    An object with ``output_fields`` and a rule, a priority or both is an alert. Falco can be configured to omit
    ``output_fields``; then all members must be Falco's. A missing or invalid time becomes ``received_ns`` (nanoseconds
    since the epoch), a missing or unknown priority becomes Warning.
    """
    refused = too_large(body)
    if refused is not None:
        return refused
    read = read_body(body)
    if isinstance(read, Malformed):
        return read
    try:
        return _alert(read, body, received_ns)
    except RecursionError:  # values that could be read, and cannot be written
        return TOO_DEEP


def _alert(body: Body, written: bytes, received_ns: int) -> Alert | Malformed:
    rule, output = body.text("rule"), body.output_text()
    if not rule and not output:
        return NO_CONTENT
    priority = _priority(body.text("priority"))
    values = body.output_fields
    if not isinstance(values, dict) and not _is_without_fields(rule, output, priority, written):
        return NOT_FROM_FALCO
    if priority is None and not rule:
        return NOT_FROM_FALCO
    fields, lists = split_values(values if isinstance(values, dict) else {})
    time_ns = parse_time(body.text("time"))
    return make_alert(
        time_ns=received_ns if time_ns is None else time_ns,
        priority=Priority.WARNING if priority is None else priority,
        rule=rule,
        source=body.text("source") or _default_source(rule, fields),
        hostname=body.text("hostname"),
        tags=list_items(body.tags) if isinstance(body.tags, list) else (),
        output=output,
        fields=fields,
        lists=lists,
        assumed=() if priority is not None and time_ns is not None else _assumed(priority, time_ns),
    )


def _assumed(priority: Priority | None, time_ns: int | None) -> tuple[str, ...]:
    return (*(("priority",) if priority is None else ()), *(("time",) if time_ns is None else ()))


def _is_without_fields(rule: str, output: str, priority: Priority | None, written: bytes) -> bool:
    """Whether an object without ``output_fields`` is an alert."""
    if not rule and (priority is None or output.startswith("{")):
        return False
    return not has_foreign_members(written)


_PRIORITIES = {str(priority): priority for priority in Priority}
_OTHER_SPELLINGS = {str(int(priority)): priority for priority in Priority} | {
    "EMERG": Priority.EMERGENCY,
    "CRIT": Priority.CRITICAL,
    "ERR": Priority.ERROR,
    "WARN": Priority.WARNING,
}


def _priority(text: str) -> Priority | None:
    """The priority in Falco's spelling, in that of rules files or syslog, or as a number."""
    known = _PRIORITIES.get(text)
    if known is not None:
        return known
    text = text.strip().removeprefix("(").removesuffix(")")  # a list with one item
    named = parse_priority(text)
    return _OTHER_SPELLINGS.get(text.upper()) if named is None else named


def _default_source(rule: str, fields: Mapping[str, str]) -> str:
    """The alert source of messages without one, from Falco before 0.31."""
    if rule.startswith(INTERNAL_PREFIX):
        return INTERNAL_SOURCE
    return AUDIT_SOURCE if any(name.startswith(_AUDIT_FIELDS) for name in fields) else SYSCALL_SOURCE
