"""The plain form: any service that takes text, and every message's text of last resort."""

from __future__ import annotations

from bridge.channels.message.fit import fitted, named
from bridge.channels.message.message import Message
from bridge.common.text import shortened

DEFAULT_ROOM = 10_000
_LEAST_TEXT = 200
_SMALL = 500
_COUNT = 30
"""What "… and 12 more fields" takes."""


def body(message: Message, room: int = DEFAULT_ROOM) -> str:
    """Where, who and what in the first line; then the text, the rows, the id; at most ``room`` characters."""
    foot = "\n".join([*(f"{link.name}: {link.url}" for link in message.links), f"id: {message.id}"])
    if room < _SMALL:  # a text message: the two lines that count
        return shortened(message.lede, room)
    lede = shortened(message.lede, room // 2)
    left = room - len(lede) - len(foot) - 4
    text = told(message, left if message.alerts else max(left // 2, _LEAST_TEXT))
    rows = facts(message, left - len(text))
    return "\n".join(part for part in (lede, text, rows and f"\n{rows}", foot) if part)


def told(message: Message, room: int) -> str:
    """What there is to say in running text: a digest's alerts, or the route's message."""
    return named(message.alerts, room) if message.alerts else shortened(message.text, room)


def facts(message: Message, room: int) -> str:
    """The rows, ``name: value`` in a line each, within ``room`` characters."""
    if room < _COUNT:
        return ""
    rows, left_out = fitted(message.facts, room - _COUNT, len(": \n"))
    left_out += message.fields_left_out
    lines = [f"{row.name}: {row.value}" for row in rows]
    return "\n".join([*lines, f"… and {left_out} more fields"] if left_out else lines)
