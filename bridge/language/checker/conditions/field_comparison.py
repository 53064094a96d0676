"""Falco's restrictions on comparisons of two fields."""

from __future__ import annotations

from bridge.alert.catalogue import find_field
from bridge.language.program.condition import Call, Field, Kind, Operand, Operator
from bridge.language.program.fields.kinds import NUMERIC, kind_name
from bridge.language.program.fields.transformers import ELEMENTWISE, kind_of

_VALUES_ONLY = frozenset({Operator.REGEX, Operator.PMATCH})
_MEMBERSHIP = frozenset({Operator.IN, Operator.INTERSECTS})


def objection(left: Operand, right: Call, operator: Operator, label: str) -> tuple[str, str] | None:
    """The error and the remedy if Falco rejects the comparison; otherwise None. ``label`` names the left side."""
    if operator in _VALUES_ONLY:
        return f"`{operator.value}` cannot compare with a field", ""
    names = [each.name for each in (left, _innermost(right)) if isinstance(each, Field)]
    special = [name for name in names if kind_of(left) is Kind.NET or not _is_comparable(name)]
    if special:
        return f"Falco compares `{special[0]}` only with values, not with other fields", ""
    types = _different_types(left, right)
    return types and (f"this is {types[1]}, but {label} is {types[0]}", "both sides must have the same type")


def _is_comparable(name: str) -> bool:
    """Whether Falco has no comparison of its own for the field."""
    known = find_field(name)
    return known is None or known.comparable


def _innermost(operand: Operand) -> Operand:
    """The field inside transformers of one argument. Falco does not treat other transformers as a field."""
    while isinstance(operand, Call) and len(operand.arguments) == 1:
        (operand,) = operand.arguments
    return operand


def never_matches(left: Operand, right: Operand, operator: Operator) -> bool:
    """Whether Falco would compare texts that end with a zero byte with texts that do not."""
    if operator not in _MEMBERSHIP:
        return False
    return (
        _includes_zero_byte(right)
        if kind_of(left) is not Kind.LIST
        else _includes_zero_byte(left) is not _includes_zero_byte(right)
    )


def _includes_zero_byte(operand: Operand) -> bool:
    return isinstance(operand, Call) and operand.name in ELEMENTWISE


def _different_types(left: Operand, right: Operand) -> tuple[str, str] | None:
    """The types of both sides in words, if Falco cannot compare them; otherwise None."""
    kind, other = kind_of(left), kind_of(right)
    if Kind.UNKNOWN in {kind, other}:
        return None
    left_type, right_type = _falco_type(left), _falco_type(right)
    if kind is not other and (left_type is None or right_type is None or not {kind, other} <= NUMERIC):
        return kind_name(kind), kind_name(other)
    if left_type is None or right_type is None or left_type == right_type:
        return None
    return f"of type {left_type}", f"of type {right_type}"


def _falco_type(operand: Operand) -> str | None:
    """Falco's name of a field's type. To Falco a duration is not a number."""
    match operand:
        case Call(name="len"):
            return "uint64"
        case Call(name="val", arguments=(Field() as field,)) | (Field() as field):
            known = find_field(field.name)
            return None if known is None else known.type
        case _:
            return None
