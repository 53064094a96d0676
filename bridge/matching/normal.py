"""Conditions as alternatives of plain comparisons: what the proofs reason over."""

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

MOST_ALTERNATIVES = 256
"""Past this many nothing is proved of a condition."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison, or that it does not hold."""

    test: Compare | Exists
    negated: bool
    key: Key
    """What is compared, free of places: terms of one key speak of one value."""
    identity: Key
    """The whole comparison, free of places."""


Alternative = tuple[Term, ...]


def alternatives(condition: Condition, *, negated: bool = False) -> tuple[Alternative, ...] | None:
    """The condition (or its negation) as alternatives, each an ``and`` of terms; None past MOST_ALTERNATIVES."""
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
    """Every comparison in it."""
    match condition:
        case Not():
            yield from terms_of(condition.condition)
        case Compare() | Exists():
            yield condition
        case All() | Any():
            for each in condition.conditions:
                yield from terms_of(each)


def fields_of(condition: Condition) -> frozenset[str]:
    """Every field and attribute that it reads."""
    names: set[str] = set()
    for term in terms_of(condition):
        operands = (term.left, term.right) if isinstance(term, Compare) else (term.operand,)
        for operand in operands:
            names.update(field.name for field in fields_in(operand))
    return frozenset(names)


def fields_in(operand: Operand) -> Iterator[Field]:
    """Every field within an operand."""
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
        if count > MOST_ALTERNATIVES:
            return None
    return tuple(tuple(term for alternative in chosen for term in alternative) for chosen in product(*parts))


def _any_of(parts: list[tuple[Alternative, ...]]) -> tuple[Alternative, ...] | None:
    joined = tuple(alternative for part in parts for alternative in part)
    return joined if len(joined) <= MOST_ALTERNATIVES else None


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
            return ("items", *sorted(literal.text for literal in operand.values))  # twice counts for `oneof`
        case Call():
            return (operand.name, operand.selector, *(_key(each) for each in operand.arguments))
        case Pack():
            return ("pack", *(_key(each) for each in operand.values))
