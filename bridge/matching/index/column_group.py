"""Columns that are looked up together, because their values occur together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.matching.index.column import Column
from bridge.matching.index.memo import Memo, size_of

GROUP_BYTES = 12 << 20
"""The memory of all groups."""
_MAX_CACHED = 8192
"""Bytes of all values of one entry. Longer entries are computed each time."""


class ColumnGroup(Memo[tuple[Any, ...], int]):
    """Maps the values of several columns to the alternatives that none of them rules out. Computed on demand."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__(0)
        self.columns = tuple(columns)

    def reset(self, max_bytes: int) -> None:
        """Forget all entries, after bits were added, and set the memory limit."""
        self._max_bytes = max_bytes
        self.forget()

    def __missing__(self, values: tuple[Any, ...]) -> int:
        mask = -1
        size = values.__sizeof__()
        for column, value in zip(self.columns, values, strict=True):
            mask &= column[value]
            size += size_of(value) if type(value) is tuple else value.__sizeof__()
        if size <= _MAX_CACHED:
            self.store(values, mask, size + mask.__sizeof__())
        return mask
