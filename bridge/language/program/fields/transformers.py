"""Falco's transformers: their arguments and the kind of their result."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.alert.catalogue import find_field
from bridge.language.program.condition import Call, Field, Items, Kind, Literal, Operand, Pack

VAL = "val"
"""The transformer that returns a field's value, on the right side of a comparison."""
ELEMENTWISE = ("tolower", "toupper", "b64", "basename")
NAMES = (*ELEMENTWISE, "len", "join", "concat", "getopt", VAL)

_TEXTS = frozenset({Kind.TEXT, Kind.UNKNOWN})
_TEXTS_AND_LISTS = _TEXTS | {Kind.LIST}
_WITH_LENGTH = _TEXTS_AND_LISTS | {Kind.BYTES}


def kind_of(operand: Operand) -> Kind:
    """The kind of an operand."""
    match operand:
        case Field() | Call():
            return operand.kind
        case Literal():
            return Kind.TEXT
        case Items() | Pack():
            return Kind.LIST


def result_kind(name: str, arguments: Sequence[Operand], selector: str | None) -> Kind | str:
    """The kind of the transformer's result, or an error message about its arguments."""
    kinds = [kind_of(argument) for argument in arguments]
    if selector is not None and (name != "getopt" or len(selector) != 1):
        return "only getopt() can be followed by `[…]`, with the letter of one option"
    if name == VAL:
        return kinds[0] if len(arguments) == 1 and isinstance(arguments[0], Field) else "val() takes one field"
    rejected = next((each for each in arguments if isinstance(each, Field) and not _is_transformable(each)), None)
    if rejected is not None and name in (*ELEMENTWISE, "len"):
        return f"Falco applies no transformer to `{rejected.name}`"
    if name == "b64" and kinds == [Kind.BYTES]:
        return Kind.BYTES
    if name in ELEMENTWISE:
        if len(kinds) != 1 or kinds[0] not in _TEXTS_AND_LISTS:
            return f"{name}() takes one text"
        return Kind.LIST if kinds[0] is Kind.LIST else Kind.TEXT
    if name == "len":
        return Kind.UNSIGNED if len(kinds) == 1 and kinds[0] in _WITH_LENGTH else "len() takes one text or list"
    if name == "concat":
        return Kind.TEXT if len(kinds) > 1 and _TEXTS.issuperset(kinds) else "concat() takes two or more texts"
    if name == "join":
        fits = len(kinds) == 2 and kinds[0] in _TEXTS and kinds[1] is Kind.LIST
        return Kind.TEXT if fits else 'join() takes a separator and a list: join(",", (proc.pname, proc.name))'
    fits = len(kinds) == 2 and kinds[0] is Kind.LIST and kinds[1] in _TEXTS
    found = Kind.LIST if selector is None else Kind.TEXT
    return found if fits else 'getopt() takes a list and the option letters: getopt((proc.args, proc.name), "ab:")'


def _is_transformable(field: Field) -> bool:
    known = find_field(field.name)
    return known is None or known.transformable
