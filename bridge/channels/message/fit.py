"""Fits a message into a limit: long values are cut in the middle first, then rows are left out, never the headline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.channels.message.message import Fact, Message, MessageLink
from bridge.common.text import shortened

_MIN_VALUE = 24
"""Values are not cut below this length. If they still do not fit, the last rows are left out."""
_MIN_ALERT = 12
_REST_SHARE = 4
"""The line that counts the alerts of a digest without a line takes at most this part of the room."""


def length_limit(lengths: Sequence[int], room: int) -> int:
    """The length to which values must be cut so that together they take at most ``room``; short ones stay uncut."""
    left = room
    for position, length in enumerate(ordered := sorted(lengths)):
        equal_share = left // (len(ordered) - position)
        if length > equal_share:
            return max(equal_share, 0)
        left -= length
    return max(lengths, default=0)


def fit_facts(facts: Sequence[Fact], room: int, overhead: int) -> tuple[tuple[Fact, ...], int]:
    """The rows that fit into ``room`` characters, and the number of rows left out.

    ``overhead`` is the length of a row without its name and value.
    """
    rows: list[Fact] = []
    used = 0
    for fact in facts:
        used += len(fact.name) + overhead + min(len(fact.value), _MIN_VALUE)
        if used > room:
            break
        rows.append(fact)
    left = room - sum(len(fact.name) + overhead for fact in rows)
    limit = length_limit([len(fact.value) for fact in rows], left)
    return tuple(Fact(fact.name, shortened(fact.value, limit)) for fact in rows), len(facts) - len(rows)


def more_fields(count: int) -> str:
    """The note about rows that are left out: ``and 12 more fields``."""
    return f"and {count} more field{'' if count == 1 else 's'}"


def alert_lines(digest: Message, room: int) -> str:
    """A line for each alert of a digest, in ``room`` characters: as many alerts as possible, headlines first.

    The last line counts the alerts without a line, if there are any.
    """
    alerts = digest.alerts
    lines = [alert.line for alert in alerts]
    rest = rest_line(digest, 0, room)
    limit = length_limit([len(line) + 1 for line in lines], room - len(rest) - 1 if rest else room) - 1
    if limit >= _MIN_ALERT:
        fitting = [_alert_line(alert, line, limit) for alert, line in zip(alerts, lines, strict=True)]
    else:
        longest = len(rest_line(digest, len(alerts), room))
        count = max((room - longest) // (_MIN_ALERT + 1), 1)
        fitting = [shortened(alert.subject, _MIN_ALERT) for alert in alerts[:count]]
        rest = rest_line(digest, len(alerts) - count, room)
    return "\n".join([*fitting, rest] if rest else fitting)


def rest_line(digest: Message, left_out: int, room: int) -> str:
    """How many alerts have no line, and the command that lists them if it takes little of ``room``. Empty if all do."""
    more = digest.unnamed + left_out
    if not more:
        return ""
    with_command = f"… and {more} more: {digest.listing}"
    short = digest.listing and len(with_command) <= room // _REST_SHARE
    return with_command if short else f"… and {more} more (see the journal)"


def fit_escaped(text: str, length: int, escape: Callable[[str], str]) -> str:
    """The escaped text in at most ``length`` characters. The text is cut before it is escaped."""
    room = length
    while len(result := escape(shortened(text, room))) > length:
        if room <= 1:  # one character whose escape is longer than ``length``
            return "…"[:length]
        room = max(room * length // len(result), 1)
    return result


def _alert_line(message: Message, line: str, limit: int) -> str:
    """The headline uncut if possible, followed by as much of the summary as fits."""
    left = limit - len(message.subject) - 3
    if len(line) <= limit or left < _MIN_ALERT:
        return shortened(line if len(line) <= limit else message.subject, limit)
    return f"{message.subject}{shortened(line[len(message.subject) :], left + 3)}"


def fit_links(links: Sequence[MessageLink], room: int) -> tuple[MessageLink, ...]:
    """The first links whose names and URLs take at most ``room`` characters: a URL is never cut."""
    fitting: list[MessageLink] = []
    for link in links:
        room -= len(link.name) + len(link.url)
        if room < 0:
            break
        fitting.append(link)
    return tuple(fitting)


def utf16(text: str) -> int:
    """The length in UTF-16 code units, as Telegram and Discord count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fit_utf16(limit: int, make: Callable[[int], str]) -> str:
    """The text that ``make`` returns for at most ``limit`` characters, with fewer if they are more code units."""
    room = limit
    while (size := utf16(text := make(room))) > limit:
        room = room * limit // size
    return text
