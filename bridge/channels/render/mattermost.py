"""Mattermost: a coloured attachment of Markdown, with every value a span of code, in which it looks for no names.

The fallback is what a phone's notification shows, as it is: no Markdown is taken out of it, and no names looked for.
Limits: a post's text may have 16383 characters, 4000 in servers set up before 5.0; attachments are no part of it.
"""

from __future__ import annotations

from typing import Any

from bridge.channels.message.fit import escaped
from bridge.channels.message.message import Message
from bridge.channels.render import markdown
from bridge.channels.render.colour import hex_colour
from bridge.common.text import shortened, unmentioned

MOST_IN_A_DIGEST = 50
_TITLE = 500
_TEXT = 6000


def payload(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """What to post in place of ``asked``, whose channel, name and icon stay. A bot posts, a webhook is told."""
    subject = escaped(message.subject, _TITLE, markdown.literal)
    attachment = {
        "fallback": unmentioned(f"{message.subject}\n{shortened(message.lede, _TITLE)}"),
        "color": hex_colour(message.severity),
        "title": subject,
        "text": markdown.document(message, _TEXT),
        "footer": f"{message.time} · id {message.id}",
    }
    if "channel_id" in asked:
        return {"channel_id": asked["channel_id"], "message": "", "props": {"attachments": [attachment]}}
    kept = {name: asked[name] for name in ("channel", "username", "icon_url") if name in asked}
    return kept | {"attachments": [attachment]}
