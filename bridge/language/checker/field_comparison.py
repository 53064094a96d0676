"""What Falco asks of the two sides of a comparison when the right one comes from the alert too."""

from __future__ import annotations

from bridge.alert.catalogue import find_field
from bridge.language.program.condition import Call, Field, Kind, Operand, Operator
from bridge.language.program.kinds import kind_name
from bridge.language.program.transformers import ELEMENTWISE, kind_of

_WITH_VALUES_ONLY = frozenset({Operator.REGEX, Operator.PMATCH})
_LOOKING_UP = frozenset({Operator.IN, Operator.INTERSECTS})
_ALONE = frozenset((
    "evt.around", "evt.rawarg", "fd.ip", "fd.port", "fd.proto", "fd.cip.name", "fd.sip.name", "fd.lip.name",
    "fd.rip.name", "proc.apid", "proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.aenv",
))  # fmt: skip
"""Fields that Falco compares in a way of their own, and so with no other field on either side."""


def objection(left: Operand, right: Call, operator: Operator, told: str) -> tuple[str, str] | None:
    """What Falco has against the comparison, and the way out; ``told`` is the left side in words."""
    if operator in _WITH_VALUES_ONLY:
        return f"`{operator.value}` takes no field on its right", ""
    names = [each.name for each in (left, _innermost(right)) if isinstance(each, Field)]
    alone = [name for name in names if kind_of(left) is Kind.NET or name.partition("[")[0] in _ALONE]
    if alone:
        return f"Falco compares `{alone[0]}` with values only, not with another field", ""
    types = _unlike(left, right)
    return types and (f"this is {types[1]}, but {told} is {types[0]}", "both sides must be of one type")


def _innermost(operand: Operand) -> Operand:
    """The field that transformers of one argument are applied to; what several make together is no field to Falco."""
    while isinstance(operand, Call) and len(operand.arguments) == 1:
        (operand,) = operand.arguments
    return operand


def finds_nothing(left: Operand, right: Operand, operator: Operator) -> bool:
    """Whether Falco looks for texts with the zero byte behind them among texts without, or the other way about."""
    if operator not in _LOOKING_UP:
        return False
    return _keeps_end(right) if kind_of(left) is not Kind.LIST else _keeps_end(left) is not _keeps_end(right)


def _keeps_end(operand: Operand) -> bool:
    return isinstance(operand, Call) and operand.name in ELEMENTWISE


def _unlike(left: Operand, right: Operand) -> tuple[str, str] | None:
    """The types of both sides, in words, where Falco compares no such two."""
    kind, other = kind_of(left), kind_of(right)
    if Kind.UNKNOWN in {kind, other}:
        return None
    if kind is not other:
        return kind_name(kind), kind_name(other)
    mine, its = _falco_type(left), _falco_type(right)
    return None if mine is None or its is None or mine == its else (f"a {mine}", f"a {its}")


def _falco_type(operand: Operand) -> str | None:
    """Falco's word for the type, where it is a field's: a span of time is no number to it."""
    match operand:
        case Call(name="len"):
            return "uint64"
        case Call(name="val", arguments=(Field() as field,)) | (Field() as field):
            known = find_field(field.name)
            return None if known is None else known.type
        case _:
            return None
