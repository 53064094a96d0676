"""Text to syntax tree. A mistake costs its own statement only: the others are parsed and checked all the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.grammar_file import grammar_text
from bridge.language.syntax.recovery import open_quote, without_mistake
from bridge.language.syntax.syntax_error import describe, describe_quote, expected_by
from bridge.language.syntax.tree import ConditionNode, File, Statement

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

    from bridge.language.syntax.tree_builder import TreeBuilder

MOST_SYNTAX_ERRORS = 50
"""Past this many in one file the rest is not looked at."""


@dataclass(frozen=True, slots=True)
class Comment:
    """``# …``, which only the formatter reads."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file came to."""

    file: File
    diagnostics: tuple[Diagnostic, ...]
    broken_names: frozenset[str]
    """Lists, macros and the like whose statement could not be read: using them is no further mistake."""
    broken_routes: frozenset[str] = frozenset()
    """The same of routes."""
    comments: tuple[Comment, ...] = ()
    """In order; only of a file without syntax errors."""


def parse(source: SourceText) -> Parsed:
    """The tree of one file, and everything that is wrong with its syntax. Never raises."""
    parser, builder = _parser()
    text, diagnostics, broken, routes = source.text, list[Diagnostic](), set[str](), set[str]()
    builder.path, builder.problems = source.path, []
    statements: tuple[Statement, ...] = ()
    while len(diagnostics) < MOST_SYNTAX_ERRORS:
        file, error = _attempt(parser, builder, text, "file")
        if error is None:
            statements = file.statements
            break
        offset = _offset(error, text)
        quote = open_quote(text, offset)
        diagnostics.append(describe(error, source) if quote is None else describe_quote(quote, offset, source))
        mended = without_mistake(text, offset if quote is None else quote, expected_by(error))
        text = mended.text
        broken |= mended.names
        routes |= mended.routes
    else:
        diagnostics.append(_too_many(diagnostics[-1]))
    comments = tuple(Comment(str(token).rstrip(), token.start_pos or 0) for token in builder.comments)
    problems = (*diagnostics, *builder.problems)
    return Parsed(File(statements), problems, frozenset(broken), frozenset(routes), comments)


def parse_condition(source: SourceText) -> ConditionNode | tuple[Diagnostic, ...]:
    """The tree of a condition by itself, or what is wrong with it. Never raises."""
    parser, builder = _parser()
    builder.path, builder.problems = source.path, []
    condition, error = _attempt(parser, builder, source.text, "condition")
    if error is not None:
        return (describe(error, source),)
    return tuple(builder.problems) or condition


def _too_many(last: Diagnostic) -> Diagnostic:
    message = f"more than {MOST_SYNTAX_ERRORS} mistakes; the rest of this file is not looked at"
    return Diagnostic(Code.SYNTAX, message, last.span, "mend those before it first")


@cache
def _parser() -> tuple[Lark, TreeBuilder]:
    from lark import Lark  # 50 ms that --version does not need

    from bridge.language.syntax.tree_builder import TreeBuilder

    builder = TreeBuilder()
    lark = Lark(
        grammar_text(), parser="lalr", lexer="contextual", start=["file", "condition"], transformer=builder,
        maybe_placeholders=False, lexer_callbacks={"COMMENT": builder.comment},
    )  # fmt: skip
    return lark, builder


def _attempt(parser: Lark, builder: TreeBuilder, text: str, start: str) -> tuple[Any, UnexpectedInput | None]:
    """What the builder made of the text, or where the parser stopped."""
    from lark import UnexpectedInput

    builder.problems, builder.comments = [], []
    try:
        return parser.parse(text, start=start), None
    except UnexpectedInput as error:
        return None, error


def _offset(error: UnexpectedInput, text: str) -> int:
    """Where the parser stopped; the file's end where more was wanted."""
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    return len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
