"""Discord: one coloured embed. An empty ``allowed_mentions`` disables all mentions.

Limits: discord.com/developers, Embed Limits: title 256, description 4096, footer 2048, 6000 in all. They are
counted in UTF-16 code units here, to be safe.
"""

from __future__ import annotations

from typing import Any

from bridge.channels.message.fit import fit_escaped, fit_utf16
from bridge.channels.message.message import Message
from bridge.channels.render import markdown
from bridge.channels.render.colour import colour

DIGEST_LIMIT = 40
_TITLE = 256
_DESCRIPTION = 4096
_PLUGIN_MEMBERS = ("username", "avatar_url", "tts", "wait", "flags", "thread_name")


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. User name, avatar and thread are those of ``requested``, the plugin's JSON."""
    embed = {
        "title": fit_utf16(_TITLE, lambda room: fit_escaped(message.subject, room, markdown.literal)),
        "description": fit_utf16(_DESCRIPTION, lambda room: markdown.document(message, room)),
        "color": colour(message.severity),
        "timestamp": message.time[:23] + "Z",
        "footer": {"text": f"id {message.id}"},
    }
    members = {name: requested[name] for name in _PLUGIN_MEMBERS if name in requested}
    return members | {"allowed_mentions": {"parse": []}, "embeds": [embed]}
