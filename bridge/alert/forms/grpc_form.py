"""Decodes alerts from messages of Falco's gRPC outputs service."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import DecodeError

from bridge.alert.alert import INTERNAL_SOURCE, NO_LISTS, Alert, make_alert, stored_fields
from bridge.alert.forms.json_body import Body, read_body
from bridge.alert.forms.json_form import SYSCALL_SOURCE
from bridge.alert.forms.json_value import split_values
from bridge.alert.malformed import NO_CONTENT, Malformed, too_large
from bridge.alert.priority import Priority
from bridge.alert.wire.outputs_pb2 import response
from bridge.alert.wire.tolerant_pb2 import Response
from bridge.common.clocks.times import epoch_ns, parse_time


def decode_grpc(raw: bytes, received_ns: int) -> Alert | Malformed:
    """The alert in a ``falco.outputs.response``. Never raises.

    Bytes that are not UTF-8 become U+FFFD. A message with a rule or an output text is an alert. A missing or invalid
    time becomes ``received_ns`` (nanoseconds since the epoch), an unknown priority becomes Emergency.
    """
    refused = too_large(raw)
    if refused is not None:
        return refused
    try:
        return _strict(raw, received_ns)
    except (DecodeError, ValueError):
        return _tolerant(raw, received_ns)


def _strict(raw: bytes, received_ns: int) -> Alert | Malformed:
    message = response.FromString(raw)
    values = message.output_fields  # items() is implemented in Python and a third slower
    return _alert(
        time_ns=_time(message, received_ns),
        priority=_priority(message.priority),
        rule=message.rule,
        source=message.source or _SOURCES.get(message.source_deprecated, SYSCALL_SOURCE),
        hostname=message.hostname,
        tags=tuple(message.tags[:]),
        output=message.output,
        fields={name: values[name] for name in values},
    )


def _tolerant(raw: bytes, received_ns: int) -> Alert | Malformed:
    try:
        message = Response.FromString(raw)
    except (DecodeError, ValueError):
        return Malformed("is not a protobuf message of Falco's outputs service")
    return _alert(
        time_ns=_time(message, received_ns),
        priority=_priority(message.priority),
        rule=_text(message.rule),
        source=_text(message.source) or _SOURCES.get(message.source_deprecated, SYSCALL_SOURCE),
        hostname=_text(message.hostname),
        tags=tuple([_text(tag) for tag in message.tags]),
        output=_text(message.output),
        fields={_text(entry.key): _text(entry.value) for entry in message.output_fields},
    )


def _alert(
    *,
    time_ns: int,
    priority: Priority,
    rule: str,
    source: str,
    hostname: str,
    tags: tuple[str, ...],
    output: str,
    fields: dict[str, str],
) -> Alert | Malformed:
    if not rule and not output:
        return NO_CONTENT
    stored = stored_fields(fields)
    body = _json_body(output, rule, time_ns)
    return make_alert(
        time_ns=time_ns,
        priority=priority,
        rule=rule,
        source=source,
        hostname=hostname,
        tags=tags,
        output=output if body is None else body.output_text(),
        fields=stored,
        lists=NO_LISTS if body is None else _exact_lists(body, stored),
    )


def _json_body(output: str, rule: str, time_ns: int) -> Body | None:
    """The JSON that Falco puts into ``output`` with ``json_output: true``. None if the output is a text line.

    A rule may print anything, including JSON: the rule and the time must be those of this message.
    """
    if not output.startswith("{"):
        return None
    body = read_body(output.encode())
    if isinstance(body, Malformed) or body.text("rule") != rule or parse_time(body.text("time")) != time_ns:
        return None
    return body


def _exact_lists(body: Body, fields: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The items of list fields, which the message itself contains only as joined text."""
    texts, lists = split_values(body.values())
    return {name: items for name, items in lists.items() if fields.get(name) == texts[name]}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _time(message: response | Response, received_ns: int) -> int:
    if not message.HasField("time"):
        return received_ns
    time_ns = epoch_ns(message.time.seconds, message.time.nanos)
    return received_ns if time_ns is None else time_ns


_PRIORITIES = {int(priority): priority for priority in Priority}
_SOURCES = {1: "k8s_audit", 2: INTERNAL_SOURCE, 3: "plugin"}
"""The numbers of alert sources in Falco before 0.31 (schema.proto); 0 is ``syscall``."""


def _priority(number: int) -> Priority:
    return _PRIORITIES.get(number, Priority.EMERGENCY)
