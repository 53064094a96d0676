"""What is left out of a text after a syntax error, so that the rest is read and checked all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.language.syntax.syntax_error import BODY

_OPENING = frozenset({"LBRACE"})
_UNREADABLE = "_"
"""The macro that takes the place of a condition that cannot be read."""
_STATEMENT = re.compile(
    r"(?:^|[{}])[ \t]*(import|list|macro|schedule|template|redact|where|route|otherwise|test)\b", re.MULTILINE
)
_BROKEN_NAME = re.compile(r"(?:list|macro|schedule|template)\s+(\w+)")
_BROKEN_ROUTE = re.compile(r"""\broute\s+(?:"([^"\n]*)"|'([^'\n]*)')""")
_TEXT = re.compile(r"""(?<![^\s(){},=])#[^\n]*|"(?:[^"\\]|\\[\s\S])*+"?|'(?:[^'\\]|\\[\s\S])*+'?""")
_BRACE = re.compile(r"""[{}]|#[^\n]*|"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?""")
"""A string that its line does not close ends with the line: a search from each quote in it would be quadratic."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A text without one mistake, everything behind it in its old place."""

    text: str
    names: frozenset[str] = frozenset()
    """Lists, macros and the like that went with it."""
    routes: frozenset[str] = frozenset()


def without_mistake(text: str, offset: int, expected: frozenset[str]) -> Mended:
    """The text without the statement that the mistake at ``offset`` is in, where something ``expected`` might stand.

    Of a ``where`` only the condition goes: what stands within is read, and known to stand within something unknown.
    """
    if offset < len(text) and expected >= BODY:
        start, end = _misplaced(text, offset)
    else:
        start, end = _broken_statement(text, offset, unopened=expected == _OPENING)
        if text.startswith("where", start):
            mended = _without_condition(text, start, end, offset)
            if mended is not None:
                return Mended(mended, frozenset({_UNREADABLE}))
    name = _BROKEN_NAME.match(text, start)
    routes = frozenset(found[1] or found[2] or "" for found in _BROKEN_ROUTE.finditer(text, start, end))
    return Mended(_blanked(text, start, end), frozenset() if name is None else frozenset({name[1]}), routes)


def _without_condition(text: str, start: int, end: int, offset: int) -> str | None:
    """The text with the condition of the ``where`` at ``start`` replaced; None where the mistake is not in that."""
    brace = next((match.start() for match in _BRACE.finditer(text, start, end) if match[0] == "{"), None)
    stop = end if brace is None else brace
    line_end = text.find("\n", start, stop)
    room = (stop if line_end < 0 else line_end) - start
    head = f"where {_UNREADABLE}" + (" {" if brace is None else "")
    if offset > stop or room < len(head):
        return None
    mended = text[:start] + head.ljust(room) + text[start + room :]
    return _blanked(mended, start + room, stop)


def open_quote(text: str, offset: int) -> int | None:
    """Where a text opens that spans lines and ends right before the mistake: its own quote is missing, most likely."""
    for match in _TEXT.finditer(text, 0, offset):
        if match.end() == offset and match[0][0] in "\"'" and "\n" in match[0]:
            return match.start()
    return None


def _broken_statement(text: str, offset: int, *, unopened: bool) -> tuple[int, int]:
    """The stretch of the statement that holds the mistake: from its keyword to the next statement's.

    Of a block that is ``unopened``, for its brace is missing, the closing brace is a part all the same.
    """
    start, end = 0, len(text)
    for match in _STATEMENT.finditer(text):
        # A mistake that shows at a statement's own keyword belongs to the one before, which was not complete.
        if match.start(1) < offset:
            start = match.start(1)
        else:
            end = match.start(1)
            break
    block = _block_end(text, start, end, depth=int(unopened))
    if block < offset or (block == offset and text[offset : offset + 1] == "}"):
        return offset, max(end, offset + 1)  # the statement was whole; what follows it belongs to nothing
    return start, max(block, min(start + 1, len(text)))


def _misplaced(text: str, offset: int) -> tuple[int, int]:
    """The stretch of what cannot stand in a ``where``, which is whole but for that."""
    following = _STATEMENT.search(text, offset + 1)
    return offset, max(_block_end(text, offset, len(text) if following is None else following.start(1)), offset + 1)


def _block_end(text: str, start: int, end: int, depth: int = 0) -> int:
    """Where the braces that open in this stretch are closed: a block around it must keep its own."""
    for match in _BRACE.finditer(text, start, end):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth <= 0:
                return match.end() if depth == 0 else match.start()
    return end


def _blanked(text: str, start: int, end: int) -> str:
    """The text with a stretch made blank, so that everything behind it keeps its place."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
