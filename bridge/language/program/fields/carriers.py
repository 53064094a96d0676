"""Fields that Falco can compare and cannot print, and the printable fields that carry their values.

Inside Falco a bare ``proc.aname`` means any ancestor, and ``fd.ip`` either end of a connection. An alert can contain
only ``proc.aname[2]`` or ``fd.sip``. Conditions on such a field are evaluated over the fields that carry its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.alert.catalogue import Output, find_field

_PARENTS = {
    "proc.apid": "proc.ppid",
    "proc.aname": "proc.pname",
    "proc.aexe": "proc.pexe",
    "proc.aexepath": "proc.pexepath",
    "proc.acmdline": "proc.pcmdline",
    "proc.aargs": None,
    "proc.aenv": None,
}
"""Fields of ancestors, and the field of the parent, which is the first ancestor."""
_ENVIRONMENT = "proc.aenv"
"""Falco prints the environment of the process itself for it, and compares those of the ancestors."""
_MAX_ANCESTORS = 99
_PROPOSED_ANCESTORS = 8
"""The number of ancestors that ``falco-config`` proposes."""
_TYPE_IS = "evt.type.is"
_RAW_ARGUMENT = "evt.rawarg"


@dataclass(frozen=True, slots=True)
class Carriers:
    """The fields that carry the values of a field that Falco cannot print."""

    proposed: tuple[str, ...]
    """The fields to add to the output of Falco's rules."""
    names: frozenset[str]
    """All fields that carry a value."""
    any_differs: bool
    """Whether ``!=`` holds if any of the values differs. Otherwise all of them must differ."""
    own: bool = True
    """Whether a value under the field's own name counts, such as one that the event of a test gives."""

    def carried(self, proposed: str, fields: frozenset[str]) -> bool:
        """Whether an output with these fields has the value of a proposed field."""
        parent = _PARENTS.get(proposed.removesuffix("[1]"))
        return proposed in fields or (proposed.endswith("[1]") and parent in fields)


def _ancestors(base: str, parent: str | None) -> Carriers:
    names = [f"{base}[{level}]" for level in range(1, _MAX_ANCESTORS + 1)]
    every = frozenset(names) if parent is None else frozenset({*names, parent})
    return Carriers(tuple(names[:_PROPOSED_ANCESTORS]), every, any_differs=True, own=base != _ENVIRONMENT)


def _ends(*proposed: str, more: tuple[str, ...] = ()) -> Carriers:
    return Carriers(proposed, frozenset({*proposed, *more}), any_differs=False)


_ADDRESSES = _ends("fd.cip", "fd.sip", more=("fd.lip", "fd.rip"))
_PORTS = _ends("fd.cport", "fd.sport", more=("fd.lport", "fd.rport"))
_CARRIERS: Mapping[str, Carriers] = MappingProxyType(
    {
        **{base: _ancestors(base, parent) for base, parent in _PARENTS.items()},
        "fd.ip": _ADDRESSES,
        "fd.net": _ADDRESSES,
        "fd.port": _PORTS,
        "fd.proto": _PORTS,
        "fd.cnet": _ends("fd.cip"),
        "fd.snet": _ends("fd.sip"),
        "fd.lnet": _ends("fd.lip"),
        "fd.rnet": _ends("fd.rip"),
        "evt.rawarg.res": _ends("evt.rawres"),
    }
)


def carriers_of(name: str) -> Carriers | None:
    """The fields that carry the values of this field. None if the field carries its own value."""
    return _CARRIERS.get(name)


def is_printable(name: str) -> bool:
    """Whether Falco can print a value for the field. True for fields that are not in the catalogue."""
    known = find_field(name)
    if known is None or known.output is Output.VALUE:
        return True
    return known.name in _PARENTS and name != known.name


def substitute(name: str) -> str:
    """What to do instead of reading a field that Falco cannot print, in a condition or a text."""
    carriers = carriers_of(name)
    if carriers is not None:
        return f"use {' or '.join(f'`{each}`' for each in carriers.proposed[:2])}"
    if name.startswith(_TYPE_IS):
        event = name.removeprefix(_TYPE_IS).lstrip(".")
        return f"compare the type of the event: `evt.type = {event or 'open'}`"
    if name.startswith(_RAW_ARGUMENT):
        return f"compare the argument as Falco prints it: `evt.arg{name.removeprefix(_RAW_ARGUMENT)}`"
    if name.endswith("ip.name"):
        return f"compare the address: `{name.removesuffix('.name')}`"
    return "test it in the condition of the Falco rule"
