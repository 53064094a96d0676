"""The field catalogue: names and types of Falco 0.43 and its official plugins, from ``fields.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FieldType:
    """A field in Falco's catalogue."""

    name: str
    type: str
    """Falco's type: string, uint64, int64, bool, reltime, abstime, ipaddr, ipnet, double, bytes or any."""
    is_list: bool
    source: str
    """The alert source that has the field; ``*`` for all."""
    provider: str
    """``libs``, or the plugin that provides it."""


RETIRED = "evt.dir"
"""The field that Falco 0.43 removed and older rules use."""
_RETIRED = [{"name": RETIRED, "type": "string", "list": False, "source": "syscall", "provider": "libs"}]
_ADDED: dict[str, FieldType] = {}


@cache
def catalogue() -> Mapping[str, FieldType]:
    """All known fields by name, without arguments."""
    rows = _RETIRED + json.loads((Path(__file__).parent / "fields.json").read_text(encoding="utf-8"))
    known = {
        row["name"]: FieldType(row["name"], row["type"], row["list"], row["source"], row["provider"]) for row in rows
    }
    return {**_ADDED, **known}


def add_fields(fields: Iterable[FieldType]) -> None:
    """Add fields of other plugins, or of newer versions. Known ones stay as they are. Call it before any check."""
    _ADDED.update({each.name: each for each in fields})
    for cached in (catalogue, families, alert_sources, _dot_argument_prefixes):
        cached.cache_clear()


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
    """The field of a name with or without an argument (``evt.arg[flags]``, ``k8s.pod.label.app``), or None."""
    base = name.partition("[")[0]
    known = catalogue().get(base)
    if known is not None:
        return known
    prefix = next((prefix for prefix in _dot_argument_prefixes() if base.startswith(prefix)), None)
    return None if prefix is None else catalogue()[prefix[:-1]]
