"""Fields whose values come together, as a rule's, a pod's or a process's do."""

from __future__ import annotations

_OF_THE_RULE = frozenset({"rule", "priority", "source", "tags"})
"""A rule has one priority, one source, one set of tags."""
_PLACE = frozenset({"container", "k8s", "hostname"})
"""A pod has one image, and stays on its node."""
_PROCESS = frozenset({"proc", "user", "group"})
_OF_ITS_OWN = ("cmdline", "args", "id", "env", "cwd", "num", "ts", "duration")
"""What these names end with varies too much to be remembered together with the rest."""


def family(name: str) -> str:
    """The family that a field or an attribute belongs to; empty for one that stands alone."""
    if name in _OF_THE_RULE:
        return "rule"
    first, _, rest = name.partition(".")
    if rest.endswith(_OF_ITS_OWN):
        return ""
    if first in _PLACE:
        return "place"
    return "process" if first in _PROCESS else ""
