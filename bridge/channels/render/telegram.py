"""Telegram: text with separate entities for the formatting, so that nothing in the text is markup.

Limits: core.telegram.org/bots/api, sendMessage: 4096 UTF-16 code units, which offsets count, too; 100 entities.
"""

from __future__ import annotations

from typing import Any

from bridge.alert import Priority
from bridge.channels.message.fit import fit_facts, more_fields, utf16
from bridge.channels.message.message import Message
from bridge.channels.render.plain import main_text
from bridge.common.text import WORD_JOINER, shortened

DIGEST_LIMIT = 40
_MAX_LENGTH = 4096
_SUBJECT = 300
_SUMMARY = 700
_TEXT = 1200
_DIGEST = 3000
_MAX_ROWS = 90
_PLUGIN_MEMBERS = ("chat_id", "message_thread_id", "disable_notification")


class _EntityText:
    """A text under construction, with its entities."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.entities: list[dict[str, Any]] = []
        self.length = 0

    def add(self, text: str, kind: str = "", **more: str) -> None:
        """Append text. ``kind`` is Telegram's type of entity; empty for unformatted text."""
        size = utf16(text)
        if kind and size:
            self.entities.append({"type": kind, "offset": self.length, "length": size} | more)
        self._parts.append(text)
        self.length += size

    def __str__(self) -> str:
        return "".join(self._parts)


def payload(requested: dict[str, Any], message: Message) -> dict[str, Any]:
    """The JSON to post. Chat and topic are those of ``requested``, the plugin's JSON."""
    text = _composed(message, _MAX_LENGTH)
    room = _MAX_LENGTH
    while text.length > _MAX_LENGTH:  # Characters outside of the BMP count twice.
        room = room * _MAX_LENGTH // text.length
        text = _composed(message, room)
    members = {name: requested[name] for name in _PLUGIN_MEMBERS if name in requested}
    if message.is_quiet or not message.severity.at_least(Priority.NOTICE):
        members["disable_notification"] = True
    return members | {"text": str(text), "entities": text.entities, "link_preview_options": {"is_disabled": True}}


def _composed(message: Message, room: int) -> _EntityText:
    text = _EntityText()
    text.add(_without_mentions(shortened(message.subject, min(_SUBJECT, room // 4))), "bold")
    text.add("\n" + _without_mentions(shortened(message.summary, min(_SUMMARY, room // 4))) + "\n")
    body = main_text(message, min(_DIGEST if message.alerts else _TEXT, room // 2))
    if body:
        text.add(body, "pre")
        text.add("\n")
    _rows(text, message, room)
    for link in message.links:
        text.add("\n")
        text.add(link.name, "text_link", url=link.url)
    text.add(f"\nid: {message.id}")
    return text


def _rows(text: _EntityText, message: Message, room: int) -> None:
    """The rows, with values as code: a tap copies them, and Telegram recognizes no mentions in them."""
    facts = message.facts[:_MAX_ROWS]
    rows, left_out = fit_facts(facts, room - text.length - 200, len("\n: "))
    left_out += message.fields_left_out + len(message.facts) - len(facts)
    for row in rows:
        text.add(f"\n{_without_mentions(row.name)}: ")
        text.add(row.value, "code")
    if left_out:
        text.add(f"\n… {more_fields(left_out)}")


def _without_mentions(text: str) -> str:
    """``@name`` is the only mention that Telegram recognizes in a text without markup."""
    return text.replace("@", f"@{WORD_JOINER}")
