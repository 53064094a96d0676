"""Falco's fields: the names and types of Falco 0.43 and its official plugins, shipped as ``fields.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FieldType:
    """What Falco says of a field."""

    name: str
    type: str
    """Falco's word: string, uint64, int64, bool, reltime, abstime, ipaddr, ipnet, double, bytes, any."""
    is_list: bool
    source: str
    """The event source that has it; ``*`` for all."""
    provider: str
    """``libs``, or the plugin that brings it."""


_RETIRED = [{"name": "evt.dir", "type": "string", "list": False, "source": "syscall", "provider": "libs"}]
"""Fields that 0.43 no longer has and that rules written for older Falcos name."""


@cache
def catalogue() -> Mapping[str, FieldType]:
    """Every known field by its name, without an argument."""
    rows = _RETIRED + json.loads((Path(__file__).parent / "fields.json").read_text(encoding="utf-8"))
    return {
        row["name"]: FieldType(row["name"], row["type"], row["list"], row["source"], row["provider"]) for row in rows
    }


@cache
def families() -> frozenset[str]:
    """The first words of all known names: ``proc``, ``k8s``, ``ka``."""
    return frozenset(name.partition(".")[0] for name in catalogue())


@cache
def _named_after_a_dot() -> tuple[str, ...]:
    """Fields whose argument may stand behind a dot: an event's, as Falco emits them, and labels in older Falcos."""
    libs = ("evt.arg", "evt.rawarg", "evt.type.is", "evt.abspath", "thread.cgroup")
    return tuple(f"{name}." for name in (*libs, *(name for name in catalogue() if name.endswith(".label"))))


def find_field(name: str) -> FieldType | None:
    """The field, with or without an argument (``evt.arg[flags]``, ``k8s.pod.label.app``), or None."""
    base = name.partition("[")[0]
    known = catalogue().get(base)
    if known is not None:
        return known
    prefix = next((prefix for prefix in _named_after_a_dot() if base.startswith(prefix)), None)
    return None if prefix is None else catalogue()[prefix[:-1]]
