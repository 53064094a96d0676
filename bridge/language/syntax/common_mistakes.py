"""What was most likely meant where a text does not fit the grammar: the way out beside a syntax error."""

from __future__ import annotations

import re

from bridge.common.suggest import nearest
from bridge.language.syntax.reserved import CLAUSES, RESERVED, STATEMENTS, STEPS

SMART_QUOTES = "“”‘’„«»"
_OPERATORS = (
    "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in",
    "intersects", "pmatch", "exists",
)  # fmt: skip
_MEANT = {"&&": "and", "||": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not", "matches": "regex",
          "like": "glob", "is": "=", "//": "#", "/*": "#", "–": "-", "—": "-"}  # fmt: skip
_CLAUSE_MEANT = {"if": "when", "notify": "to", "send": "to", "channel": "to", "channels": "to", "priority": "severity",
                 "ignore": "drop", "discard": "drop", "schedule": "during", "text": "message"}  # fmt: skip
"""What people write for a clause, of other tools' words."""
_DAYS = {"weekdays": "mon-fri", "weekend": "sat, sun", "daily": "mon-sun"}
_A_DAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?", re.IGNORECASE)
_BLOCKS = frozenset({"route", "where", "otherwise", "test"})
_CLOSED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_UNQUOTED = re.compile(r"""[^\s{}"']+""")
_AMOUNT = re.compile(r"(\d+)([smhdw])")
_LOOKED_BACK = 200
"""Characters before the place in which a slip is looked for that shows only there."""
_BLANKS = re.compile(r"[ \t\r\n]+")
_FOR_A_CONDITION = re.compile(r"(?:\b(?:when|where|and|or|not)\s+|\bmacro\s+\w+\s*=\s*|\(\s*)(\w+)$")
_IN_SMART_QUOTES = re.compile(rf"[{SMART_QUOTES}]\S*$")
_IN_BRACKETS = re.compile(r"\b(?:in|intersects|pmatch|oneof|anyof|allof)\s+\[\S*$")


_REGEX = 'for a regex: FIELD regex "…"'
_SCHEDULE = "name one: schedule office = mon-fri 09:00-18:00, and here `during office`"
_AFTER_DURING = re.compile(r"\bduring(?:\s+\S*)?$")


def likely(met: str, expected: frozenset[str], text: str, start: int) -> str:
    """The way out, or nothing. ``met`` is what stands at ``start``, where something ``expected`` may stand."""
    before = text[max(0, start - _LOOKED_BACK) : start].rstrip()
    ends_condition = {"AND", "OR"} <= expected
    return (
        _replaced(met, expected)
        or _of_values(met, expected, text, start)
        or (_earlier(before) if ends_condition else "")
        or _comma(met, expected, before)
        or (_SCHEDULE if _AFTER_DURING.search(before) and not met.isalpha() else "")
        or _structural(met, expected)
        or _near(met, expected)
        or ("a value with spaces or signs needs quotes" if ends_condition and met not in STATEMENTS else "")
    )


def _replaced(met: str, expected: frozenset[str]) -> str:
    """Something else stands for it here."""
    if met in _MEANT:
        return f"write `{_MEANT[met]}`"
    if met in _CLAUSE_MEANT and "SEVERITY" in expected:
        return f"write `{_CLAUSE_MEANT[met]}`"
    if met[0] in SMART_QUOTES:
        return 'use straight quotes: "'
    if not met.isprintable():
        return "this cannot be seen: write a plain space"
    if met in "$%" and {"FIELD", "NOT"} <= expected:
        return "a field stands without it"
    if met[0] == "~" and "WORD_OPERATOR" in expected:
        return _REGEX
    if met == ":" and expected == {"EQ"}:
        return "write `=`"
    if "DAYS" in expected and (met in _DAYS or _A_DAY.fullmatch(met)):
        return f"write `{_DAYS.get(met, met.lower())}`"
    return ""


