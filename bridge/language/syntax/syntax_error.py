"""Describes a syntax error: what was expected, what was found, and the likely fix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax.common_mistakes import likely_fix
from bridge.language.syntax.reserved import STEPS

if TYPE_CHECKING:
    from lark import UnexpectedInput

_NAMES = {
    "STRING": "a quoted string", "BARE": "a value", "NAME": "a name", "FIELD": "a field", "CHANNEL": "a channel",
    "DURATION": "a duration like 15m", "COUNT": "a number", "NUMBER": "a number", "DAYS": "a day like mon or mon-fri",
    "DATES": "a date like 2026-12-24", "HOURS": "hours like 09:00-18:00", "COUNT_WORD": "`count`",
    "LBRACE": "`{`", "RBRACE": "`}`", "LPAR": "`(`", "RPAR": "`)`", "COMMA": "`,`", "EQ": "`=`", "PLUS_EQ": "`+=`",
    "NOT": "`not`", "AND": "`and`", "OR": "`or`", "EXISTS": "`exists`", "$END": "the end of the file",
}  # fmt: skip
BODY = frozenset({"WHERE", "ROUTE", "RBRACE"})
"""What is allowed inside a ``where``."""
_CLAUSE = "a clause (when, to, throttle, severity, title, drop, …) or `}`"
_CATEGORIES = (
    (frozenset({"WHEN", "TO"}), _CLAUSE),
    (frozenset({"EVENT", "EXPECT"}), f"a step ({', '.join(STEPS)}) or `}}`"),
    (BODY, "a route, a `where` or `}`"),
    (frozenset({"WHEN", "TO"}), "`and`, `or`, the next clause or `}`"),
    (frozenset({"WORD_OPERATOR"}), "an operator (=, contains, in, exists, …)"),
    (frozenset({"FIELD", "NOT"}), "a condition"),
    (frozenset({"FIELD", "CALL"}), "a field"),
    (frozenset({"HOURS", "LIST"}), "hours like 09:00-18:00, a day, a date, `in` or the next statement"),
    (frozenset({"LIST", "ROUTE"}), "a statement (route, list, macro, where, import, …)"),
    (frozenset({"BARE"}), "a value"),
)
"""Sets of terminals that are described together; the first matching entry is used."""
_MAX_FOUND = 40


def describe(error: UnexpectedInput, source: SourceText) -> Diagnostic:
    """The diagnostic of a syntax error."""
    text = source.text
    token, expected = getattr(error, "token", None), expected_by(error)
    at_end = token is not None and token.type == "$END"
    start = len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
    found = _found(text, start)
    span = _span(source, start, start + max(len(found), 1))
    if not found:
        message = f"expected {_describe(expected)}, found the end of the file"
        return Diagnostic(Code.SYNTAX, message, span, _closing(expected))
    return Diagnostic(
        Code.SYNTAX,
        f"expected {_describe(expected)}, found `{found}`",
        span,
        likely_fix(found, expected, text, start),
    )


def describe_quote(start: int, end: int, source: SourceText) -> Diagnostic:
    """The diagnostic of a string whose closing quote is most likely missing."""
    line_end = source.text.find("\n", start)
    span = _span(source, start, line_end)
    closed = span.line + source.text.count("\n", start, end)
    return Diagnostic(Code.SYNTAX, f"this string continues to line {closed}", span, "missing closing quote?")


def expected_by(error: UnexpectedInput) -> frozenset[str]:
    """The terminals that would have been accepted."""
    parser = getattr(error, "interactive_parser", None)
    return frozenset(getattr(error, "allowed", None) or () if parser is None else parser.accepts())


def _found(text: str, start: int) -> str:
    match = re.compile(r"\w[\w.-]*|&&|\|\||//|/\*|[^\w]").match(text, start)
    return "" if match is None else match[0][:_MAX_FOUND]


def _span(source: SourceText, start: int, end: int) -> Span:
    start = min(start, max(len(source.text) - 1, 0))
    line = source.text.count("\n", 0, start) + 1
    return Span(source.path, start, end, line, start - source.text.rfind("\n", 0, start))


def _describe(expected: frozenset[str]) -> str:
    """The expected terminals in words. Large sets are described by category."""
    for terminals, category in _CATEGORIES:
        if terminals <= expected and (category != _CLAUSE or "AND" not in expected):
            return category
    names = sorted({_NAMES.get(name, f"`{name.lower()}`") for name in expected})
    return " or ".join(names) if names else "nothing"


def _closing(expected: frozenset[str]) -> str:
    if "RBRACE" in expected:
        return "close it with `}`"
    return "close the list with `)`" if "RPAR" in expected else ""
