"""Text as Markdown's data: what an attacker wrote formats nothing, links nothing, calls nobody."""

from __future__ import annotations

import re

from bridge.channels.message.fit import escaped, fitted
from bridge.channels.message.message import Message
from bridge.channels.render.plain import told
from bridge.common.text import unmentioned

_SIGNS = re.compile(r"[!-/:-@\[-`{-~]")
"""ASCII's punctuation; a backslash before any of it makes it plain (CommonMark 2.4; Discord takes it too)."""
_PLAIN = frozenset(",./-%'\";?=()!+{}^")
"""Signs that mean nothing by themselves: brackets, which they would need before or behind them, are escaped."""
_TICKS = re.compile("`+")


def literal(text: str) -> str:
    """As running text. Beginnings of lines are covered too: no heading, list or quotation comes of them."""
    marked = _SIGNS.sub(lambda sign: sign[0] if sign[0] in _PLAIN else f"\\{sign[0]}", text)
    marked = re.sub(r"(?m)^(\s*)([-=+])", r"\1\\\2", re.sub(r"(?m)^(\s*\d+)\.", r"\1\\.", marked))
    return unmentioned(marked)


def code(text: str) -> str:
    """As a span of code, in which nothing else is read; fenced by more backticks than there are in it."""
    longest = max(map(len, _TICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text or ' '}{pad}{fence}"


def code_lines(text: str) -> str:
    """Several lines, each a span of code: the fences of blocks cannot be made safe in every service."""
    return "\n".join(code(line) if line.strip() else "" for line in text.split("\n"))


def document(message: Message, most: int) -> str:
    """The message below its headline, within ``most`` characters: lede, text, and a line for each row."""
    lede = escaped(message.lede, most // 4, literal)
    text = escaped(told(message, most // 3 if message.facts else most // 2), most // 2, code_lines)
    links = " · ".join(f"[{literal(link.name)}]({link.url})" for link in message.links)
    room = most - len(lede) - len(text) - len(links) - 60
    rows, left_out = fitted(message.facts, room, len("****  ````  \n") + 8)
    left_out += message.fields_left_out
    lines = [f"**{literal(row.name)}** {code(row.value)}" for row in rows]
    if left_out:
        lines.append(f"… and {left_out} more fields")
    while len(result := _joined(lede, text, lines, links)) > most:  # names and backticks may have grown in escaping
        lines.pop(-2 if left_out and len(lines) > 1 else -1)
    return result


def _joined(lede: str, text: str, lines: list[str], links: str) -> str:
    return "\n\n".join(part for part in (lede, text, "\n".join(lines), links) if part)
