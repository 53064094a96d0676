"""A syntax error in words: what stands there, what may stand there, and what was most likely meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.syntax.common_mistakes import likely
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
"""What may stand within a ``where``."""
_CLAUSE = "a clause (when, to, throttle, severity, title, drop, …) or `}`"
_KINDS = (
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
"""What may stand there together, and how it is told; the first that fits."""
_LONGEST_SHOWN = 40


def describe(error: UnexpectedInput, source: SourceText) -> Diagnostic:
    """The diagnostic for what the parser met."""
    text = source.text
    token, expected = getattr(error, "token", None), expected_by(error)
    at_end = token is not None and token.type == "$END"
    start = len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
    met = _met(text, start)
    span = _span(source, start, start + max(len(met), 1))
    if not met:
        return Diagnostic(Code.SYNTAX, f"the file ends, but {_wanted(expected)} is missing", span, _closing(expected))
    return Diagnostic(
        Code.SYNTAX,
        f"`{met}` does not fit here; {_wanted(expected)} may follow",
        span,
        likely(met, expected, text, start),
    )


def describe_quote(start: int, end: int, source: SourceText) -> Diagnostic:
    """The diagnostic for a text that is most likely not closed where it should be."""
    line_end = source.text.find("\n", start)
    span = _span(source, start, line_end)
    closed = span.line + source.text.count("\n", start, end)
    return Diagnostic(Code.SYNTAX, f"this text goes on to line {closed}", span, "is the quote closed?")


def expected_by(error: UnexpectedInput) -> frozenset[str]:
    """The terminals of which one might have stood there."""
    parser = getattr(error, "interactive_parser", None)
    return frozenset(getattr(error, "allowed", None) or () if parser is None else parser.accepts())


def _met(text: str, start: int) -> str:
    match = re.compile(r"\w[\w.-]*|&&|\|\||//|/\*|[^\w]").match(text, start)
    return "" if match is None else match[0][:_LONGEST_SHOWN]


def _span(source: SourceText, start: int, end: int) -> Span:
    start = min(start, max(len(source.text) - 1, 0))
    line = source.text.count("\n", 0, start) + 1
    return Span(source.path, start, end, line, start - source.text.rfind("\n", 0, start))


def _wanted(expected: frozenset[str]) -> str:
    """What may stand there, shortest first: many things are told as the kind of thing that they are."""
    for some, kind in _KINDS:
        if some <= expected and (kind != _CLAUSE or "AND" not in expected):
            return kind
    told = sorted({_NAMES.get(name, f"`{name.lower()}`") for name in expected})
    return " or ".join(told) if told else "nothing"


def _closing(expected: frozenset[str]) -> str:
    if "RBRACE" in expected:
        return "close it with `}`"
    return "close the list with `)`" if "RPAR" in expected else ""
