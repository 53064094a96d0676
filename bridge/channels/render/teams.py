"""Microsoft Teams workflows: an adaptive card of text runs, which have no Markdown, HTML or mentions.

Limits: a message has at most 28 KB (learn.microsoft.com, Limits and specifications for Teams); the limit of 1000
characters is Apprise's own. Rich text blocks exist since Adaptive Cards 1.2.
"""

from __future__ import annotations

import json
from typing import Any

from bridge.alert import Priority
from bridge.channels.message.fit import fit_facts, more_fields
from bridge.channels.message.message import Fact, Message
from bridge.channels.render.plain import main_text
from bridge.common.text import escape_mentions, shortened

DIGEST_LIMIT = 40
_SUBJECT = 250
_SUMMARY = 500
_TEXT = 1200
_DIGEST = 8000
_LEAST = 400
_BYTES = 27_000
_ROOM = 2500
"""Characters for the rows: at most four bytes each, and as much again for the JSON of the card."""
_ROW_COST = 12


def payload(_requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post: a message with one card. A digest lists as much as a message of Teams can hold."""
    room = _DIGEST if message.alerts else _TEXT
    while True:
        posted = _message(message, room)
        size = len(json.dumps(posted, ensure_ascii=False).encode())
        if size <= _BYTES or room <= _LEAST:
            return posted
        room = max(room * _BYTES // size * 9 // 10, _LEAST)


def _message(message: Message, room: int) -> dict[str, Any]:
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": escape_mentions(shortened(message.push, _SUBJECT)),
        "body": _body(message, room),
    }
    if message.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": link.name, "url": link.url} for link in message.links[:4]
        ]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _body(message: Message, room: int) -> list[dict[str, Any]]:
    rows, left_out = fit_facts(message.facts, _ROOM, _ROW_COST)
    left_out += message.fields_left_out
    if left_out:
        rows = (*rows, Fact("…", more_fields(left_out)))
    blocks = [
        _block(_run(shortened(message.subject, _SUBJECT), weight="bolder", size="medium", color=_colour(message))),
        _block(_run(shortened(message.summary, _SUMMARY))),
    ]
    blocks += [_block(_run(line, fontType="monospace")) for line in _lines(main_text(message, room))]
    blocks += [_block(_run(f"{row.name}  ", weight="bolder"), _run(row.value), spacing="small") for row in rows]
    return [*blocks, _block(_run(f"id {message.id}", isSubtle=True, size="small"))]


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()][:DIGEST_LIMIT]


def _block(*runs: dict[str, Any], **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)} | style


def _run(text: str, **style: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": escape_mentions(text)} | style


def _colour(message: Message) -> str:
    if message.severity.at_least(Priority.ERROR):
        return "attention"
    return "warning" if message.severity.at_least(Priority.WARNING) else "accent"
