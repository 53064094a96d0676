"""Telegram: text with entities beside it, so that nothing in the text is ever markup.

Limits: core.telegram.org/bots/api, sendMessage: 4096 characters, of UTF-16 as its offsets are; 100 entities count.
"""

from __future__ import annotations

from typing import Any

from bridge.channels.message.fit import fitted
from bridge.channels.message.message import Message
from bridge.channels.render.plain import told
from bridge.common.text import shortened, unmentioned

MOST_IN_A_DIGEST = 40
_MOST = 4096
_SUBJECT = 300
_LEDE = 700
_TEXT = 1200
_DIGEST = 3000
_MOST_ROWS = 90
_KEPT = ("chat_id", "message_thread_id", "disable_notification")


class _Text:
    """Text as it grows, with its entities."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.entities: list[dict[str, Any]] = []
        self.length = 0

    def add(self, text: str, kind: str = "", **more: str) -> None:
        """More of it; ``kind`` is Telegram's name for how it looks."""
        size = utf16(text)
        if kind and size:
            self.entities.append({"type": kind, "offset": self.length, "length": size} | more)
        self._parts.append(text)
        self.length += size

    def __str__(self) -> str:
        return "".join(self._parts)


def payload(asked: dict[str, Any], message: Message) -> dict[str, Any]:
    """What to post in place of ``asked``, whose chat and topic stay."""
    text = _composed(message, _MOST)
    room = _MOST
    while text.length > _MOST:  # letters beyond the first plane count twice
        room = room * _MOST // text.length
        text = _composed(message, room)
    kept = {name: asked[name] for name in _KEPT if name in asked}
    return kept | {"text": str(text), "entities": text.entities, "link_preview_options": {"is_disabled": True}}


def _composed(message: Message, room: int) -> _Text:
    text = _Text()
    text.add(unmentioned(shortened(message.subject, min(_SUBJECT, room // 4))), "bold")
    text.add("\n" + unmentioned(shortened(message.lede, min(_LEDE, room // 4))) + "\n")
    said = told(message, min(_DIGEST if message.alerts else _TEXT, room // 2))
    if said:
        text.add(said, "pre")
        text.add("\n")
    _rows(text, message, room)
    for link in message.links:
        text.add("\n")
        text.add(link.name, "text_link", url=link.url)
    text.add(f"\nid: {message.id}")
    return text


def _rows(text: _Text, message: Message, room: int) -> None:
    """Values as code: one touch copies them, and Telegram looks for no names in them."""
    facts = message.facts[:_MOST_ROWS]
    rows, left_out = fitted(facts, room - text.length - 200, len("\n: "))
    left_out += message.fields_left_out + len(message.facts) - len(facts)
    for row in rows:
        text.add(f"\n{unmentioned(row.name)}: ")
        text.add(row.value, "code")
    if left_out:
        text.add(f"\n… and {left_out} more fields")


def utf16(text: str) -> int:
    """The length as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2
