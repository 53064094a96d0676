"""Which fields of an alert a condition reads."""

from __future__ import annotations

from collections.abc import Iterator

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
from bridge.language.program.fields.carriers import carriers_of


def fields_of(condition: Condition) -> frozenset[str]:
    """The names of the fields that decide the condition, with those that carry the value of another."""
    return frozenset(_read(condition))


def _read(condition: Condition) -> Iterator[str]:
    match condition:
        case All() | Any():
            for each in condition.conditions:
                yield from _read(each)
        case Not():
            yield from _read(condition.condition)
        case Exists():
            yield from _names(condition.operand)
        case Compare():
            yield from _names(condition.left)
            yield from _names(condition.right)


def _names(operand: Operand) -> Iterator[str]:
    match operand:
        case Field(name=name):
            yield name
            carriers = carriers_of(name)
            if carriers is not None:
                yield from carriers.names
        case Call():
            for each in operand.arguments:
                yield from _names(each)
        case Pack() | Items():
            for value in operand.values:
                yield from _names(value)
        case Literal():
            pass
