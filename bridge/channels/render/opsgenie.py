"""Opsgenie's Alert API: creates, acknowledges and closes an alert. Its alias is the incident; repeats are counted.

Limits: docs.opsgenie.com, Create Alert: message 130, alias 512, description 15000, entity 512, 20 tags of 50,
details 8000.
"""

from __future__ import annotations

from typing import Any

from bridge.alert import Priority
from bridge.channels.message.fit import fit_facts
from bridge.channels.message.message import Message, by_name
from bridge.channels.render import plain
from bridge.common.text import shortened
from bridge.routing import NotificationKind

DIGEST_LIMIT = 100
_MESSAGE = 130
_DESCRIPTION = 15_000
_ENTITY = 512
_DETAILS = 7500
_MAX_TAGS = 20
_TAG = 50

_NOTE = 25_000
_REQUESTS = {NotificationKind.ACKNOWLEDGED: "acknowledge", NotificationKind.RESOLVED: "close"}
_PRIORITIES = {
    Priority.EMERGENCY: "P1",
    Priority.ALERT: "P1",
    Priority.CRITICAL: "P1",
    Priority.ERROR: "P2",
    Priority.WARNING: "P3",
    Priority.NOTICE: "P4",
}


def address(message: Message) -> str:
    """What follows the address of the API: an acknowledgement and an end are requests about the alert of the alias."""
    request = _REQUESTS.get(message.kind)
    return "" if request is None else f"/{message.incident}/{request}?identifierType=alias"


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. Responders, entity, user and tags are those of ``requested``, the plugin's JSON."""
    if message.kind in _REQUESTS:
        return {"source": "falco-bridge", "note": shortened(message.text, _NOTE)}
    rows, _ = fit_facts(message.facts, _DETAILS, 0)
    tags = [tag for tag in (*map(str, requested.get("tags", [])), *message.tags) if tag.strip()]
    members = {name: requested[name] for name in ("responders", "entity", "user") if name in requested}
    return (
        {"entity": shortened(message.where or message.hostname, _ENTITY)}
        | members
        | {
            "message": shortened(message.push, _MESSAGE),
            "alias": message.incident,
            "description": plain.body(message, _DESCRIPTION),
            "priority": _PRIORITIES.get(message.severity, "P5"),
            "source": "falco-bridge",
            "tags": [shortened(tag, _TAG) for tag in tags[:_MAX_TAGS]],
            "details": by_name(rows, {"id": message.id}),
        }
    )
