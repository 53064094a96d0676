"""Which kind of value each field is, and what may be done with each kind."""

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
"""The alert's own attributes, which need no dot; ``time`` is in nanoseconds since the epoch."""

LABEL = "label."
"""What the config's static labels begin with."""

_KINDS = {
    "string": Kind.TEXT,
    "uint64": Kind.UNSIGNED,
    "reltime": Kind.UNSIGNED,
    "abstime": Kind.UNSIGNED,
    "int64": Kind.INTEGER,
    "double": Kind.DOUBLE,
    "bool": Kind.BOOL,
    "ipaddr": Kind.IP,
    "ipnet": Kind.NET,
    "bytes": Kind.BYTES,
    "any": Kind.UNKNOWN,
}

_NEED_AN_ARGUMENT = frozenset((
    "evt.arg", "evt.rawarg", "evt.around", "json.value", "jevt.value", "ka.uri.param", "container.mount",
    "container.mount.source", "container.mount.dest", "container.mount.mode", "container.mount.rdwr",
    "container.mount.propagation", "evt.type.is", "thread.cgroup",
))  # fmt: skip
_AFTER_A_DOT = frozenset({"evt.type.is", "thread.cgroup"})
"""Fields whose argument Falco knows behind a dot alone: ``evt.type.is.open``."""
_INDEXED = frozenset(
    ("proc.apid", "proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.aargs", "evt.around")
)
_MAY_HAVE_AN_ARGUMENT = _INDEXED | (_NEED_AN_ARGUMENT - _AFTER_A_DOT) | {"proc.env", "proc.aenv", "fd.types"}
_BUILT_IN = frozenset({"libs", "container"})
"""Who brings the fields whose arguments are known; those of plugins differ by the plugin's version."""
_NUMBER = re.compile(r"\s*[+-]?[0-9]+")

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
    Kind.INTEGER: _EQUALITY | ORDERING,
    Kind.UNSIGNED: _EQUALITY | ORDERING,
    Kind.DOUBLE: _EQUALITY | ORDERING,
    Kind.PRIORITY: _EQUALITY | ORDERING,
    Kind.BOOL: _EQUALITY,
    Kind.IP: _EQUALITY,
    Kind.NET: _EQUALITY,
    Kind.LIST: frozenset({Operator.IN, Operator.INTERSECTS}),
}
_NAMES = {
    Kind.TEXT: "text",
    Kind.BYTES: "bytes",
    Kind.INTEGER: "a number",
    Kind.UNSIGNED: "a number",
    Kind.DOUBLE: "a number",
    Kind.BOOL: "true or false",
    Kind.IP: "an IP address",
    Kind.NET: "a network",
    Kind.LIST: "a list",
    Kind.PRIORITY: "a priority",
    Kind.UNKNOWN: "of a type unknown here",
}


def field_kind(name: str) -> Kind | None:
    """The kind of a field or an attribute; None for one that neither Falco nor its plugins have."""
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    if name.startswith(LABEL):
        return Kind.TEXT
    known = find_field(name)
    if known is None:
        return None
    return Kind.LIST if known.is_list else _KINDS[known.type]


def argument_problem(name: str) -> tuple[str, str] | None:
    """What Falco has against the field's argument, or against its lack, and the way out; None where it takes it so.

    ``evt.arg`` and ``k8s.pod.label`` need one, ``proc.aname`` may have a number, ``fd.name`` none at all.
    """
    base, bracket, rest = name.partition("[")
    known = find_field(base)
    if not bracket and (base in _NEED_AN_ARGUMENT or (base.endswith(".label") and known is not None)):
        return f"`{base}` needs an argument", f"write `{base}.NAME`" if base in _AFTER_A_DOT else f"write `{base}[…]`"
    if not bracket or known is None or known.provider not in _BUILT_IN or known.name != base:
        return None
    if base in _INDEXED and not _NUMBER.fullmatch(rest.removesuffix("]")):
        return f"the argument of `{base}` is a number", f"`{base}[1]`"
    if base in _MAY_HAVE_AN_ARGUMENT or base.endswith(".label"):
        return None
    return f"`{base}` takes no argument in brackets", f"write `{base}{'.NAME' if base in _AFTER_A_DOT else ''}`"


def allows(kind: Kind, operator: Operator) -> bool:
    """Whether Falco has this operator for values of this kind."""
    return operator in _ALLOWED[kind]


def operators_for(kind: Kind) -> str:
    """The operators of a kind, for a message."""
    return ", ".join(operator.value for operator in Operator if operator in _ALLOWED[kind])


def kind_name(kind: Kind) -> str:
    """The kind in words, after "is"."""
    return _NAMES[kind]
