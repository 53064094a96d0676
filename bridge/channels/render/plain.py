"""The plain text form, for every service without a form of its own."""

from __future__ import annotations

from collections.abc import Callable

from bridge.channels.message.fit import alert_lines, fit_escaped, fit_facts, fit_links, more_fields
from bridge.channels.message.message import Message
from bridge.common.text import shortened

DEFAULT_ROOM = 10_000
_MIN_TEXT = 200
_TEXT_MESSAGE = 500
"""Below this room only the second line is sent, as in a text message (SMS)."""
_REST_LINE = 30
"""Room for the line "… and 12 more fields"."""


def body(message: Message, room: int = DEFAULT_ROOM) -> str:
    """The message without its subject in at most ``room`` characters: summary, text, rows, links and id."""
    links = fit_links(message.links, room // 3)
    footer = "\n".join([*(f"{link.name}: {link.url}" for link in links), f"id: {message.id}"])
    if room < _TEXT_MESSAGE:
        return shortened(message.summary, room)
    summary = shortened(message.summary, room // 2)
    left = room - len(summary) - len(footer) - 4
    text = main_text(message, left if message.alerts else max(left // 2, _MIN_TEXT))
    text = text if message.alerts else shortened(_indented(text), max(left // 2, _MIN_TEXT))
    rows = facts(message, left - len(text))
    return "\n".join(part for part in (summary, text, rows and f"\n{rows}", footer) if part)


def main_text(message: Message, room: int) -> str:
    """The lines of a digest's alerts, or the text of one alert."""
    return alert_lines(message, room) if message.alerts else shortened(message.text, room)


def escaped_text(message: Message, room: int, escape: Callable[[str], str]) -> str:
    """``main_text``, escaped, in at most ``room`` characters. The alerts of a digest that do not fit are counted."""
    left = room
    while message.alerts and left >= _MIN_TEXT:
        if len(text := escape(main_text(message, left))) <= room:
            return text
        left = min(left * room // len(text), left - 1)
    return fit_escaped(main_text(message, room), room, escape)


def _indented(text: str) -> str:
    """The text with its further lines indented, so that no line of it looks like a row of the message."""
    return text.replace("\n", "\n    ")


def facts(message: Message, room: int) -> str:
    """The rows as lines ``name: value`` in at most ``room`` characters."""
    if room < _REST_LINE:
        return ""
    rows, left_out = fit_facts(message.facts, room - _REST_LINE, len(": \n"))
    left_out += message.fields_left_out
    lines = [f"{row.name}: {row.value}" for row in rows]
    return "\n".join([*lines, f"… {more_fields(left_out)}"] if left_out else lines)
