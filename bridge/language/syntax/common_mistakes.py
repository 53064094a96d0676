"""Suggests the likely fix of a syntax error."""

from __future__ import annotations

import re

from bridge.common.suggest import nearest
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS, STEPS

SMART_QUOTES = "“”‘’„«»"
_OPERATORS = (
    "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in",
    "intersects", "pmatch", "exists",
)  # fmt: skip
_REPLACEMENTS = {
    "&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not", "matches": "regex", "like": "glob",
    "is": "=", "//": "#", "/*": "#", "–": "-", "—": "-",
}  # fmt: skip
_CLAUSES = {
    "if": "when", "notify": "to", "send": "to", "channel": "to", "channels": "to", "priority": "severity",
    "ignore": "drop", "discard": "drop", "schedule": "during", "text": "message",
}  # fmt: skip
"""Words of other tools, and the clause that replaces them."""
_DAYS = {"weekdays": "mon-fri", "weekend": "sat, sun", "daily": "mon-sun"}
_A_DAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?", re.IGNORECASE)
_BLOCKS = frozenset({"route", "where", "otherwise", "test"})
_CLOSED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_UNQUOTED = re.compile(r"""[^\s{}"']+""")
_AMOUNT = re.compile(r"(\d+)([smhdw])")
_LOOK_BEHIND = 200
"""Characters before the error that are searched for its cause."""
_BLANKS = re.compile(r"[ \t\r\n]+")
_CONDITION_WORD = re.compile(r"(?:\b(?:when|where|and|or|not)\s+|\bmacro\s+\w+\s*=\s*|\(\s*)(\w+)$")
_SMART_QUOTED = re.compile(rf"[{SMART_QUOTES}]\S*$")
_IN_BRACKETS = re.compile(r"\b(?:in|intersects|pmatch|oneof|anyof|allof)\s+\[\S*$")


_REGEX = 'for a regex: FIELD regex "…"'
_SCHEDULE = "define `schedule office = mon-fri 09:00-18:00`, then write `during office`"
_AFTER_DURING = re.compile(r"\bduring(?:\s+\S*)?$")


def likely_fix(actual: str, expected: frozenset[str], text: str, start: int) -> str:
    """The likely fix, or an empty string. ``actual`` was found at ``start``, where one of ``expected`` was required."""
    before = text[max(0, start - _LOOK_BEHIND) : start].rstrip()
    ends_condition = {"AND", "OR"} <= expected
    return (
        _replacement(actual, expected)
        or _value_fix(actual, expected, text, start)
        or (_cause_before(before) if ends_condition else "")
        or _comma_fix(actual, expected, before)
        or (_SCHEDULE if _AFTER_DURING.search(before) and not actual.isalpha() else "")
        or _structure_fix(actual, expected)
        or _similar_word(actual, expected)
        or ("quote values with spaces or symbols" if ends_condition and actual not in STATEMENTS else "")
    )


def _replacement(actual: str, expected: frozenset[str]) -> str:
    """Another word or character is used here."""
    if actual in _REPLACEMENTS:
        return f"write `{_REPLACEMENTS[actual]}`"
    if actual in _CLAUSES and "SEVERITY" in expected:
        return f"write `{_CLAUSES[actual]}`"
    if actual[0] in SMART_QUOTES:
        return 'use straight quotes: "'
    if not actual.isprintable():
        return "invisible character: use a plain space"
    if actual in "$%" and {"FIELD", "NOT"} <= expected:
        return f"remove `{actual}`: fields are written without it"
    if actual[0] == "~" and "WORD_OPERATOR" in expected:
        return _REGEX
    if actual == ":" and expected == {"EQ"}:
        return "write `=`"
    if "DAYS" in expected and (actual in _DAYS or _A_DAY.fullmatch(actual)):
        return f"write `{_DAYS.get(actual, actual.lower())}`"
    return ""


