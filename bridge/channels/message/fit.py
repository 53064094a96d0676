"""Making a message fit its channel: the middle of long values goes first, whole rows last, headlines never."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.channels.message.message import Fact, Message
from bridge.common.text import shortened

_SHORTEST = 24
"""A value is not cut below this; where even that does not fit, the last rows go."""
_LEAST_OF_ALERT = 12


def share(lengths: Sequence[int], room: int) -> int:
    """How long a value may be so that all of them together take at most ``room``: only the longest are cut."""
    left = room
    for place, length in enumerate(ordered := sorted(lengths)):
        even = left // (len(ordered) - place)
        if length > even:
            return max(even, 0)
        left -= length
    return max(lengths, default=0)


def fitted(facts: Sequence[Fact], room: int, around: int) -> tuple[tuple[Fact, ...], int]:
    """The rows within ``room`` characters, and how many are left out; a row costs ``around`` beside name and value."""
    kept: list[Fact] = []
    spent = 0
    for fact in facts:
        spent += len(fact.name) + around + min(len(fact.value), _SHORTEST)
        if spent > room:
            break
        kept.append(fact)
    left = room - sum(len(fact.name) + around for fact in kept)
    most = share([len(fact.value) for fact in kept], left)
    return tuple(Fact(fact.name, shortened(fact.value, most)) for fact in kept), len(facts) - len(kept)


def named(alerts: Sequence[Message], room: int) -> str:
    """A line for each alert of a digest within ``room`` characters: headlines before places, and all that fit."""
    full = [f"{each.subject} — {each.lede}" for each in alerts]
    most = share([len(line) + 1 for line in full], room) - 1
    if most >= _LEAST_OF_ALERT:
        return "\n".join(_line(each, line, most) for each, line in zip(alerts, full, strict=True))
    count = max((room - 40) // (_LEAST_OF_ALERT + 1), 1)
    lines = [shortened(each.subject, _LEAST_OF_ALERT) for each in alerts[:count]]
    return "\n".join([*lines, f"… and {len(alerts) - count} more, in the journal"])


def escaped(text: str, most: int, escape: Callable[[str], str]) -> str:
    """The escaped text within ``most`` characters: it is the text that is cut, never an escape."""
    room = most
    while len(result := escape(shortened(text, room))) > most:
        if room <= 1:  # one letter whose escape alone is too long
            return "…"[:most]
        room = max(room * most // len(result), 1)
    return result


def _line(message: Message, line: str, most: int) -> str:
    """The headline whole if it can be, then as much of the place as there is room for."""
    left = most - len(message.subject) - 3
    if len(line) <= most or left < _LEAST_OF_ALERT:
        return shortened(line if len(line) <= most else message.subject, most)
    return f"{message.subject} — {shortened(message.lede, left)}"
