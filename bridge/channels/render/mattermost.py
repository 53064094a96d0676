"""Mattermost: a coloured attachment in Markdown. Every value is a code span, in which mentions are not recognized.

A phone's notification shows the fallback as plain text. Limits: the text of a post has at most 16383 characters, or
4000 on servers installed before 5.0; attachments do not count.
"""

from __future__ import annotations

from typing import Any

from bridge.channels.message.fit import fit_escaped
from bridge.channels.message.message import Message
from bridge.channels.render import markdown
from bridge.channels.render.colour import hex_colour
from bridge.common.text import escape_mentions, shortened

DIGEST_LIMIT = 50
_TITLE = 500
_TEXT = 6000


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. Channel, user name and icon are those of ``requested``, the plugin's JSON.

    A bot's JSON has a ``channel_id``; a webhook's has not.
    """
    subject = fit_escaped(message.subject, _TITLE, markdown.literal)
    attachment = {
        "fallback": escape_mentions(f"{message.subject}\n{shortened(message.summary, _TITLE)}"),
        "color": hex_colour(message.severity),
        "title": subject,
        "text": markdown.document(message, _TEXT),
        "footer": f"{message.time} · id {message.id}",
    }
    if "channel_id" in requested:
        return {"channel_id": requested["channel_id"], "message": "", "props": {"attachments": [attachment]}}
    members = {name: requested[name] for name in ("channel", "username", "icon_url") if name in requested}
    return members | {"attachments": [attachment]}
