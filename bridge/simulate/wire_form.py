"""Encodes an alert in Falco's JSON form as Falco sends it by gRPC, as a text line, or as a JSON body.

Taken from recordings of Falco 0.43.1 that sent the same alerts by both outputs: gRPC's values are text, ``<NA>`` stands
for null, a list is ``(a,b c,d)``, ``evt.time`` is there only if the rule prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.alert import INTERNAL_SOURCE, MISSING, parse_priority
from bridge.alert.alert import clock_text, is_clock_field
from bridge.alert.wire import outputs_pb2, schema_pb2
from bridge.simulate.clock import day_text

_ALWAYS_IN_JSON = frozenset({"evt.time", "evt.time.iso8601"})
"""JSON carries the event's time whatever the rule prints, under one of these names."""


def json_body(body: Mapping[str, Any]) -> bytes:
    """The body as Falco writes it: keys sorted, no spaces, UTF-8 unescaped, no newline at the end."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def text_line(body: Mapping[str, Any], time_ns: int) -> str:
    """What Falco prints without ``json_output``. Internal alerts list their fields there, and only there."""
    output = str(body.get("output", ""))
    if body.get("source") != INTERNAL_SOURCE or output.startswith(day_text(time_ns)):
        return output
    pairs = " ".join(f"{name}={_json_text(value)}" for name, value in sorted(_fields(body).items()))
    return f"{day_text(time_ns)}: {body.get('priority')} {output} ({pairs})"


def grpc_message(body: Mapping[str, Any], time_ns: int, output: str) -> bytes:
    """The ``falco.outputs.response`` of this alert, with ``output`` as its text."""
    source = str(body.get("source", ""))
    priority = parse_priority(str(body.get("priority", "")))
    message = outputs_pb2.response(
        priority=None if priority is None else schema_pb2.priority.Name(int(priority)),
        source_deprecated=_deprecated_source(source),
        rule=_clean(str(body.get("rule", ""))),
        output=_clean(output),
        output_fields=_field_texts(body, time_ns),
        hostname=_clean(str(body.get("hostname", ""))),
        tags=sorted(_clean(str(tag)) for tag in body.get("tags", ())),
        source=_clean(source),
    )
    message.time.seconds, message.time.nanos = divmod(time_ns, 1_000_000_000)
    return message.SerializeToString()


def _field_texts(body: Mapping[str, Any], time_ns: int) -> dict[str, str]:
    internal = body.get("source") == INTERNAL_SOURCE
    shown: dict[str, str] = {}
    for name, value in _fields(body).items():
        if internal or not is_clock_field(name):
            shown[_clean(name)] = _clean(_field_text(value))
        elif name not in _ALWAYS_IN_JSON or _prints_clock(body, time_ns, name):
            shown[name] = clock_text(name, time_ns)
    return shown


def _prints_clock(body: Mapping[str, Any], time_ns: int, name: str) -> bool:
    """Whether the rule prints this clock field: the line contains its text after the line's own time."""
    line = str(body.get("output", ""))
    for prefix in (day_text(time_ns), clock_text("evt.time.iso8601", time_ns)):
        line = line.removeprefix(f"{prefix}: ")
    if name == "evt.time":
        for longer in ("evt.time.iso8601", "evt.datetime"):
            line = line.replace(clock_text(longer, time_ns), "")
    return clock_text(name, time_ns) in line


def _field_text(value: object) -> str:
    match value:
        case None:
            return MISSING
        case str():
            return value
        case list():
            return f"({','.join(map(_field_text, value))})"
        case _:
            return _json_text(value)


def _json_text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("output_fields") or {}


def _deprecated_source(source: str) -> schema_pb2.source:
    """Falco's older enumeration: a plugin has no number of its own there, but for the Kubernetes audit log."""
    known = {"syscall": schema_pb2.SYSCALL, "k8s_audit": schema_pb2.K8S_AUDIT, INTERNAL_SOURCE: schema_pb2.INTERNAL}
    return known.get(source, schema_pb2.PLUGIN)


def _clean(text: str) -> str:
    """Half a surrogate pair, which a JSON escape can hold, is no UTF-8."""
    return text.encode("utf-8", "replace").decode()
