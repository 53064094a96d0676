"""ntfy: title, text and a priority from 1 to 5, so that a phone rings for critical alerts and stays quiet for debug.

Limits: docs.ntfy.sh/publish: a message of more than 4096 bytes becomes an attachment; ``priority`` is from 1 to 5.
"""

from __future__ import annotations

import json
from typing import Any

from bridge.alert import Priority
from bridge.channels.message.message import Message
from bridge.channels.render import plain
from bridge.common.text import shortened

DIGEST_LIMIT = 40
_BYTES = 4060
"""With room for the priority."""
_TITLE = 200
_QUIET = 2
"""Without sound and vibration."""
_PRIORITIES = {
    Priority.EMERGENCY: 5,
    Priority.ALERT: 5,
    Priority.CRITICAL: 5,
    Priority.ERROR: 4,
    Priority.WARNING: 3,
    Priority.NOTICE: 3,
    Priority.INFORMATIONAL: 2,
    Priority.DEBUG: 1,
}


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post, with the priority of the severity."""
    priority = _PRIORITIES[message.severity]
    if message.is_quiet:
        priority = min(priority, _QUIET)
    return {"priority": priority} | payload_without_priority(requested, message)


def payload_without_priority(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post for a URL with a ``priority``. Topic and attachment are those of ``requested``."""
    members: dict[str, Any] = {name: requested[name] for name in ("topic", "attach", "filename") if name in requested}
    members["title"] = shortened(message.push, _TITLE)
    room = _BYTES
    while True:
        posted = members | {"message": plain.body(message, room)}
        size = len(json.dumps(posted))
        if size <= _BYTES or room <= 1:
            return posted
        room = room * (_BYTES - 100) // size
