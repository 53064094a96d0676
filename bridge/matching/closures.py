"""Compiles a checked condition to a function of an alert. This defines the meaning of conditions."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import assert_never

from bridge.alert import Alert
from bridge.language.program.condition import (
    All,
    Any,
    Compare,
    Condition,
    Exists,
    Field,
    Items,
    Literal,
    Not,
    Operator,
    Quantifier,
)
from bridge.language.program.fields.carriers import Carriers, carriers_of
from bridge.language.program.fields.transformers import kind_of
from bridge.matching.operators import Test, items_test, literal_test, relation
from bridge.matching.values import Read, read_carried, read_operand, read_text, typed_texts

Predicate = Callable[[Alert], bool]


def compile_condition(condition: Condition, labels: Mapping[str, str]) -> Predicate:
    """A predicate that never raises. ``labels`` are the labels of the config, by name."""
    match condition:
        case All():
            return _all([compile_condition(each, labels) for each in condition.conditions])
        case Any():
            return _any([compile_condition(each, labels) for each in condition.conditions])
        case Not():
            inner = compile_condition(condition.condition, labels)
            return lambda alert: not inner(alert)
        case Exists():
            return _exists(condition, labels)
        case Compare():
            return _compare(condition, labels)
        case _:
            assert_never(condition)


def value_test(condition: Compare) -> Test | None:
    """The test of a comparison with a literal or a list. None if the right side is read from the alert."""
    kind, operator, right = kind_of(condition.left), condition.operator, condition.right
    match right:
        case Literal():
            return literal_test(kind, operator, right.text)
        case Items() if condition.quantifier is not None:
            return _quantified(condition.quantifier, [literal_test(kind, operator, text) for text in _texts(right)])
        case Items():
            return items_test(kind, operator, _texts(right))
        case _:
            return None


def _all(predicates: list[Predicate]) -> Predicate:
    def every(alert: Alert) -> bool:
        for predicate in predicates:  # noqa: SIM110  # a generator costs twice as much
            if not predicate(alert):
                return False
        return True

    return every


def _any(predicates: list[Predicate]) -> Predicate:
    def some(alert: Alert) -> bool:
        for predicate in predicates:  # noqa: SIM110  # a generator costs twice as much
            if predicate(alert):
                return True
        return False

    return some


def _exists(condition: Exists, labels: Mapping[str, str]) -> Predicate:
    """Presence only: a value that does not parse as the field's kind is present."""
    operand = condition.operand
    carriers = carriers_of(operand.name) if isinstance(operand, Field) else None
    if carriers is not None:
        assert isinstance(operand, Field)
        read = read_carried(operand.name, carriers)
        return lambda alert: read(alert) is not None
    read = read_text(operand, labels) if isinstance(operand, Field) else read_operand(operand, labels)
    return lambda alert: read(alert) is not None


def _compare(condition: Compare, labels: Mapping[str, str]) -> Predicate:
    carriers = carriers_of(condition.left.name) if isinstance(condition.left, Field) else None
    if carriers is not None:
        return _compare_carried(condition, carriers, labels)
    read = read_operand(condition.left, labels)
    test = value_test(condition)
    if test is not None:
        return _tested(read, test)
    compare = relation(kind_of(condition.left), condition.operator)
    return _related(read, read_operand(condition.right, labels), compare)


def _compare_carried(condition: Compare, carriers: Carriers, labels: Mapping[str, str]) -> Predicate:
    """Compare each of the values that the alert carries for a field."""
    field = condition.left
    assert isinstance(field, Field)
    every = condition.operator is Operator.NE and condition.quantifier is None and not carriers.any_differs
    combine = all if every else any
    read, test = typed_texts(field.kind, read_carried(field.name, carriers)), value_test(condition)
    if test is not None:
        return _tested(read, lambda values: combine(map(test, values)))
    compare = relation(field.kind, condition.operator)

    def related(values: typing.Any, right: typing.Any) -> bool:
        return combine([compare(value, right) for value in values])

    return _related(read, read_operand(condition.right, labels), related)


def _texts(items: Items) -> list[str]:
    return [literal.text for literal in items.values]


def _tested(read: Read, test: Test) -> Predicate:
    def predicate(alert: Alert) -> bool:
        value = read(alert)
        return value is not None and test(value)

    return predicate


def _related(left: Read, right: Read, compare: Callable[[object, object], bool]) -> Predicate:
    def predicate(alert: Alert) -> bool:
        one, other = left(alert), right(alert)
        return one is not None and other is not None and compare(one, other)

    return predicate


def _quantified(quantifier: Quantifier, tests: list[Test]) -> Test:
    match quantifier:
        case Quantifier.ANY_OF:
            return lambda value: any(test(value) for test in tests)
        case Quantifier.ALL_OF:
            return lambda value: bool(tests) and all(test(value) for test in tests)
        case Quantifier.ONE_OF:
            return lambda value: sum(test(value) for test in tests) == 1
