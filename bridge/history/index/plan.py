"""Plans the query of the index for a search. The query finds every wanted alert, and possibly others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.alert import Priority
from bridge.alert.alert import is_clock_field
from bridge.history.index.query import EVERYTHING, Prefix, Query, Term, Within, both, either
from bridge.history.index.terms import (
    CHANNEL,
    EXACT_ATTRIBUTES,
    EXACT_FIELDS,
    LONG,
    LONGEST_WORD,
    MARK,
    PRIORITY,
    REASON,
    ROUTE,
    exact_term,
)
from bridge.history.wanted import Wanted
from bridge.history.words import words_of
from bridge.language.program.condition import (
    All,
    Any,
    Compare,
    Condition,
    Exists,
    Field,
    Items,
    Kind,
    Literal,
    Not,
    Operator,
    Quantifier,
)
from bridge.language.program.fields.kinds import LABEL
from bridge.matching.operators import literal_test

_TEXTS = frozenset({Kind.TEXT, Kind.UNKNOWN})
_OPEN_LEFT = frozenset({Operator.CONTAINS, Operator.ICONTAINS, Operator.ENDSWITH})
_OPEN_RIGHT = frozenset({Operator.CONTAINS, Operator.ICONTAINS, Operator.STARTSWITH})
_TEXTUAL = _OPEN_LEFT | _OPEN_RIGHT | {Operator.EQ, Operator.IN}
_WILDCARDS = re.compile(r"[*?]+")
_MARKED = f"{MARK}{PRIORITY}"


def plan(wanted: Wanted) -> Query:
    """The query of a search."""
    parts: list[Query] = [Term(word[:LONGEST_WORD]) for word in sorted(wanted.words)]
    if wanted.rules:
        parts.append(either(Term(exact_term(EXACT_ATTRIBUTES["rule"], rule)) for rule in sorted(wanted.rules)))
    if wanted.route:
        parts.append(Term(exact_term(ROUTE, wanted.route)))
    if wanted.channel:
        parts.append(Term(exact_term(CHANNEL, wanted.channel)))
    if wanted.reason is not None:
        parts.append(Term(exact_term(REASON, wanted.reason.value)))
    if wanted.condition is not None:
        parts.append(plan_condition(wanted.condition))
    return both(parts)


def plan_condition(condition: Condition) -> Query:
    """The query of a condition."""
    match condition:
        case All():
            return both(map(plan_condition, condition.conditions))
        case Any():
            return either(map(plan_condition, condition.conditions))
        case Compare(left=Field() as field):
            return _comparison(field, condition)
        case Compare() | Exists() | Not():
            return EVERYTHING


def _comparison(field: Field, compare: Compare) -> Query:
    if field.kind is Kind.PRIORITY and isinstance(compare.right, Literal):
        holds = literal_test(field.kind, compare.operator, compare.right.text)
        return either(Term(f"{_MARKED}{int(each)}") for each in Priority if holds(each))
    if field.name == "time" or field.name.startswith(LABEL) or is_clock_field(field.name):
        return EVERYTHING
    texts = _right_texts(compare)
    listed = field.kind is Kind.LIST and compare.operator is Operator.INTERSECTS
    if texts is None or not (listed or field.kind in _TEXTS):
        return EVERYTHING
    options = [_text_query(field, compare.operator, text) for text in texts]
    return both(options) if compare.quantifier is Quantifier.ALL_OF else either(options)


def _right_texts(compare: Compare) -> list[str] | None:
    match compare.right:
        case Literal(text=text):
            return [text]
        case Items(values=values) if values:
            return [value.text for value in values]
        case _:
            return None


def _text_query(field: Field, operator: Operator, text: str) -> Query:
    if operator in _TEXTUAL:
        query = words_query(text, open_left=operator in _OPEN_LEFT, open_right=operator in _OPEN_RIGHT)
        letter = {**EXACT_ATTRIBUTES, **EXACT_FIELDS}.get(field.name)
        return Term(exact_term(letter, text)) if letter and operator in {Operator.EQ, Operator.IN} else query
    if operator is Operator.INTERSECTS:
        return words_query(text)
    if operator in {Operator.GLOB, Operator.IGLOB} and not {"[", "\\"} & set(text):
        return both(_glob_queries(text))
    if operator is Operator.PMATCH:
        plain = [part for part in text.split("/") if not {"[", "\\", "*", "?"} & set(part)]
        return both(words_query(part) for part in plain)
    return EVERYTHING


def _glob_queries(pattern: str) -> Iterator[Query]:
    pieces = _WILDCARDS.split(pattern)
    for index, piece in enumerate(pieces):
        yield words_query(piece, open_left=index > 0, open_right=index < len(pieces) - 1)


def words_query(text: str, *, open_left: bool = False, open_right: bool = False) -> Query:
    """Alerts with the words of a text. Where it is open, more letters may stand beside it in the alert."""
    words = words_of(text)
    if not words:
        return EVERYTHING
    left = open_left and words_of(text[0]) != []
    right = open_right and words_of(text[-1]) != []
    if len(words) == 1 and left:
        return _within(words[0], at_end=not right)
    exact: list[Query] = [Term(word[:LONGEST_WORD]) for word in words[left : len(words) - right]]
    if right:
        exact.append(Prefix(words[-1][:LONGEST_WORD]))
    if left and not any(isinstance(each, Term) for each in exact):
        exact.append(_within(words[0], at_end=True))
    return both(exact)


def _within(word: str, *, at_end: bool) -> Query:
    """Where a word is longer than what is indexed of it, its end is not in the index."""
    if len(word) > LONGEST_WORD:
        return Term(LONG)
    return either((Within(word, at_end), Term(LONG)))
