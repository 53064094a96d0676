"""What can be written at a place: the grammar says what is allowed there, the checked files say which names exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.editor.candidates import Item, channels, fields, names, operators, routes, severities, values
from bridge.editor.names import Kind
from bridge.editor.project import EditedFile, Snapshot
from bridge.language.program.condition import Quantifier
from bridge.language.program.fields.transformers import NAMES
from bridge.language.syntax.expected import Expected, Token, expected_after
from bridge.language.syntax.mistakes.forms import CLAUSE_FORMS, STATEMENT_FORMS
from bridge.language.syntax.reserved import STATEMENTS

_WORD = re.compile(r"[^\s(){}=,\"'#]*\Z")
_STATEMENT = re.compile(rf"^(?:{'|'.join(STATEMENTS)})\b", re.MULTILINE)
_IN_COMMENT = re.compile(r"""(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|[^"'#]|(?<=[^\s(){},=])#)*+#""")
_SLOT = re.compile(r"%[\w.\[\]]*\Z")
_KEYWORDS = {
    "AFTER_COUNT": "after", "THEN_NOT": "then not", "COUNT_WORD": "count", "EQ_EQ": "", "EQ": "=", "PLUS_EQ": "+=",
    "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=", "LPAR": "", "RPAR": "", "LBRACE": "", "RBRACE": "",
    "COMMA": "", "STRING": "", "BARE": "", "NAME": "", "FIELD": "", "STEP_FIELD": "", "CALL": "", "CHANNEL": "",
    "COUNT": "", "NUMBER": "", "DURATION": "", "DAYS": "", "DATES": "", "HOURS": "", "SELECTOR": "",
    "WORD_OPERATOR": "", "LIST_OPERATOR": "", "QUANTIFIER": "",
}  # fmt: skip
"""The terminals whose word is not their own name in lower case. Empty: they are no words of the language."""
_OPERATORS = frozenset({"EQ", "EQ_EQ", "NE", "LT", "LE", "GT", "GE", "WORD_OPERATOR", "LIST_OPERATOR"})
_COMPARED = frozenset({"=", "!=", "<", "<=", ">", ">="})
_LONGEST_WORD = 1000
_DURATIONS = ("30s", "5m", "15m", "1h", "24h", "7d")
_ROUTE_BEFORE = frozenset({"EXPECT", "ACK", "RESOLVE", "NOT"})


@dataclass(frozen=True, slots=True)
class Completion:
    """What can be written at a place."""

    start: int
    """Where the word starts that is replaced."""
    items: tuple[Item, ...]


def complete(snapshot: Snapshot, file: EditedFile, text: str, offset: int) -> Completion:
    """What can be written at ``offset`` of ``text``, which may be newer than ``file``."""
    before = text[:offset]
    last = before[-_LONGEST_WORD:]  # searching for the end from each letter is quadratic
    slot = _SLOT.search(last)
    line = before.rpartition("\n")[2]
    if slot is not None and line.count('"') % 2:
        return Completion(offset - len(last) + slot.start() + 1, tuple(fields(snapshot, file)))
    word = _WORD.search(last)
    start = offset if word is None else offset - len(last) + word.start()
    expected = _expected(before[:start], line[: len(line) - (offset - start)])
    if expected is None or _IN_COMMENT.match(line):
        return Completion(start, ())
    return Completion(start, tuple(dict.fromkeys(_items(snapshot, file, expected))))


def _expected(before: str, line: str) -> Expected | None:
    """What the grammar allows. The current line alone decides if there is a syntax error above it."""
    starts = [match.start() for match in _STATEMENT.finditer(before)]
    found = expected_after(before[starts[-1] if starts else 0 :])
    return found or expected_after(f'route "" {{ {line}') or expected_after(f'test "" {{ {line}')


def _items(snapshot: Snapshot, file: EditedFile, expected: Expected) -> Iterator[Item]:
    allowed, tokens = expected.terminals, expected.tokens
    last = tokens[-1].terminal if tokens else ""
    if "CHANNEL" in allowed:
        yield from channels(snapshot, file)
    elif "BARE" in allowed:
        yield from _values(snapshot, file, tokens, in_list="RPAR" in allowed)
    if allowed & {"FIELD", "STEP_FIELD"}:
        yield from fields(snapshot, file)
    if "CALL" in allowed:
        yield from names(snapshot, file, Kind.MACRO)
        yield from (Item(f"{name}(", "function", "transformer") for name in NAMES)
    elif "NAME" in allowed:
        yield from _named_after(snapshot, file, last)
    if "STRING" in allowed and last in _ROUTE_BEFORE:
        yield from routes(snapshot, file)
    yield from _words(allowed, tokens)


def _named_after(snapshot: Snapshot, file: EditedFile, keyword: str) -> Iterator[Item]:
    """What a clause names: ``during`` a schedule, ``use`` a template, ``severity`` a severity."""
    if keyword in {"DURING", "USE"}:
        yield from names(snapshot, file, Kind.SCHEDULE if keyword == "DURING" else Kind.TEMPLATE)
    elif keyword == "SEVERITY":
        yield from severities()


def _words(allowed: frozenset[str], tokens: Sequence[Token]) -> Iterator[Item]:
    """Operators, durations and keywords."""
    if allowed & _OPERATORS and tokens and tokens[-1].terminal in {"FIELD", "NAME"}:
        yield from operators(tokens[-1].text)
    if "QUANTIFIER" in allowed:
        yield from (Item(each.value, "operator") for each in Quantifier)
    if "DURATION" in allowed:
        yield from (Item(each, "value", "duration") for each in _DURATIONS)
    yield from _keywords(allowed)


def _values(snapshot: Snapshot, file: EditedFile, tokens: Sequence[Token], *, in_list: bool) -> Iterator[Item]:
    """The values with which the field before the last operator is compared."""
    at = next((index for index in reversed(range(len(tokens))) if tokens[index].terminal in _OPERATORS), 0)
    yield from values(snapshot, tokens[at - 1].text if at else "")
    if in_list:
        yield from names(snapshot, file, Kind.LIST)


def _keywords(allowed: frozenset[str]) -> Iterator[Item]:
    for terminal in sorted(allowed):
        word = _KEYWORDS.get(terminal, terminal.lower())
        if word and word not in _COMPARED:
            yield Item(word, "keyword", CLAUSE_FORMS.get(word) or STATEMENT_FORMS.get(word, ""))
