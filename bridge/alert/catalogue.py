"""The field catalogue: names and types of Falco 0.43 and its official plugins, from ``fields.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


_RETIRED = [{"name": "evt.dir", "type": "string", "list": False, "source": "syscall", "provider": "libs"}]
"""Fields that Falco 0.43 removed and older rules use."""


@cache
def catalogue() -> Mapping[str, FieldType]:
    """All known fields by name, without arguments."""
    rows = _RETIRED + json.loads((Path(__file__).parent / "fields.json").read_text(encoding="utf-8"))
    return {
        row["name"]: FieldType(row["name"], row["type"], row["list"], row["source"], row["provider"]) for row in rows
    }


@cache
def families() -> frozenset[str]:
    """The first components of all known names: ``proc``, ``k8s``, ``ka``."""
    return frozenset(name.partition(".")[0] for name in catalogue())


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
