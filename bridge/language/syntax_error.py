"""A syntax error in words: what stands there, what may stand there, and what was most likely meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.language.diagnostic import Code, Diagnostic
from bridge.language.reserved import CLAUSES, STATEMENTS, STEPS
from bridge.language.source import Source, Span
from bridge.language.suggest import nearest

if TYPE_CHECKING:
    from lark import UnexpectedInput

_OPERATORS = (
    "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in",
    "intersects", "pmatch", "exists",
)  # fmt: skip
_MEANT = {"&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not", "matches": "regex",
          "like": "glob", "is": "="}  # fmt: skip
_NAMES = {
    "STRING": "a quoted string", "BARE": "a value", "NAME": "a name", "FIELD": "a field", "CHANNEL": "a channel",
    "DURATION": "a duration like 15m", "COUNT": "a number", "NUMBER": "a number", "DAYS": "a day like mon or mon-fri",
    "DATES": "a date like 2026-12-24", "HOURS": "hours like 09:00-18:00", "COUNT_WORD": "`count`",
    "LBRACE": "`{`", "RBRACE": "`}`", "LPAR": "`(`", "RPAR": "`)`", "COMMA": "`,`", "EQ": "`=`", "PLUS_EQ": "`+=`",
    "NOT": "`not`", "AND": "`and`", "OR": "`or`", "EXISTS": "`exists`", "$END": "the end of the file",
}  # fmt: skip
_SMART_QUOTES = "“”‘’„«»"
_BLOCKS = frozenset({"route", "where", "otherwise", "test"})
_LONGEST_SHOWN = 40


def describe(error: UnexpectedInput, source: Source) -> Diagnostic:
    """The diagnostic for what the parser met."""
    text = source.text
    token = getattr(error, "token", None)
    expected = frozenset(
        getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None) or ()
    )
    at_end = token is not None and token.type == "$END"
    start = len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream
    met = _met(text, start)
    span = _span(source, start, start + max(len(met), 1))
    if not met:
        return Diagnostic(Code.SYNTAX, f"the file ends, but {_wanted(expected)} is missing", span, _closing(expected))
    return Diagnostic(
        Code.SYNTAX, f"`{met}` does not fit here; {_wanted(expected)} may follow", span, _intent(met, expected)
    )


def _met(text: str, start: int) -> str:
    match = re.compile(r"\w[\w.-]*|&&|\|\||[^\s\w]").match(text, start)
    return "" if match is None else match[0][:_LONGEST_SHOWN]


def _span(source: Source, start: int, end: int) -> Span:
    start = min(start, max(len(source.text) - 1, 0))
    line = source.text.count("\n", 0, start) + 1
    return Span(source.path, start, end, line, start - source.text.rfind("\n", 0, start))


def _wanted(expected: frozenset[str]) -> str:
    """What may stand there, shortest first: many things are told as the kind of thing that they are."""
    if {"WHEN", "TO"} <= expected and "AND" not in expected:
        return "a clause (when, to, throttle, severity, title, drop, …) or `}`"
    if {"EVENT", "EXPECT"} <= expected and "AND" not in expected:
        return f"a step ({', '.join(STEPS)}) or `}}`"
    if {"WHERE", "ROUTE", "RBRACE"} <= expected:
        return "a route, a `where` or `}`"
    if {"WHEN", "TO"} <= expected:
        return "`and`, `or`, the next clause or `}`"
    if "WORD_OPERATOR" in expected:
        return "an operator (=, contains, in, exists, …)"
    if {"FIELD", "NOT"} <= expected:
        return "a condition"
    if {"FIELD", "CALL"} <= expected:
        return "a field"
    if {"LIST", "ROUTE"} <= expected:
        return "a statement (route, list, macro, where, import, …)"
    if "BARE" in expected:
        return "a value"
    told = sorted({_NAMES.get(name, f"`{name.lower()}`") for name in expected})
    return " or ".join(told) if told else "nothing"


def _closing(expected: frozenset[str]) -> str:
    if "RBRACE" in expected:
        return "close it with `}`"
    return "close the list with `)`" if "RPAR" in expected else ""


def _intent(met: str, expected: frozenset[str]) -> str:
    """The likely slip."""
    if met in _MEANT:
        return f"write `{_MEANT[met]}`"
    if met[0] in _SMART_QUOTES:
        return 'use straight quotes: "'
    if met[0] in "\"'":
        return "is the quote closed?"
    if expected == {"STRING"}:
        return f'quote it: "{met}"'
    if expected == {"DURATION"} and met.isdigit():
        return f"give it a unit: {met}m, {met}h, {met}d"
    structural = _structural(met, expected)
    if structural:
        return structural
    pool = _pool(expected)
    found = nearest(met, pool)
    if found is not None and found != met:
        return f"did you mean `{found}`?"
    if {"AND", "OR"} <= expected and met not in STATEMENTS:
        return "a value with spaces or signs needs quotes"
    return ""


def _structural(met: str, expected: frozenset[str]) -> str:
    """A slip of the structure, that is found where the next part begins."""
    if met == "not" and "WORD_OPERATOR" in expected:
        return "`not` stands before the field: not FIELD in (…)"
    if met == "for" and expected == {"PER"}:
        return "write `per`"
    if met in _BLOCKS and "RBRACE" in expected:
        return "is the `}` before it missing?"
    if expected == {"RPAR"} or ("RPAR" in expected and met in CLAUSES):
        return "is the `)` before it missing?"
    return ""


def _pool(expected: frozenset[str]) -> tuple[str, ...]:
    """The words that may stand there, for a suggestion."""
    if "LIST" in expected and "AND" not in expected:
        return STATEMENTS
    if "WORD_OPERATOR" in expected:
        return _OPERATORS
    if "EXPECT" in expected:
        return STEPS
    return CLAUSES if "TO" in expected else ()
