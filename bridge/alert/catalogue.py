"""The field catalogue: the fields of Falco 0.43 and its official plugins, from ``fields.json``.

Types and properties of Falco's own fields are those in falcosecurity/libs 0.23.2, which Falco 0.43.1 uses
(``userspace/libsinsp/sinsp_filtercheck_*.cpp``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any


class Output(StrEnum):
    """What Falco does with a field in an output."""

    VALUE = "value"
    """Prints its value."""
    MISSING = "missing"
    """Prints no value (``null`` or ``<NA>``), although conditions inside Falco can be true for it."""
    REFUSED = "refused"
    """Does not start, or ends at the first alert."""


@dataclass(frozen=True, slots=True)
class FieldType:
    """A field in Falco's catalogue."""

    name: str
    type: str
    """Falco's type: string, uint64, uint32, int64, int32, int16, port, bool, reltime, abstime, ipaddr, ipnet, double,
    bytes or any."""
    is_list: bool
    source: str
    """The alert source that has the field; ``*`` for all."""
    provider: str
    """``libs``, or the plugin that provides it."""
    output: Output = Output.VALUE
    """What Falco does with the field, without an argument, in an output."""
    hexadecimal: bool = False
    """Whether Falco prints the number in hexadecimal, without a prefix."""
    comparable: bool = True
    """Whether Falco can compare the field with other fields."""
    transformable: bool = True
    """Whether Falco's transformers take the field."""


RETIRED = "evt.dir"
"""The field that Falco 0.43 removed and older rules use."""
_RETIRED = FieldType(RETIRED, "string", is_list=False, source="syscall", provider="libs")
_COMMAND_FIELDS = tuple(
    FieldType(f"cmd.{name}", kind, is_list=False, source="terminal", provider="falco-bridge")
    for name, kind in (
        ("text", "string"), ("ran", "string"), ("wrote", "string"), ("prompt", "string"), ("who", "string"),
        ("source", "string"), ("session", "string"), ("confidence", "double"), ("exit", "int64"),
        ("hidden_keys", "uint32"), ("aborted", "bool"),
    )
)  # fmt: skip
"""The fields of the alerts that the bridge makes of commands (``bridge/terminal/derived.py``)."""
OWN_FIELDS = ("cmd.",)
"""The prefixes of fields that no Falco rule outputs: the bridge adds them."""
_ADDED: dict[str, FieldType] = {}


@cache
def catalogue() -> Mapping[str, FieldType]:
    """All known fields by name, without arguments."""
    rows = json.loads((Path(__file__).parent / "fields.json").read_text(encoding="utf-8"))
    return {**_ADDED, **{field.name: field for field in (_RETIRED, *_COMMAND_FIELDS, *map(_field, rows))}}


def set_added_fields(fields: Iterable[FieldType]) -> None:
    """Add fields of other plugins or newer versions, in place of those added before. Known fields stay as they are.

    Call it before a check of routes that use them.
    """
    added = {each.name: each for each in fields}
    if added == _ADDED:
        return
    _ADDED.clear()
    _ADDED.update(added)
    for cached in (catalogue, families, alert_sources, _dot_argument_prefixes):
        cached.cache_clear()


def _field(row: Mapping[str, Any]) -> FieldType:
    return FieldType(
        row["name"],
        row["type"],
        row["list"],
        row["source"],
        row["provider"],
        Output(row.get("output", Output.VALUE)),
        row.get("hexadecimal", False),
        row.get("comparable", True),
        row.get("transformable", True),
    )


@cache
def families() -> Mapping[str, frozenset[str]]:
    """The providers of fields by the first component of their names: ``proc``, ``k8s``, ``ka``."""
    found: dict[str, set[str]] = {}
    for field in catalogue().values():
        found.setdefault(field.name.partition(".")[0], set()).add(field.provider)
    return {family: frozenset(providers) for family, providers in found.items()}


@cache
def alert_sources() -> frozenset[str]:
    """The alert sources of Falco and the known plugins."""
    return frozenset(field.source for field in catalogue().values()) - {"*"} | {"syscall", "internal"}


@cache
def _dot_argument_prefixes() -> tuple[str, ...]:
    """Fields whose argument may follow a dot: event arguments, and labels in older versions of Falco."""
    libs = ("evt.arg", "evt.rawarg", "evt.type.is", "evt.abspath", "thread.cgroup")
    return tuple(f"{name}." for name in (*libs, *(name for name in catalogue() if name.endswith(".label"))))


def find_field(name: str) -> FieldType | None:
    """The field of a name with or without an argument (``evt.arg.flags``, ``k8s.pod.label[app]``), or None."""
    base = name.partition("[")[0]
    known = catalogue().get(base)
    if known is not None:
        return known
    prefix = next((prefix for prefix in _dot_argument_prefixes() if base.startswith(prefix)), None)
    return None if prefix is None else catalogue()[prefix[:-1]]


@cache
def service_ports() -> Mapping[str, int]:
    """The ports of service names, as in Debian's ``/etc/services`` (netbase 6.4), where Falco looks them up."""
    ports: dict[str, int] = json.loads((Path(__file__).parent / "services.json").read_text(encoding="utf-8"))
    return ports


@cache
def value_names() -> Mapping[str, frozenset[str]]:
    """The values of fields with few values, by field.

    Types of events are the system calls of Linux 6 (``asm/unistd.h``) and Falco's own events. Others may exist.
    """
    names = json.loads((Path(__file__).parent / "value_names.json").read_text(encoding="utf-8"))
    return {field: frozenset(values) for field, values in names.items()}


EVENT_ARGUMENTS = ("evt.arg.", "evt.rawarg.")
"""The prefixes of fields that name an argument of an event."""


@cache
def event_arguments() -> frozenset[str]:
    """The names of the arguments of all events, in falcosecurity/libs 0.20 to 0.25 (``driver/event_table.c``)."""
    return frozenset(json.loads((Path(__file__).parent / "event_arguments.json").read_text(encoding="utf-8")))


def unknown_argument(name: str) -> str | None:
    """The argument in the name of a field such as ``evt.arg.flags``, if no event has it; otherwise None."""
    prefix = next((prefix for prefix in EVENT_ARGUMENTS if name.startswith(prefix)), None)
    argument = name.removeprefix(prefix or "")
    return None if prefix is None or argument in event_arguments() else argument
