"""Pages of an answer, bounded by items and by bytes."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

LARGEST_PAGE_BYTES = 4 << 20

Item = TypeVar("Item", bound=msgspec.Struct)


class Page(Generic[Item]):
    """Collects items until the page is full. A page has at least one item, however large."""

    def __init__(self, limit: int, largest: int = LARGEST_PAGE_BYTES) -> None:
        """``largest`` is in bytes."""
        self.items: list[Item] = []
        self._limit = limit
        self._largest = largest
        self._bytes = 0

    def add(self, item: Item) -> bool:
        """Add the item if it fits. Returns whether it did."""
        size = len(msgspec.json.encode(item))
        if self.items and (len(self.items) >= self._limit or self._bytes + size > self._largest):
            return False
        self.items.append(item)
        self._bytes += size
        return True