def _of_values(met: str, expected: frozenset[str], text: str, start: int) -> str:
    """Quotes too few or too many, a unit that is missing."""
    if met[0] in "\"'":
        if not _CLOSED.match(text, start):
            return "is the quote closed?"
        return "it stands without quotes" if expected & {"CHANNEL", "NAME"} and not expected & {"LIST"} else ""
    if "STRING" in expected and expected <= {"STRING", "FALCO"}:
        found = _UNQUOTED.match(text, start)
        return "" if found is None else f'quote it: "{found[0]}"'
    if expected == {"DURATION"}:
        amount = _AMOUNT.match(met)
        if amount is not None:
            return f"write `{amount[0]}`"
        return f"give it a unit: {met}m, {met}h, {met}d" if met.isdigit() else ""
    return ""


def _earlier(before: str) -> str:
    """A slip that could be read as something, and shows at what follows it."""
    taken = _FOR_A_CONDITION.search(before)
    if taken is not None and taken[1] in _MEANT:
        return f"write `{_MEANT[taken[1]]}` before it"
    if taken is not None and taken[1] == "exists":
        return "`exists` stands behind its field: FIELD exists"
    if before.endswith(("=~", "= ~")):
        return _REGEX
    if taken is not None and taken[1] in RESERVED:
        return f"is a condition missing before `{taken[1]}`?"
    if _IN_SMART_QUOTES.search(before):
        return 'use straight quotes: "'
    if not _BLANKS.split(before)[-1].isprintable():
        return "before it stands what cannot be seen: write a plain space"
    return "a list stands in parentheses: (a, b)" if _IN_BRACKETS.search(before) else ""


def _comma(met: str, expected: frozenset[str], before: str) -> str:
    if met == "," and {"AND", "OR"} <= expected:
        return "for several values: FIELD in (a, b)"
    if met == "," and {"FIELD", "RBRACE"} <= expected:
        return "leave the comma out"
    return "leave the comma before it out" if met in ")}" and before.endswith(",") else ""


def _structural(met: str, expected: frozenset[str]) -> str:
    """A slip of the structure, that is found where the next part begins."""
    if (met == "not" and "WORD_OPERATOR" in expected) or (met in _OPERATORS and expected == {"DURING"}):
        return "`not` stands before the field: not FIELD in (…)"
    if met == "[" and "WORD_OPERATOR" in expected:
        return "an argument stands in `[` and `]`: proc.aname[2]"
    if met == "for" and expected == {"PER"}:
        return "write `per`"
    if met == "where" and "WHEN" in expected:
        return "within a route write `when`; or is the `}` before it missing?"
    if met in _BLOCKS and "RBRACE" in expected:
        return "is the `}` before it missing?"
    if met in STATEMENTS and {"WHERE", "RBRACE"} <= expected:
        return "it stands outside of `where`; or is the `}` before it missing?"
    if expected == {"LPAR"}:
        return "a list stands in parentheses: (a, b)"
    if expected == {"LBRACE"}:
        return "is the `{` before it missing?"
    if expected == {"RPAR"} or ("RPAR" in expected and met in CLAUSES):
        return "is the `)` before it missing?"
    missing = [name.lower() for name in expected - {"COMMA"}]
    return f"is `{missing[0]}` missing before it?" if len(missing) == 1 and missing[0] in RESERVED else ""


def _near(met: str, expected: frozenset[str]) -> str:
    found = nearest(met, _pool(expected))
    return f"did you mean `{found}`?" if found is not None and found != met else ""


def _pool(expected: frozenset[str]) -> tuple[str, ...]:
    """The words that may stand there, for a suggestion."""
    if "LIST" in expected and "AND" not in expected:
        return STATEMENTS
    if "WORD_OPERATOR" in expected:
        return _OPERATORS
    if "EXPECT" in expected:
        return STEPS
    return CLAUSES if "TO" in expected else tuple(sorted(RESERVED & {name.lower() for name in expected}))
