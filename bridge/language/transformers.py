"""Falco's transformers: what they take and what they give."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.alert.catalogue import find_field
from bridge.language.condition import Call, Field, Items, Kind, Literal, Operand, Pack

VAL = "val"
"""A field's own value, on the right side of a comparison."""
ELEMENTWISE = ("tolower", "toupper", "b64", "basename")
NAMES = (*ELEMENTWISE, "len", "join", "concat", "getopt", VAL)

_TEXTS = frozenset({Kind.TEXT, Kind.BYTES, Kind.UNKNOWN})
_TEXTS_AND_LISTS = _TEXTS | {Kind.LIST}

NO_RIGHT_SIDE = frozenset((
    "evt.around", "evt.rawarg", "fd.ip", "fd.port", "fd.proto", "fd.cip.name", "fd.sip.name", "fd.lip.name",
    "fd.rip.name", "proc.apid", "proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.aenv",
))  # fmt: skip
"""Fields that Falco compares in a way of their own, and so with no other field on either side."""


def kind_of(operand: Operand) -> Kind:
    """The kind of any operand."""
    match operand:
        case Field() | Call():
            return operand.kind
        case Literal():
            return Kind.TEXT
        case Items() | Pack():
            return Kind.LIST


def falco_type(operand: Operand) -> str | None:
    """Falco's word for the type of a number that it compares with its like alone; None where it is no field's."""
    match operand:
        case Call(name="len"):
            return "uint64"
        case Call(name="val", arguments=(Field() as field,)) | (Field() as field):
            known = find_field(field.name)
            return None if known is None else known.type
        case _:
            return None


def keeps_end(operand: Operand) -> bool:
    """Whether Falco counts the zero byte behind the text as part of it, where it looks a text up among others."""
    return isinstance(operand, Call) and operand.name in ELEMENTWISE


def result_kind(name: str, arguments: Sequence[Operand], selector: str | None) -> Kind | str:
    """The kind of the transformer's result, or what is wrong with its arguments."""
    kinds = [kind_of(argument) for argument in arguments]
    if selector is not None and (name != "getopt" or len(selector) != 1):
        return "only getopt() takes brackets behind it, with the letter of one option"
    if name == VAL:
        return kinds[0] if len(arguments) == 1 and isinstance(arguments[0], Field) else "val() takes one field"
    if name in ELEMENTWISE:
        if len(kinds) != 1 or kinds[0] not in _TEXTS_AND_LISTS:
            return f"{name}() takes one text"
        return Kind.LIST if kinds[0] is Kind.LIST else Kind.TEXT
    if name == "len":
        return Kind.UNSIGNED if len(kinds) == 1 and kinds[0] in _TEXTS_AND_LISTS else "len() takes one text or list"
    if name == "concat":
        return Kind.TEXT if len(kinds) > 1 and _TEXTS.issuperset(kinds) else "concat() takes two texts or more"
    if name == "join":
        fits = len(kinds) == 2 and kinds[0] in _TEXTS and kinds[1] is Kind.LIST
        return Kind.TEXT if fits else 'join() takes a separator and a list: join(",", (proc.pname, proc.name))'
    fits = len(kinds) == 2 and kinds[0] is Kind.LIST and kinds[1] in _TEXTS
    found = Kind.LIST if selector is None else Kind.TEXT
    return found if fits else 'getopt() takes a list and the option letters: getopt(proc.args, "ab:")'
