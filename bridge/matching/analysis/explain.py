"""Explains why a condition holds for an alert or not, comparison by comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from bridge.alert import Alert, Priority
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import (
    All,
    Any,
    Call,
    Compare,
    Condition,
    Exists,
    Field,
    Items,
    Kind,
    Literal,
    Not,
    Operand,
    Operator,
    Pack,
)
from bridge.language.program.fields.carriers import carriers_of
from bridge.language.program.fields.transformers import VAL, kind_of
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.operators import Test, literal_test
from bridge.matching.text import lower
from bridge.matching.values import Read, read_carried, read_operand, read_text

_FOLDABLE = frozenset(
    {Operator.EQ, Operator.IN, Operator.CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH, Operator.GLOB}
)


class Mismatch(StrEnum):
    """The reason why a comparison does not hold."""

    NONE = ""
    MISSING = "missing field"
    CASE = "different case"
    VALUE = "different value"


@dataclass(frozen=True, slots=True)
class OperandValue:
    """An operand and its value in the alert. None if it is missing."""

    name: str
    value: str | None


Values = Callable[[Alert], tuple[OperandValue, ...]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a condition and whether it holds."""

    kind: str
    """``and``, ``or``, ``not`` or ``comparison``."""
    span: Span
    holds: bool
    why: Mismatch = Mismatch.NONE
    found: tuple[OperandValue, ...] = ()
    parts: tuple[Explanation, ...] = ()


Explain = Callable[[Alert], Explanation]


def compile_explanation(condition: Condition, labels: Mapping[str, str]) -> Explain:
    """A function that evaluates the condition and each of its parts for an alert.

    Everything is compiled here, so that the function can be called for many alerts.
    """
    holds = compile_condition(condition, labels)
    match condition:
        case All() | Any():
            kind = "and" if isinstance(condition, All) else "or"
            return _combined(
                kind, condition, holds, [compile_explanation(each, labels) for each in condition.conditions]
            )
        case Not():
            return _combined("not", condition, holds, [compile_explanation(condition.condition, labels)])
        case Exists():
            return _comparison(condition, holds, [_compile_values(condition.operand, labels)], lambda _: False)
        case Compare():
            values = [_compile_values(condition.left, labels), _compile_values(condition.right, labels)]
            return _comparison(condition, holds, values, _differs_in_case(condition, labels))


def _combined(kind: str, condition: Condition, holds: Predicate, parts: Sequence[Explain]) -> Explain:
    return lambda alert: Explanation(
        kind, condition.span, holds(alert), parts=tuple(explain(alert) for explain in parts)
    )


def _comparison(
    condition: Exists | Compare, holds: Predicate, values: Sequence[Values], differs_in_case: Predicate
) -> Explain:
    def explain(alert: Alert) -> Explanation:
        found = tuple(value for read in values for value in read(alert))
        if holds(alert):
            return Explanation("comparison", condition.span, holds=True, found=found)
        if isinstance(condition, Exists) or any(each.value is None for each in found):
            why = Mismatch.MISSING
        else:
            why = Mismatch.CASE if differs_in_case(alert) else Mismatch.VALUE
        return Explanation("comparison", condition.span, holds=False, why=why, found=found)

    return explain


def decisive(explanation: Explanation) -> tuple[Explanation, ...]:
    """The comparisons that decide the result, such as those that fail in an ``and`` that fails."""
    if explanation.kind == "comparison":
        return (explanation,)
    if explanation.kind == "not":
        return decisive(explanation.parts[0])
    deciding = [part for part in explanation.parts if part.holds is explanation.holds]
    return tuple(each for part in deciding for each in decisive(part))


def _compile_values(operand: Operand, labels: Mapping[str, str]) -> Values:
    """Reads the value of the operand and of the fields inside it."""
    match operand:
        case Field():
            read_field, name = _reader(operand, labels), operand.name
            return lambda alert: (OperandValue(name, _text(read_field(alert))),)
        case Call(name=name) if name == VAL:
            return _compile_values(operand.arguments[0], labels)
        case Call():
            read, name = read_operand(operand, labels), _label(operand)
            inner = [_compile_values(each, labels) for each in operand.arguments]
            return lambda alert: (
                OperandValue(name, _text(read(alert))),
                *(value for each in inner for value in each(alert)),
            )
        case Pack():
            items = [_compile_values(each, labels) for each in operand.values]
            return lambda alert: tuple(value for each in items for value in each(alert))
        case Literal() | Items():
            return lambda _: ()


def _reader(field: Operand, labels: Mapping[str, str]) -> Read:
    assert isinstance(field, Field)
    carriers = carriers_of(field.name)
    return read_text(field, labels) if carriers is None else read_carried(field.name, carriers)


def _label(call: Call) -> str:
    inner = ", ".join(
        each.name if isinstance(each, Field) else _label(each) if isinstance(each, Call) else "…"
        for each in call.arguments
    )
    return f"{call.name}({inner})" + ("" if call.selector is None else f"[{call.selector}]")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Priority):
        return value.word
    return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else str(value)


def _differs_in_case(compare: Compare, labels: Mapping[str, str]) -> Predicate:
    """Whether the comparison would hold in lower case."""
    match compare.right:
        case Literal(text=text):
            texts = [text]
        case Items(values=values):
            texts = [literal.text for literal in values]
        case _:
            return lambda _: False
    if compare.operator not in _FOLDABLE:
        return lambda _: False
    operator = Operator.EQ if compare.operator is Operator.IN else compare.operator
    left, kind = compare.left, kind_of(compare.left)
    textual = isinstance(left, Field) and kind is Kind.TEXT
    read = _reader(left, labels) if textual else read_operand(left, labels)

    @cache
    def tests() -> list[Test]:
        """Built when first needed: only text can be compared in lower case."""
        return [literal_test(kind, operator, lower(text)) for text in texts]

    def differs(alert: Alert) -> bool:
        value = read(alert)
        values = value if isinstance(value, tuple) and kind is not Kind.LIST else (value,)
        return any(isinstance(each, str) and test(lower(each)) for each in values for test in tests())

    return differs
