"""Follows a Telegram group that became a supergroup: Telegram answers with the chat's new id.

See core.telegram.org/bots/api, ResponseParameters.
"""

from __future__ import annotations

import json
from typing import Any

from bridge.channels.response import Response


def follow_migration(plugin: Any, response: Response, channel: str) -> bool:
    """Whether the plugin's only chat has migrated; the plugin then posts to the new one. Logs a warning."""
    if type(plugin).__name__ != "NotifyTelegram" or response.status != 400 or len(plugin.targets) != 1:
        return False
    chat_id = _new_chat_id(response.body)
    old_id, topic = plugin.targets[0]
    if chat_id is None or chat_id == old_id:
        return False
    plugin.targets = [(chat_id, topic)]
    import structlog

    structlog.get_logger("courier").warning(
        "telegram group migrated", channel=channel, chat_id=chat_id, remedy="write this chat id into the channel's URL"
    )
    return True


def _new_chat_id(body: bytes) -> int | None:
    try:
        chat_id = json.loads(body)["parameters"]["migrate_to_chat_id"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return chat_id if isinstance(chat_id, int) else None
