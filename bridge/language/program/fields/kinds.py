"""The kind of each field's values, and the operators of each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from bridge.alert.catalogue import find_field
from bridge.language.program.condition import Kind, Operator

ATTRIBUTES: Mapping[str, Kind] = MappingProxyType(
    {
        "rule": Kind.TEXT,
        "priority": Kind.PRIORITY,
        "source": Kind.TEXT,
        "hostname": Kind.TEXT,
        "tags": Kind.LIST,
        "output": Kind.TEXT,
        "time": Kind.UNSIGNED,
    }
)
"""The attributes of an alert, whose names have no dot. ``time`` is in nanoseconds since the epoch."""

LABEL = "label."
"""The prefix of the labels in the config."""

_KINDS = {
    "string": Kind.TEXT,
    "uint64": Kind.UNSIGNED,
    "reltime": Kind.UNSIGNED,
    "abstime": Kind.UNSIGNED,
    "int64": Kind.INTEGER,
    "uint32": Kind.UINT32,
    "int32": Kind.INT32,
    "int16": Kind.INT16,
    "port": Kind.PORT,
    "double": Kind.DOUBLE,
    "bool": Kind.BOOL,
    "ipaddr": Kind.IP,
    "ipnet": Kind.NET,
    "bytes": Kind.BYTES,
    "any": Kind.UNKNOWN,
}

_ARGUMENT_REQUIRED = frozenset((
    "evt.arg", "evt.rawarg", "evt.around", "json.value", "jevt.value", "ka.uri.param", "container.mount",
    "container.mount.source", "container.mount.dest", "container.mount.mode", "container.mount.rdwr",
    "container.mount.propagation", "evt.type.is", "thread.cgroup",
))  # fmt: skip
_DOT_ARGUMENT = frozenset({"evt.type.is", "thread.cgroup", "evt.rawarg"})
"""Fields whose argument follows a dot, never in brackets: ``evt.type.is.open``."""
_INDEXED = frozenset((
    "proc.apid", "proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.aargs", "proc.args", "evt.around",
    "evt.arg",
))  # fmt: skip
"""Fields whose argument in brackets is a number."""
_ARGUMENT_ALLOWED = _INDEXED | (_ARGUMENT_REQUIRED - _DOT_ARGUMENT) | {"proc.env", "proc.aenv", "fd.types"}
BUILT_IN = frozenset({"libs", "container", "falco-bridge"})
"""Providers of fields whose arguments are known. Those of plugins depend on the version of the plugin."""
_NUMBER = re.compile(r"\s*[+-]?[0-9]+")

INTEGERS = frozenset({Kind.INTEGER, Kind.INT32, Kind.INT16, Kind.UNSIGNED, Kind.UINT32, Kind.PORT, Kind.DEVICE})
NUMERIC = INTEGERS | {Kind.DOUBLE}
ORDERING = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE})
LIST_OPERATORS = frozenset({Operator.IN, Operator.INTERSECTS, Operator.PMATCH})
HEX_OPERATORS = frozenset({Operator.BCONTAINS, Operator.BSTARTSWITH})

_EQUALITY = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.INTERSECTS})
_TEXT = frozenset(Operator) - HEX_OPERATORS
_BYTES = _EQUALITY | HEX_OPERATORS | {Operator.CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH}
_ALLOWED = {
    Kind.TEXT: _TEXT,
    Kind.BYTES: _BYTES,
    Kind.UNKNOWN: frozenset(Operator),
    **dict.fromkeys(NUMERIC, _EQUALITY | ORDERING),
    Kind.PRIORITY: _EQUALITY | ORDERING,
    Kind.BOOL: _EQUALITY,
    Kind.IP: _EQUALITY,
    Kind.NET: _EQUALITY,
    Kind.LIST: frozenset({Operator.IN, Operator.INTERSECTS}),
}
_NAMES = {
    Kind.TEXT: "text",
    Kind.BYTES: "bytes",
    **dict.fromkeys(NUMERIC, "a number"),
    Kind.PORT: "a port",
    Kind.BOOL: "a boolean",
    Kind.IP: "an IP address",
    Kind.NET: "a network",
    Kind.LIST: "a list",
    Kind.PRIORITY: "a priority",
    Kind.UNKNOWN: "of unknown type",
}


def field_kind(name: str) -> Kind | None:
    """The kind of a field or an attribute. None if neither Falco nor its plugins have it."""
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    if name.startswith(LABEL):
        return Kind.TEXT
    known = find_field(name)
    if known is None:
        return None
    if known.is_list:
        return Kind.LIST
    return Kind.DEVICE if known.hexadecimal else _KINDS[known.type]


def argument_problem(name: str) -> tuple[str, str] | None:
    """The error and the remedy if Falco rejects the field's argument or its absence; otherwise None.

    ``evt.arg`` and ``k8s.pod.label`` need an argument, ``proc.aname`` may have a number, ``fd.name`` has none.
    """
    base, bracket, rest = name.partition("[")
    known = find_field(base)
    if not bracket and (base in _ARGUMENT_REQUIRED or (base.endswith(".label") and known is not None)):
        return f"`{base}` needs an argument", f"write {_with_argument(base)}"
    if not bracket or known is None or known.provider not in BUILT_IN or known.name != base:
        return None
    argument = rest.removesuffix("]")
    if base in _INDEXED and not _NUMBER.fullmatch(argument):
        hint = f"write `{base}.{argument}`" if base == "evt.arg" else f"like `{base}[1]`"
        return f"the argument of `{base}` in brackets must be a number", hint
    if base in _ARGUMENT_ALLOWED or base.endswith(".label"):
        return None
    if base in _DOT_ARGUMENT:
        name = "NAME" if _NUMBER.fullmatch(argument) else argument
        return f"the argument of `{base}` follows a dot", f"write `{base}.{name}`"
    single = f"{base.removesuffix('s')}[{argument}]"
    hint = f"write `{single}`" if base.endswith(".labels") and find_field(single) is not None else f"write `{base}`"
    return f"`{base}` takes no argument in brackets", hint


def _with_argument(base: str) -> str:
    """The spellings of a field with an argument, for a message."""
    if base == "evt.arg":
        return "`evt.arg.NAME` or `evt.arg[0]`"
    return f"`{base}.NAME`" if base in _DOT_ARGUMENT else f"`{base}[…]`"


def allows(kind: Kind, operator: Operator) -> bool:
    """Whether Falco supports this operator for values of this kind."""
    return operator in _ALLOWED[kind]


def operators_for(kind: Kind) -> str:
    """The operators of a kind, for a message."""
    return ", ".join(operator.value for operator in Operator if operator in _ALLOWED[kind])


def kind_name(kind: Kind) -> str:
    """The kind in words, to follow "is"."""
    return _NAMES[kind]
