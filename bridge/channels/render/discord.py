"""Discord: one coloured embed. Whatever stands in it, ``allowed_mentions`` lets it call nobody.

Limits: discord.com/developers, Embed Limits: title 256, description 4096, footer 2048, 6000 in all.
"""

from __future__ import annotations

from typing import Any

from bridge.channels.message.fit import escaped
from bridge.channels.message.message import Message
from bridge.channels.render import markdown
from bridge.channels.render.colour import colour

MOST_IN_A_DIGEST = 40
_TITLE = 256
_DESCRIPTION = 4096
_KEPT = ("username", "avatar_url", "tts", "wait", "flags", "thread_name")


def payload(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """What to post in place of ``asked``, whose name, face and thread stay."""
    embed = {
        "title": escaped(message.subject, _TITLE, markdown.literal),
        "description": markdown.document(message, _DESCRIPTION),
        "color": colour(message.severity),
        "timestamp": message.time[:23] + "Z",
        "footer": {"text": f"id {message.id}"},
    }
    kept = {name: asked[name] for name in _KEPT if name in asked}
    return kept | {"allowed_mentions": {"parse": []}, "embeds": [embed]}
