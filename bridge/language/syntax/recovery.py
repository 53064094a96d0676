"""Error recovery: removes the statement with a syntax error, so that the rest of the file is parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bridge.language.syntax.reserved import STATEMENTS
from bridge.language.syntax.syntax_error import BODY

_LONGEST_HEAD = 200
_OPENING = frozenset({"LBRACE"})
_PLACEHOLDER = "_"
"""The macro that replaces a condition with a syntax error."""
_STATEMENT = re.compile(
    r"(?:^|[{}])[ \t]*(import|list|macro|schedule|template|redact|table|where|route|otherwise|test)\b", re.MULTILINE
)
_TAKEN = re.compile(rf"(?:^|[{{}}])[ \t]*({'|'.join(STATEMENTS)})\s+$", re.MULTILINE)
"""The keyword of a statement right before an error."""
_BROKEN_NAME = re.compile(r"(?:list|macro|schedule|template|table)\s+(\w+)")
_BROKEN_ROUTE = re.compile(r"""\broute\s+(?:"([^"\n]*)"|'([^'\n]*)')""")
_TEXT = re.compile(r"""(?<![^\s(){},=])#[^\n]*|"(?:[^"\\]|\\[\s\S])*+"?|'(?:[^'\\]|\\[\s\S])*+'?""")
_BRACE = re.compile(r"""[{}]|#[^\n]*|"(?:\\.|[^"\\\n])*+"?|'(?:\\.|[^'\\\n])*+'?""")
"""A string that is not closed on its line ends there; otherwise searching from each quote would be quadratic."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A text without one error. Everything else keeps its offset."""

    text: str
    names: frozenset[str] = frozenset()
    """Names whose definition was removed."""
    routes: frozenset[str] = frozenset()
    """Names of routes that were removed."""


def remove_error(text: str, offset: int, expected: frozenset[str]) -> Recovered:
    """Remove the statement that contains the error at ``offset``, where one of ``expected`` was required.

    If the error is in the condition of a ``where``, only the condition is replaced: the routes inside are checked.
    """
    if expected & {"AND", "WORD_OPERATOR"} and (taken := _TAKEN.search(text[max(0, offset - _LONGEST_HEAD) : offset])):
        # It was read as a name: the condition of the statement before is missing.
        offset = max(0, offset - _LONGEST_HEAD) + taken.start(1)
    if offset < len(text) and expected >= BODY:
        start, end = _misplaced(text, offset)
    else:
        start, end = _broken_statement(text, offset, unopened=expected == _OPENING)
        if text.startswith("where", start):
            replaced = _replace_condition(text, start, end, offset)
            if replaced is not None:
                return Recovered(replaced, frozenset({_PLACEHOLDER}))
    name = _BROKEN_NAME.match(text, start)
    routes = frozenset(found[1] or found[2] or "" for found in _BROKEN_ROUTE.finditer(text, start, end))
    return Recovered(_blanked(text, start, end), frozenset() if name is None else frozenset({name[1]}), routes)


def _replace_condition(text: str, start: int, end: int, offset: int) -> str | None:
    """Replace the condition of the ``where`` at ``start``. None if the error is not in that condition."""
    brace = next((match.start() for match in _BRACE.finditer(text, start, end) if match[0] == "{"), None)
    stop = end if brace is None else brace
    line_end = text.find("\n", start, stop)
    room = (stop if line_end < 0 else line_end) - start
    head = f"where {_PLACEHOLDER}" + (" {" if brace is None else "")
    if offset > stop or room < len(head):
        return None
    replaced = text[:start] + head.ljust(room) + text[start + room :]
    return _blanked(replaced, start + room, stop)


def open_quote(text: str, offset: int) -> int | None:
    """The start of a multi-line string that ends right before the error: its closing quote is most likely missing."""
    for match in _TEXT.finditer(text, 0, offset):
        if match.end() == offset and match[0][0] in "\"'" and "\n" in match[0]:
            return match.start()
    return None


def _broken_statement(text: str, offset: int, *, unopened: bool) -> tuple[int, int]:
    """The range of the statement that contains the error: from its keyword to that of the next statement.

    ``unopened``: the opening brace of the block is missing, so the closing brace belongs to the statement.
    """
    start, end = 0, len(text)
    for match in _STATEMENT.finditer(text):
        # An error at the keyword of a statement belongs to the statement before, which is incomplete.
        if match.start(1) < offset:
            start = match.start(1)
        else:
            end = match.start(1)
            break
    block = _block_end(text, start, end, depth=int(unopened))
    if block < offset or (block == offset and text[offset : offset + 1] == "}"):
        return offset, max(end, offset + 1)  # the statement is complete, and something invalid follows it
    return start, max(block, min(start + 1, len(text)))


def _misplaced(text: str, offset: int) -> tuple[int, int]:
    """The range of something that is not allowed inside a ``where``."""
    following = _STATEMENT.search(text, offset + 1)
    return offset, max(_block_end(text, offset, len(text) if following is None else following.start(1)), offset + 1)


def _block_end(text: str, start: int, end: int, depth: int = 0) -> int:
    """The end of the block that opens in this range. The braces of an enclosing block are not included."""
    for match in _BRACE.finditer(text, start, end):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth <= 0:
                return match.end() if depth == 0 else match.start()
    return end


def _blanked(text: str, start: int, end: int) -> str:
    """The text with a range replaced by spaces, so that all offsets stay the same."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
