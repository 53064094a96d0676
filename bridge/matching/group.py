"""Columns that are asked together: values that come together, as a pod's or a program's do, are one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.matching.column import Column

_OF_THE_RULE = frozenset({"rule", "priority", "source", "tags"})
"""A rule has one priority, one source, one set of tags."""
_PLACE = frozenset({"container", "k8s", "hostname"})
"""A pod has one image, and stays on its node."""
_PROCESS = frozenset({"proc", "user", "group"})
_OF_ITS_OWN = ("cmdline", "args", "id", "env", "cwd", "num", "ts", "duration")
"""What these names end with varies too much to be remembered together with the rest."""
_LONGEST_REMEMBERED = 2048


class Group(dict[tuple[Any, ...], int]):
    """A mapping of several columns' values to the alternatives that all of them leave alive; fills itself."""

    def __init__(self, columns: Sequence[Column], share: int, width: int) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._most = max(16, share // max(width // 8 + 100, 1))

    def __missing__(self, values: tuple[Any, ...]) -> int:
        mask = -1
        size = 0
        for column, value in zip(self.columns, values, strict=True):
            mask &= column[value]
            size += len(value) if isinstance(value, str | tuple) else 0
        if size <= _LONGEST_REMEMBERED:
            if len(self) >= self._most:
                self.clear()
            self[values] = mask
        return mask


def family(name: str) -> str:
    """The group that a field or an attribute belongs to; empty for one that stands alone."""
    if name in _OF_THE_RULE:
        return "rule"
    first, _, rest = name.partition(".")
    if rest.endswith(_OF_ITS_OWN):
        return ""
    if first in _PLACE:
        return "place"
    return "process" if first in _PROCESS else ""
