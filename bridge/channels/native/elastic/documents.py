"""The document of a delivery: fields of the Elastic Common Schema, or the JSON of a webhook with a timestamp. Pure.

The schema is elastic.co/docs/reference/ecs. A field of it has a type in every index that follows it, so a value that
does not fit the type is left out: it would have the whole document refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Any

from bridge.alert import Alert, Priority
from bridge.channels.message.alert_body import BRIDGE_MEMBER, alert_body, falcosidekick_body
from bridge.common.clocks.times import iso_text
from bridge.common.text import one_line, shortened
from bridge.delivery.delivery import Delivery

_MAX_TEXT = 8000
"""Characters of a value: a term of more than 32,766 bytes has the document refused."""
_MAX_NAME = 200
_MAX_NAMES = 4096
_MOST_FIELDS = 300
"""Fields of an object. An index has at most 1,000 (index.mapping.total_fields.limit)."""
_SEVERITY = {
    Priority.EMERGENCY: 99,
    Priority.ALERT: 99,
    Priority.CRITICAL: 99,
    Priority.ERROR: 73,
    Priority.WARNING: 47,
}
"""The numbers that Elastic's detection rules have for critical, high and medium; low is 21."""
_LOW = 21
_INTEGER = re.compile(r"-?\d{1,18}")
_TEXTS = (
    ("process.name", "proc.name"),
    ("process.executable", "proc.exepath"),
    ("process.command_line", "proc.cmdline"),
    ("process.working_directory", "proc.cwd"),
    ("process.parent.name", "proc.pname"),
    ("process.parent.executable", "proc.pexepath"),
    ("process.parent.command_line", "proc.pcmdline"),
    ("user.name", "user.name", "ka.user.name", "ct.user"),
    ("user.id", "user.uid"),
    ("group.name", "group.name"),
    ("container.id", "container.id"),
    ("container.name", "container.name"),
    ("container.image.name", "container.image.repository"),
    ("container.image.tag", "container.image.tag"),
    ("orchestrator.namespace", "k8s.ns.name", "ka.target.namespace"),
    ("orchestrator.resource.name", "k8s.pod.name", "ka.target.name"),
    ("cloud.region", "ct.region"),
    ("event.action", "evt.type", "ka.verb", "ct.name"),
    ("network.transport", "fd.l4proto"),
)  # fmt: skip
"""Fields of the schema that are texts, and Falco's fields; the first with a value is taken."""
_NUMBERS = (
    ("process.pid", "proc.pid"),
    ("process.parent.pid", "proc.ppid"),
    ("source.port", "fd.cport"),
    ("destination.port", "fd.sport"),
)
_ADDRESSES = (("source.ip", "fd.cip", "ct.srcip"), ("destination.ip", "fd.sip"))

Document = Callable[[Delivery, Mapping[str, str]], dict[str, Any]]


def ecs_document(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, Any]:
    """The document after the schema; Falco's own fields are in ``falco``, the bridge's in ``falco_bridge``."""
    alert, body = delivery.alert, alert_body(delivery, labels)
    values = {
        "@timestamp": iso_text(alert.time_ns),
        "message": alert.output,
        "ecs.version": "8.11.0",
        "event.kind": "alert",
        "event.module": "falco",
        "event.dataset": "falco.alerts",
        "event.provider": alert.source,
        "event.id": alert.id,
        "event.severity": _SEVERITY.get(delivery.notification.severity, _LOW),
        "log.level": alert.priority.word,
        "rule.name": alert.rule,
        "observer.product": "Falco",
        "host.name": alert.hostname,
        "tags": alert.tags,
        "labels": labels,
        **_known(alert, labels),
        "falco.priority": alert.priority.word,
        "falco.source": alert.source,
        "falco.fields": body["output_fields"],
        BRIDGE_MEMBER: body[BRIDGE_MEMBER],
    }
    document: dict[str, Any] = {}
    for name, value in values.items():
        if value not in ("", (), {}):
            _put(document, name, value)
    return document


def falco_document(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of a webhook, with a timestamp."""
    return {"@timestamp": iso_text(delivery.alert.time_ns), **alert_body(delivery, labels)}


def falcosidekick_document(delivery: Delivery, labels: Mapping[str, str]) -> dict[str, Any]:
    """The document of falcosidekick's output (outputs/elasticsearch.go)."""
    return {"@timestamp": iso_text(delivery.alert.time_ns), **falcosidekick_body(delivery, labels)}


def bounded(document: dict[str, Any], *, flat: bool) -> dict[str, Any]:
    """The document with texts of at most 8,000 characters.

    ``flat``: names have ``_`` for each dot. With dots, ``evt.arg`` and ``evt.arg.path`` of two alerts
    are a value and an object, and the index refuses the second.
    """
    found: dict[str, Any] = _bounded(document, flat=flat)
    return found


def _bounded(value: Any, *, flat: bool) -> Any:
    match value:
        case str():
            return value if len(value) <= _MAX_TEXT else shortened(value, _MAX_TEXT)
        case dict() | Mapping():
            names = [_valid(name, flat=flat) for name in value]
            if len(set(names)) < len(names):
                names = list(_numbered(names))
            pairs = zip(names, value.values(), strict=True)
            return {name: _bounded(inner, flat=flat) for name, inner in islice(pairs, _MOST_FIELDS)}
        case list() | tuple():
            return [_bounded(inner, flat=flat) for inner in value]
    return value


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """The names. One that is equal to an earlier one gets a number."""
    taken: set[str] = set()
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate = f"{name}_{number}"
            number += 1
        taken.add(candidate)
        yield candidate


@lru_cache(_MAX_NAMES)
def _valid(name: str, *, flat: bool) -> str:
    """A visible name that is neither blank nor, with dots, has an empty part."""
    shown = one_line(name, _MAX_NAME)
    if flat:
        return shown.replace(".", "_") if shown.strip() else "_"
    return ".".join(part if part.strip() else "_" for part in shown.split("."))


def _known(alert: Alert, labels: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _first(alert, names) for name, *names in _TEXTS}
    values |= {name: _number(_first(alert, names)) for name, *names in _NUMBERS}
    values |= {name: _address(_first(alert, names)) for name, *names in _ADDRESSES}
    path = _first(alert, ["fs.path.name"]) or _first(alert, ["fd.name"])
    values["file.path"] = path if path.startswith("/") else ""
    if alert.get("k8s.pod.name"):
        values["orchestrator.resource.type"] = "pod"
    elif resource := alert.get("ka.target.resource"):
        values["orchestrator.resource.type"] = resource
    if values["orchestrator.namespace"]:
        values["orchestrator.type"] = "kubernetes"
        values["orchestrator.cluster.name"] = labels.get("cluster", "")
    return values


def _first(alert: Alert, names: Sequence[str]) -> str:
    for name in names:
        if value := alert.fields.get(name):
            return value
    return ""


def _number(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else ""


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


@lru_cache(_MAX_NAMES)
def _steps(name: str) -> tuple[tuple[str, ...], str]:
    *outer, last = name.split(".")
    return tuple(outer), last


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    outer, last = _steps(name)
    for part in outer:
        document = document.setdefault(part, {})
    document[last] = value


DOCUMENTS: Mapping[str, Document] = {
    "ecs": ecs_document,
    "falco": falco_document,
    "falcosidekick": falcosidekick_document,
}
"""By the value of ``format``; the first is the default."""
