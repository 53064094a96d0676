"""Describes a syntax error: what was expected, what was found, and the likely fix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.syntax.mistakes.brackets import unclosed_quote
from bridge.language.syntax.mistakes.find import likely_fix
from bridge.language.syntax.mistakes.remedy import Context, Remedy
from bridge.language.syntax.repaired_text import RepairedText
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
_QUOTABLE = frozenset({"STRING", "CHANNEL", "NAME"})
_MAX_FOUND = 40
_FOUND = re.compile(r"\w[\w.-]*|&&|\|\||//|/\*|[^\w]")


def context_of(error: UnexpectedInput, text: str) -> Context:
    """The error with its surroundings."""
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    start = len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
    match = _FOUND.match(text, start)
    return Context(text, start, "" if match is None else match[0][:_MAX_FOUND], expected_by(error))


def remedy_of(context: Context, quote: int | None) -> Remedy | None:
    """The likely fix. ``quote`` is the start of a string before the error that is probably not closed."""
    if quote is not None:
        return unclosed_quote(context.text, quote, context.start)
    if context.found and context.found in "\"'" and context.expected & _QUOTABLE and _never_closed(context):
        return unclosed_quote(context.text, context.start, len(context.text))
    return likely_fix(context)


def describe(context: Context, remedy: Remedy | None, text: RepairedText) -> Diagnostic:
    """The diagnostic of a syntax error."""
    remedy = remedy or Remedy(_closing(context) if not context.found else "")
    start, end = remedy.place or (context.start, context.start + max(len(context.found), 1))
    start = min(start, max(len(text.text) - 1, 0))
    found = f"`{context.found}`" if context.found else "the end of the file"
    return Diagnostic(
        Code.SYNTAX,
        remedy.message or f"expected {_describe(context.expected)}, found {found}",
        text.span(start, max(end, start + 1)),
        remedy.hint,
        tuple((label, text.span(first, last)) for label, first, last in remedy.related),
        None if remedy.edit is None
        else Fix(
            text.source_offset(remedy.edit.start), text.source_offset(remedy.edit.end), remedy.edit.text, remedy.certain
        ),
    )  # fmt: skip


def expected_by(error: UnexpectedInput) -> frozenset[str]:
    """The terminals that would have been accepted."""
    parser = getattr(error, "interactive_parser", None)
    return frozenset(getattr(error, "allowed", None) or () if parser is None else parser.accepts())


def _never_closed(context: Context) -> bool:
    """Whether the quote at the error has no partner on its line."""
    quote = re.escape(context.found)
    return re.match(rf"{quote}(?:[^{quote}\\\n]|\\.)*{quote}", context.rest_of_line) is None


def _describe(expected: frozenset[str]) -> str:
    """The expected terminals in words. Large sets are described by category."""
    for terminals, category in _CATEGORIES:
        if terminals <= expected and (category != _CLAUSE or "AND" not in expected):
            return category
    names = sorted({_NAMES.get(name, f"`{name.lower()}`") for name in expected})
    return " or ".join(names) if names else "nothing"


def _closing(context: Context) -> str:
    if "RBRACE" in context.expected:
        return "close it with `}`"
    return "close the list with `)`" if "RPAR" in context.expected else ""
