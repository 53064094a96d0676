"""Columns that are asked together: values that come together, as a pod's or a program's do, are one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.matching.index.column import Column
from bridge.matching.index.memo import Memo, size_of

GROUP_BYTES = 12 << 20
"""What all groups together may remember of values and masks."""
_LONGEST_REMEMBERED = 8192
"""Bytes of all values."""


class Group(Memo[tuple[Any, ...], int]):
    """A mapping of several columns' values to the alternatives that all of them leave alive; fills itself."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__(0)
        self.columns = tuple(columns)

    def begin_anew(self, most_bytes: int) -> None:
        """Forget what knows nothing of the newest bits; so much may be remembered."""
        self._most_bytes = most_bytes
        self.forget()

    def __missing__(self, values: tuple[Any, ...]) -> int:
        mask = -1
        size = values.__sizeof__()
        for column, value in zip(self.columns, values, strict=True):
            mask &= column[value]
            size += size_of(value) if type(value) is tuple else value.__sizeof__()
        if size <= _LONGEST_REMEMBERED:
            self.keep(values, mask, size + mask.__sizeof__())
        return mask
