"""Conditions in disjunctive normal form: alternatives of comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bridge.language.program.condition import (
    All,
    Any,
    Call,
    Compare,
    Condition,
    Exists,
    Field,
    Items,
    Literal,
    Not,
    Operand,
    Pack,
)

MAX_ALTERNATIVES = 256
"""A condition with more alternatives is neither indexed nor analysed."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A comparison or its negation."""

    test: Compare | Exists
    negated: bool
    key: Key
    """The left operand without spans. Terms with the same key test the same value."""
    identity: Key
    """The comparison without spans."""


Alternative = tuple[Term, ...]


def alternatives(condition: Condition, *, negated: bool = False) -> tuple[Alternative, ...] | None:
    """The condition, or its negation, as alternatives. Each is an ``and`` of terms. None above MAX_ALTERNATIVES."""
    match condition:
        case Not():
            return alternatives(condition.condition, negated=not negated)
        case Compare() | Exists():
            return ((_term(condition, negated=negated),),)
        case All() | Any():
            inner = [alternatives(each, negated=negated) for each in condition.conditions]
            known = [each for each in inner if each is not None]
            if len(known) < len(inner):
                return None
            return _all_of(known) if isinstance(condition, All) is not negated else _any_of(known)


def terms_of(condition: Condition) -> Iterator[Compare | Exists]:
    """All comparisons of a condition."""
    match condition:
        case Not():
            yield from terms_of(condition.condition)
        case Compare() | Exists():
            yield condition
        case All() | Any():
            for each in condition.conditions:
                yield from terms_of(each)


def fields_of(condition: Condition) -> frozenset[str]:
    """All fields and attributes that a condition reads."""
    names: set[str] = set()
    for term in terms_of(condition):
        operands = (term.left, term.right) if isinstance(term, Compare) else (term.operand,)
        for operand in operands:
            names.update(field.name for field in fields_in(operand))
    return frozenset(names)


def fields_in(operand: Operand) -> Iterator[Field]:
    """All fields of an operand."""
    match operand:
        case Field():
            yield operand
        case Call():
            for each in operand.arguments:
                yield from fields_in(each)
        case Pack():
            for each in operand.values:
                yield from fields_in(each)
        case Literal() | Items():
            return


def _all_of(parts: list[tuple[Alternative, ...]]) -> tuple[Alternative, ...] | None:
    count = 1
    for part in parts:
        count *= len(part)
        if count > MAX_ALTERNATIVES:
            return None
    return tuple(tuple(term for alternative in chosen for term in alternative) for chosen in product(*parts))


def _any_of(parts: list[tuple[Alternative, ...]]) -> tuple[Alternative, ...] | None:
    joined = tuple(alternative for part in parts for alternative in part)
    return joined if len(joined) <= MAX_ALTERNATIVES else None


def _term(test: Compare | Exists, *, negated: bool) -> Term:
    if isinstance(test, Exists):
        key = _key(test.operand)
        return Term(test, negated, key, ("exists", key))
    key = _key(test.left)
    return Term(test, negated, key, (test.operator, test.quantifier, key, _key(test.right)))


def _key(operand: Operand) -> Key:
    match operand:
        case Field():
            return ("field", operand.name)
        case Literal():
            return ("text", operand.text)
        case Items():
            return ("items", *sorted(literal.text for literal in operand.values))  # repetition matters to `oneof`
        case Call():
            return (operand.name, operand.selector, *(_key(each) for each in operand.arguments))
        case Pack():
            return ("pack", *(_key(each) for each in operand.values))
