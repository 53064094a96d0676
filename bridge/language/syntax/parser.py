"""Parses text to a syntax tree. A syntax error skips its own statement only; the others are parsed and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax.grammar_file import grammar_text
from bridge.language.syntax.repaired_text import RepairedText
from bridge.language.syntax.tree import ConditionNode, File, Statement

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

    from bridge.language.syntax.mistakes.remedy import Context
    from bridge.language.syntax.tree_builder import TreeBuilder

MAX_SYNTAX_ERRORS = 50
"""After this many errors in a file, the rest of it is not checked."""
_MAX_ERRORS_OF_LINE = 5
"""After this many repairs of a line, its statement is removed: the line is in another language."""


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
    spans: tuple[Sequence[Span], ...] = field(default=(), repr=False, compare=False)
    """Every span of each statement, for ``reparse``."""

    @property
    def is_empty(self) -> bool:
        """Whether the file contains neither a statement nor a syntax error."""
        return not self.file.statements and not self.diagnostics


def parse(source: SourceText, *, part: bool = False) -> Parsed:
    """Parse a file, or a part of one, collecting all its syntax errors. Never raises.

    An error with a likely fix is repaired for the rest of the parsing, so that the errors after it are found as well.
    Any other error removes its statement. A file in another language has one error.
    """
    parser, builder = _parser()
    repaired = RepairedText(source)
    diagnostics, broken, routes = list[Diagnostic](), set[str](), set[str]()
    statements: tuple[Statement, ...] = ()
    last, lines = -1, Counter[int]()
    while len(diagnostics) < MAX_SYNTAX_ERRORS:
        file, error = _attempt(parser, builder, repaired, "file")
        if error is None:
            statements = file.statements
            break
        from bridge.language.syntax.recovery import open_quote
        from bridge.language.syntax.syntax_error import context_of, describe, remedy_of

        context = context_of(error, repaired.text)
        quote = open_quote(repaired.text, context.start)
        remedy = remedy_of(context, quote)
        place = repaired.source_offset(context.start)
        found = describe(context, remedy, repaired)
        lines[found.span.line] += 1
        repairable = place > last and lines[found.span.line] < _MAX_ERRORS_OF_LINE
        if place > last or not diagnostics:
            diagnostics.append(found)
        if remedy is not None and remedy.other_language and not part:
            break
        if remedy is not None and remedy.edit is not None and repairable:
            repaired.replace(remedy.edit.start, remedy.edit.end, remedy.edit.text)
        elif not _remove(repaired, context, quote, broken, routes):
            break
        last = max(last, place)
    else:
        diagnostics.append(_too_many(diagnostics[-1]))
    comments = tuple(Comment(str(token).rstrip(), token.start_pos or 0) for token in builder.comments)
    problems = (*diagnostics, *builder.problems)
    spans = _by_statement(builder.spans, statements)
    return Parsed(File(statements), problems, frozenset(broken), frozenset(routes), comments, spans)


def _by_statement(spans: list[Span], statements: Sequence[Statement]) -> tuple[Sequence[Span], ...]:
    """The spans of each statement: its own is the last one that is made of it."""
    found: list[Sequence[Span]] = []
    start = 0
    for statement in statements:
        end = spans.index(statement.span, start) + 1
        found.append(spans[start:end])
        start = end
    return tuple(found)


def _remove(repaired: RepairedText, context: Context, quote: int | None, broken: set[str], routes: set[str]) -> bool:
    """Remove the statement with the error. False if nothing is left to remove."""
    from bridge.language.syntax.recovery import remove_error

    recovered = remove_error(repaired.text, context.start if quote is None else quote, context.expected)
    if recovered.text == repaired.text:
        return False
    repaired.blank(recovered.text)
    broken |= recovered.names
    routes |= recovered.routes
    return True


def parse_condition(source: SourceText) -> ConditionNode | tuple[Diagnostic, ...]:
    """Parse a condition on its own. Returns the errors if there are any. Never raises."""
    parser, builder = _parser()
    text = RepairedText(source)
    condition, error = _attempt(parser, builder, text, "condition")
    if error is not None:
        from bridge.language.syntax.syntax_error import context_of, describe, remedy_of

        context = context_of(error, text.text)
        return (describe(context, remedy_of(context, None), text),)
    return tuple(builder.problems) or condition


def _too_many(last: Diagnostic) -> Diagnostic:
    message = f"more than {MAX_SYNTAX_ERRORS} syntax errors; the rest of the file is not checked"
    return Diagnostic(Code.SYNTAX, message, last.span, "fix the errors above first")


def open_parser(source: SourceText) -> Lark:
    """The parser, ready to parse this text step by step. The next call of any function here ends that."""
    parser, builder = _parser()
    builder.start(RepairedText(source))
    return parser


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


def _attempt(parser: Lark, builder: TreeBuilder, text: RepairedText, start: str) -> tuple[Any, UnexpectedInput | None]:
    """The tree, or the error at which the parser stopped."""
    from lark import UnexpectedInput

    builder.start(text)
    try:
        return parser.parse(text.text, start=start), None
    except UnexpectedInput as error:
        return None, error