def _value_fix(actual: str, expected: frozenset[str], text: str, start: int) -> str:
    """Missing or unnecessary quotes, a missing unit."""
    if actual[0] in "\"'":
        if not _CLOSED.match(text, start):
            return "missing closing quote?"
        return "remove the quotes" if expected & {"CHANNEL", "NAME"} and not expected & {"LIST"} else ""
    if "STRING" in expected and expected <= {"STRING", "FALCO"}:
        found = _UNQUOTED.match(text, start)
        return "" if found is None else f'quote it: "{found[0]}"'
    if expected == {"DURATION"}:
        amount = _AMOUNT.match(actual)
        if amount is not None:
            return f"write `{amount[0]}`"
        return f"add a unit: {actual}m, {actual}h, {actual}d" if actual.isdigit() else ""
    return ""


def _cause_before(before: str) -> str:
    """A mistake before the error, where the text was still valid syntax."""
    word = _CONDITION_WORD.search(before)
    if word is not None and word[1] in _REPLACEMENTS:
        return f"write `{_REPLACEMENTS[word[1]]}` instead of `{word[1]}`"
    if word is not None and word[1] == "exists":
        return "`exists` follows its field: FIELD exists"
    if before.endswith(("=~", "= ~")):
        return _REGEX
    if word is not None and word[1] in RESERVED:
        return f"missing condition before `{word[1]}`?"
    if _SMART_QUOTED.search(before):
        return 'use straight quotes: "'
    if not _BLANKS.split(before)[-1].isprintable():
        return "invisible character before it: use a plain space"
    return "write lists in parentheses: (a, b)" if _IN_BRACKETS.search(before) else ""


def _comma_fix(actual: str, expected: frozenset[str], before: str) -> str:
    if actual == "," and {"AND", "OR"} <= expected:
        return "for several values: FIELD in (a, b)"
    if actual == "," and {"FIELD", "RBRACE"} <= expected:
        return "remove the comma"
    return "remove the comma before it" if actual in ")}" and before.endswith(",") else ""


def _structure_fix(actual: str, expected: frozenset[str]) -> str:
    """Missing braces and misplaced keywords, which are detected where the next part starts."""
    if (actual == "not" and "WORD_OPERATOR" in expected) or (actual in _OPERATORS and expected == {"DURING"}):
        return "`not` precedes the field: not FIELD in (…)"
    if actual == "[" and "WORD_OPERATOR" in expected:
        return "write arguments in brackets: proc.aname[2]"
    if actual == "for" and expected == {"PER"}:
        return "write `per`"
    if actual == "where" and "WHEN" in expected:
        return "inside a route write `when`; or missing `}` before it?"
    if actual in _BLOCKS and "RBRACE" in expected:
        return "missing `}` before it?"
    if actual in STATEMENTS and {"WHERE", "RBRACE"} <= expected:
        return "not allowed inside `where`; or missing `}` before it?"
    if expected == {"LPAR"}:
        return "write lists in parentheses: (a, b)"
    if expected == {"LBRACE"}:
        return "missing `{` before it?"
    if expected == {"RPAR"} or ("RPAR" in expected and actual in CLAUSES):
        return "missing `)` before it?"
    missing = [name.lower() for name in expected - {"COMMA"}]
    return f"missing `{missing[0]}` before it?" if len(missing) == 1 and missing[0] in RESERVED else ""


def _similar_word(actual: str, expected: frozenset[str]) -> str:
    found = nearest(actual, _candidates(expected))
    return f"did you mean `{found}`?" if found is not None and found != actual else ""


def _candidates(expected: frozenset[str]) -> tuple[str, ...]:
    """The words that are allowed there, for a suggestion."""
    if "LIST" in expected and "AND" not in expected:
        return STATEMENTS
    if "WORD_OPERATOR" in expected:
        return _OPERATORS
    if "EXPECT" in expected:
        return STEPS
    return CLAUSES if "TO" in expected else tuple(sorted(RESERVED & {name.lower() for name in expected}))
