"""Explains why a condition holds for an alert or not, comparison by comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    Literal,
    Not,
    Operand,
    Operator,
    Pack,
)
from bridge.language.program.transformers import VAL, kind_of
from bridge.matching.closures import compile_condition
from bridge.matching.operators import literal_test
from bridge.matching.text import lower
from bridge.matching.values import read_operand, read_text

_FOLDABLE = frozenset(
    {Operator.EQ, Operator.IN, Operator.CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH, Operator.GLOB}
)


class Mismatch(StrEnum):
    """The reason why a comparison does not hold."""

    HOLDS = ""
    MISSING = "missing field"
    CASE = "other case"
    VALUE = "other value"


@dataclass(frozen=True, slots=True)
class OperandValue:
    """An operand and its value in the alert. None if it is missing."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a condition and whether it holds."""

    kind: str
    """``and``, ``or``, ``not`` or ``comparison``."""
    span: Span
    holds: bool
    why: Mismatch = Mismatch.HOLDS
    found: tuple[OperandValue, ...] = ()
    parts: tuple[Explanation, ...] = ()


def explain(condition: Condition, alert: Alert, labels: Mapping[str, str]) -> Explanation:
    """Evaluate the condition and each of its parts for this alert."""
    holds = compile_condition(condition, labels)(alert)
    match condition:
        case All() | Any():
            parts = tuple(explain(each, alert, labels) for each in condition.conditions)
            return Explanation("and" if isinstance(condition, All) else "or", condition.span, holds, parts=parts)
        case Not():
            return Explanation("not", condition.span, holds, parts=(explain(condition.condition, alert, labels),))
        case Exists():
            found = _found(condition.operand, alert, labels)
            why = Mismatch.HOLDS if holds else Mismatch.MISSING
            return Explanation("comparison", condition.span, holds, why, found)
        case Compare():
            found = _found(condition.left, alert, labels) + _found(condition.right, alert, labels)
            why = Mismatch.HOLDS if holds else _why(condition, alert, labels, found)
            return Explanation("comparison", condition.span, holds, why, found)


def decisive(explanation: Explanation) -> tuple[Explanation, ...]:
    """The comparisons that decide the result, such as those that fail in an ``and`` that fails."""
    if explanation.kind == "comparison":
        return (explanation,)
    if explanation.kind == "not":
        return decisive(explanation.parts[0])
    deciding = [part for part in explanation.parts if part.holds is explanation.holds]
    return tuple(each for part in deciding for each in decisive(part))


def _found(operand: Operand, alert: Alert, labels: Mapping[str, str]) -> tuple[OperandValue, ...]:
    """The value of the operand and of the fields inside it."""
    match operand:
        case Field():
            return (OperandValue(operand.name, _text(read_text(operand, labels)(alert))),)
        case Call(name=name) if name == VAL:
            return _found(operand.arguments[0], alert, labels)
        case Call():
            inner = tuple(found for each in operand.arguments for found in _found(each, alert, labels))
            return (OperandValue(_label(operand), _text(read_operand(operand, labels)(alert))), *inner)
        case Pack():
            return tuple(found for each in operand.values for found in _found(each, alert, labels))
        case Literal() | Items():
            return ()


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


def _why(compare: Compare, alert: Alert, labels: Mapping[str, str], found: tuple[OperandValue, ...]) -> Mismatch:
    if any(each.value is None for each in found):
        return Mismatch.MISSING
    return Mismatch.CASE if _differs_in_case(compare, alert, labels) else Mismatch.VALUE


def _differs_in_case(compare: Compare, alert: Alert, labels: Mapping[str, str]) -> bool:
    """Whether the comparison would hold in lower case."""
    value = read_operand(compare.left, labels)(alert)
    if compare.operator not in _FOLDABLE or not isinstance(value, str):
        return False
    match compare.right:
        case Literal(text=text):
            texts = [text]
        case Items(values=values):
            texts = [literal.text for literal in values]
        case _:
            return False
    operator = Operator.EQ if compare.operator is Operator.IN else compare.operator
    kind = kind_of(compare.left)
    return any(literal_test(kind, operator, lower(text))(lower(value)) for text in texts)
