"""Parses text to a syntax tree. A syntax error skips its own statement only; the others are parsed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.grammar_file import grammar_text
from bridge.language.syntax.recovery import open_quote, remove_error
from bridge.language.syntax.syntax_error import describe, describe_quote, expected_by
from bridge.language.syntax.tree import ConditionNode, File, Statement

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

    from bridge.language.syntax.tree_builder import TreeBuilder

MAX_SYNTAX_ERRORS = 50
"""After this many errors in a file, the rest of it is not checked."""


@dataclass(frozen=True, slots=True)
class Comment:
    """``# …``. Only the formatter uses comments."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """The result of parsing a file."""

    file: File
    diagnostics: tuple[Diagnostic, ...]
    broken_names: frozenset[str]
    """Names whose definition has a syntax error. Using them is not reported as another error."""
    broken_routes: frozenset[str] = frozenset()
    """Names of routes with a syntax error."""
    comments: tuple[Comment, ...] = ()
    """In order. Complete only if the file has no syntax errors."""


def parse(source: SourceText) -> Parsed:
    """Parse a file, collecting all its syntax errors. Never raises."""
    parser, builder = _parser()
    text, diagnostics, broken, routes = source.text, list[Diagnostic](), set[str](), set[str]()
    builder.path, builder.problems = source.path, []
    statements: tuple[Statement, ...] = ()
    while len(diagnostics) < MAX_SYNTAX_ERRORS:
        file, error = _attempt(parser, builder, text, "file")
        if error is None:
            statements = file.statements
            break
        offset = _offset(error, text)
        quote = open_quote(text, offset)
        diagnostics.append(describe(error, source) if quote is None else describe_quote(quote, offset, source))
        recovered = remove_error(text, offset if quote is None else quote, expected_by(error))
        text = recovered.text
        broken |= recovered.names
        routes |= recovered.routes
    else:
        diagnostics.append(_too_many(diagnostics[-1]))
    comments = tuple(Comment(str(token).rstrip(), token.start_pos or 0) for token in builder.comments)
    problems = (*diagnostics, *builder.problems)
    return Parsed(File(statements), problems, frozenset(broken), frozenset(routes), comments)


def parse_condition(source: SourceText) -> ConditionNode | tuple[Diagnostic, ...]:
    """Parse a condition on its own. Returns the errors if there are any. Never raises."""
    parser, builder = _parser()
    builder.path, builder.problems = source.path, []
    condition, error = _attempt(parser, builder, source.text, "condition")
    if error is not None:
        return (describe(error, source),)
    return tuple(builder.problems) or condition


def _too_many(last: Diagnostic) -> Diagnostic:
    message = f"more than {MAX_SYNTAX_ERRORS} syntax errors; the rest of the file is not checked"
    return Diagnostic(Code.SYNTAX, message, last.span, "fix the errors above first")


@cache
def _parser() -> tuple[Lark, TreeBuilder]:
    from lark import Lark  # takes 50 ms to import

    from bridge.language.syntax.tree_builder import TreeBuilder

    builder = TreeBuilder()
    lark = Lark(
        grammar_text(), parser="lalr", lexer="contextual", start=["file", "condition"], transformer=builder,
        maybe_placeholders=False, lexer_callbacks={"COMMENT": builder.comment},
    )  # fmt: skip
    return lark, builder


def _attempt(parser: Lark, builder: TreeBuilder, text: str, start: str) -> tuple[Any, UnexpectedInput | None]:
    """The tree, or the error at which the parser stopped."""
    from lark import UnexpectedInput

    builder.problems, builder.comments = [], []
    try:
        return parser.parse(text, start=start), None
    except UnexpectedInput as error:
        return None, error


def _offset(error: UnexpectedInput, text: str) -> int:
    """The offset at which the parser stopped."""
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    return len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
