"""Columns that are asked together: values that come together, as a pod's or a program's do, are one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.matching.column import Column

_LONGEST_REMEMBERED = 2048


class Group(dict[tuple[Any, ...], int]):
    """A mapping of several columns' values to the alternatives that all of them leave alive; fills itself."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._most = 0

    def forget(self, most: int) -> None:
        """Begin anew; so many may be remembered."""
        self.clear()
        self._most = max(16, most)

    def __missing__(self, values: tuple[Any, ...]) -> int:
        mask = -1
        size = 0
        for column, value in zip(self.columns, values, strict=True):
            mask &= column[value]
            if type(value) is str:
                size += len(value)
        if size <= _LONGEST_REMEMBERED:
            if len(self) >= self._most:
                self.clear()
            self[values] = mask
        return mask
