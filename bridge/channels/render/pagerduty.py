"""PagerDuty's Events API v2: trigger, acknowledge and resolve. The key is the incident: repeats join the open one.

Limits: developer.pagerduty.com, Send an alert event: summary 1024, dedup_key 255, the event 512 KB.
"""

from __future__ import annotations

from typing import Any

from bridge.alert import Priority
from bridge.channels.message.fit import fit_facts
from bridge.channels.message.message import Message, by_name
from bridge.common.text import shortened
from bridge.routing import NotificationKind

DIGEST_LIMIT = 100
_SUMMARY = 1024
_PART = 255
_TEXT = 4000
_FIELDS = 80_000
"""Characters for the fields: at most four bytes each."""

_ACTIONS = {NotificationKind.ACKNOWLEDGED: "acknowledge", NotificationKind.RESOLVED: "resolve"}
_SEVERITIES = {
    Priority.EMERGENCY: "critical",
    Priority.ALERT: "critical",
    Priority.CRITICAL: "critical",
    Priority.ERROR: "error",
    Priority.WARNING: "warning",
}


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. Routing key and custom details are those of ``requested``, the plugin's JSON."""
    details = requested.get("payload", {}).get("custom_details", {})
    event = {
        "summary": shortened(f"{message.subject} — {message.summary}", _SUMMARY),
        "severity": _SEVERITIES.get(message.severity, "info"),
        "source": shortened(message.hostname or message.where or message.source or "falco", _PART),
        "timestamp": message.time,
        "component": _field(message, "proc.name", "container.name", "ka.target.resource", "ct.src"),
        "group": _field(message, "k8s.ns.name", "ka.target.namespace", "ct.region"),
        "class": shortened(message.rule, _PART),
        "custom_details": details | _details(message),
    }
    members = {name: requested[name] for name in ("routing_key", "client", "images") if name in requested}
    links = [*requested.get("links", []), *({"href": link.url, "text": link.name} for link in message.links)]
    return (
        members
        | ({"links": links} if links else {})
        | {
            "event_action": _ACTIONS.get(message.kind, "trigger"),
            "dedup_key": message.incident,
            "payload": {name: value for name, value in event.items() if value},
        }
    )


def _details(message: Message) -> dict[str, Any]:
    """The details, nested for PagerDuty's tables; the alerts of a digest are a list."""
    fields, left_out = fit_facts(message.fields if message.rows is None else message.rows, _FIELDS, 0)
    details = {
        "output": shortened(message.text, _TEXT),
        "rule": message.rule,
        "priority": str(message.priority),
        "routes": list(message.routes),
        "time": message.time,
        "hostname": message.hostname,
        "source": message.source,
        "tags": list(message.tags),
        "where": message.where,
        "who": message.who,
        "action": message.action,
        "output_fields": by_name(fields),
        "fields_left_out": message.fields_left_out + left_out,
        "labels": {fact.name.removeprefix("label."): fact.value for fact in message.labels if message.rows is None},
        "alerts": [each.line for each in message.alerts],
        "count": message.counts.count,
        "held_back": message.counts.suppressed,
        "id": message.id,
    }
    return {name: value for name, value in details.items() if value}


def _field(message: Message, *names: str) -> str:
    """The value of the first of these fields that the alert has."""
    values = {fact.name: fact.value for fact in message.fields}
    return shortened(next((values[name] for name in names if name in values), ""), _PART)
