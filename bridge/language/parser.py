"""Text to syntax tree. A mistake costs its own statement only: the others are parsed and checked all the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bridge.language.diagnostic import Diagnostic
from bridge.language.grammar_file import grammar_text
from bridge.language.source import Source
from bridge.language.syntax import File, Statement, Written
from bridge.language.syntax_error import describe

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

    from bridge.language.tree_builder import TreeBuilder

MOST_SYNTAX_ERRORS = 50
"""Past this many in one file the rest is not looked at."""

_STATEMENT = re.compile(r"^[ \t]*(list|macro|route|otherwise)\b", re.MULTILINE)
_BROKEN_NAME = re.compile(r"[ \t]*(?:list|macro)\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file came to."""

    file: File
    diagnostics: tuple[Diagnostic, ...]
    broken_names: frozenset[str]
    """Lists and macros whose statement could not be read: using them is no further mistake."""


def parse(source: Source) -> Parsed:
    """The tree of one file, and everything that is wrong with its syntax. Never raises."""
    parser, builder = _parser()
    text, diagnostics, broken = source.text, [], set[str]()
    builder.path, builder.problems = source.path, []
    statements: tuple[Statement, ...] = ()
    while len(diagnostics) < MOST_SYNTAX_ERRORS:
        found = _attempt(parser, builder, text, "file")
        if isinstance(found, File):
            statements = found.statements
            break
        diagnostics.append(describe(found, source))
        start, end = _broken_statement(text, _offset(found, text))
        name = _BROKEN_NAME.match(text, start)
        if name is not None:
            broken.add(name[1])
        text = _blanked(text, start, end)
    return Parsed(File(statements), (*diagnostics, *builder.problems), frozenset(broken))


def parse_condition(source: Source) -> Written | tuple[Diagnostic, ...]:
    """The tree of a condition by itself, or what is wrong with it. Never raises."""
    parser, builder = _parser()
    builder.path, builder.problems = source.path, []
    found = _attempt(parser, builder, source.text, "condition")
    if isinstance(found, _unexpected()):
        return (describe(found, source),)
    return tuple(builder.problems) or found


@cache
def _parser() -> tuple[Lark, TreeBuilder]:
    from lark import Lark  # noqa: PLC0415  # 50 ms that --version does not need

    from bridge.language.tree_builder import TreeBuilder  # noqa: PLC0415

    builder = TreeBuilder()
    lark = Lark(
        grammar_text(), parser="lalr", lexer="contextual", start=["file", "condition"], transformer=builder,
        maybe_placeholders=False,
    )  # fmt: skip
    return lark, builder


@cache
def _unexpected() -> type[UnexpectedInput]:
    from lark import UnexpectedInput  # noqa: PLC0415

    return UnexpectedInput


def _attempt(parser: Lark, builder: TreeBuilder, text: str, start: str) -> UnexpectedInput | File | Written:
    builder.problems = []
    try:
        tree: File | Written = parser.parse(text, start=start)  # type: ignore[assignment]  # the builder's product
    except _unexpected() as error:
        return error
    return tree


def _offset(error: UnexpectedInput, text: str) -> int:
    """Where the parser stopped; the file's end where more was wanted."""
    position = error.pos_in_stream
    token = getattr(error, "token", None)
    return len(text) if position is None or (token is not None and token.type == "$END") else position


def _broken_statement(text: str, offset: int) -> tuple[int, int]:
    """The stretch of the statement that holds the mistake: from its keyword to the next statement's."""
    start, end = 0, len(text)
    for match in _STATEMENT.finditer(text):
        # A mistake that shows at a statement's own keyword belongs to the one before, which was not complete.
        if match.start(1) < offset:
            start = match.start()
        else:
            end = match.start()
            break
    return start, max(end, min(start + 1, len(text)))


def _blanked(text: str, start: int, end: int) -> str:
    """The text with a stretch made blank, so that everything behind it keeps its place."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
