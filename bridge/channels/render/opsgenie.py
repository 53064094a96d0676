"""Opsgenie's Alert API: a new alert whose alias is the incident's, so that repeats are counted on what is open.

Limits: docs.opsgenie.com, Create Alert: message 130, alias 512, description 15000, entity 512, 20 tags of 50,
details 8000.
"""

from __future__ import annotations

from typing import Any

from bridge.alert import Priority
from bridge.channels.message.fit import fitted
from bridge.channels.message.message import Message
from bridge.channels.render import plain
from bridge.common.text import shortened

MOST_IN_A_DIGEST = 100
_MESSAGE = 130
_DESCRIPTION = 15_000
_ENTITY = 512
_DETAILS = 7500
_MOST_TAGS = 20
_TAG = 50

_PRIORITIES = {
    Priority.EMERGENCY: "P1",
    Priority.ALERT: "P1",
    Priority.CRITICAL: "P1",
    Priority.ERROR: "P2",
    Priority.WARNING: "P3",
    Priority.NOTICE: "P4",
}


def payload(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """What to post in place of ``asked``, whose responders, entity, user and tags stay."""
    rows, _ = fitted(message.facts, _DETAILS, 0)
    tags = [*asked.get("tags", []), *message.tags]
    kept = {name: asked[name] for name in ("responders", "entity", "user") if name in asked}
    return (
        {"entity": shortened(message.where or message.hostname, _ENTITY)}
        | kept
        | {
            "message": shortened(message.subject, _MESSAGE),
            "alias": message.incident,
            "description": plain.body(message, _DESCRIPTION),
            "priority": _PRIORITIES.get(message.severity, "P5"),
            "source": "falco-bridge",
            "tags": [shortened(str(tag), _TAG) for tag in tags[:_MOST_TAGS]],
            "details": {row.name: row.value for row in rows} | {"id": message.id},
        }
    )
