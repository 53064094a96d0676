"""Families of fields whose values occur together, such as those of a pod or a process."""

from __future__ import annotations

_RULE = frozenset({"rule", "priority", "source", "tags"})
"""A rule has one priority, one source and one set of tags."""
_PLACE = frozenset({"container", "k8s", "hostname"})
"""A pod has one image and runs on one node."""
_PROCESS = frozenset({"proc", "user", "group"})
_VARYING = ("cmdline", "args", "id", "env", "cwd", "num", "ts", "duration")
"""Endings of names whose values vary too much to be cached with the rest of the family."""


def family(name: str) -> str:
    """The family of a field or an attribute; empty if it has none."""
    if name in _RULE:
        return "rule"
    first, _, rest = name.partition(".")
    if rest.endswith(_VARYING):
        return ""
    if first in _PLACE:
        return "place"
    return "process" if first in _PROCESS else ""
