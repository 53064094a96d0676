"""Escapes untrusted text for Markdown: no formatting, no links, no mentions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bridge.channels.message.fit import fit_escaped, fit_facts, fit_links, more_fields
from bridge.channels.message.message import Fact, Message
from bridge.channels.render.plain import escaped_text
from bridge.common.text import escape_mentions

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
"""ASCII punctuation, which a backslash escapes (CommonMark 2.4; Discord supports it, too)."""
_UNESCAPED = frozenset(",./-%'\";?=()!+{}^")
"""Punctuation that has a meaning only next to brackets, which are escaped."""
_BACKTICKS = re.compile("`+")
_GAP = "\n\n"


def literal(text: str) -> str:
    """The text without a meaning in Markdown. The start of a line is escaped, too: no heading, list or quotation."""
    escaped = _PUNCTUATION.sub(lambda sign: sign[0] if sign[0] in _UNESCAPED else f"\\{sign[0]}", text)
    escaped = re.sub(r"(?m)^(\s*)([-=+])", r"\1\\\2", re.sub(r"(?m)^(\s*\d+)\.", r"\1\\.", escaped))
    return escape_mentions(escaped)


def code(text: str) -> str:
    """The text as a code span, fenced by more backticks than it contains."""
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{padding}{text or ' '}{padding}{fence}"


def code_lines(text: str) -> str:
    """Lines, each as a code span: the fences of code blocks cannot be escaped in every service."""
    return "\n".join(code(line) if line.strip() else "" for line in text.split("\n"))


def document(message: Message, length: int) -> str:
    """The message without its headline in at most ``length`` characters: summary, text, and a line for each row."""
    summary = fit_escaped(message.summary, length // 4, literal)
    links = _links(message, length // 4)
    room = length * 3 // 4 if message.alerts else length // 2
    text = escaped_text(message, min(room, length - len(summary) - len(links) - 2 * len(_GAP)), code_lines)
    room = length - len(summary) - len(text) - len(links) - 60
    rows, left_out = fit_facts(message.facts, room, len("****  ````  \n") + 8)
    left_out += message.fields_left_out
    while len(result := _joined(summary, text, _rows(rows, left_out), links)) > length:  # Escaping made it longer.
        if not rows:
            return _joined(summary, text, "", links)
        rows, left_out = rows[:-1], left_out + 1
    return result


def _rows(rows: Sequence[Fact], left_out: int) -> str:
    lines = [f"**{literal(row.name)}** {code(row.value)}" for row in rows]
    return "\n".join([*lines, f"… {more_fields(left_out)}"] if left_out else lines)


def _links(message: Message, room: int) -> str:
    """As many links as fit, in one line."""
    links = [f"[{literal(link.name)}]({link.url})" for link in fit_links(message.links, room)]
    while len(line := " · ".join(links)) > room:
        links.pop()
    return line


def _joined(*parts: str) -> str:
    return _GAP.join(part for part in parts if part)
