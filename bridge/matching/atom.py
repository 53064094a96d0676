"""One comparison over one value, shared by every route that asks it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bridge.language.condition import Compare
from bridge.matching.closures import value_test

_WORTH_KEEPING = 32
"""With more alternatives than this, the mask is kept once it was made."""


class Atom:
    """A comparison with something written; None of those stands for "there is a value"."""

    __slots__ = ("_test", "_unwanted_mask", "_wanted_mask", "compare", "joint", "unwanted", "wanted")

    def __init__(self, compare: Compare | None) -> None:
        self.compare = compare
        self.wanted: list[int] = []
        """The alternatives, by number, that this column lets live where the comparison holds."""
        self.joint: list[tuple[int, tuple[Atom, ...]]] = []
        """The same, where other comparisons over this value must hold too."""
        self.unwanted: list[int] = []
        """The alternatives that are dead where the comparison holds."""
        self._test: Any = None
        self._wanted_mask: int | None = None
        self._unwanted_mask: int | None = None

    def holds(self, value: object) -> bool:
        """The comparison itself, for those that no table answers."""
        if self._test is None:
            assert self.compare is not None
            self._test = value_test(self.compare)
        return bool(self._test(value))

    def wanted_mask(self) -> int:
        """``wanted`` as bits."""
        if self._wanted_mask is not None:
            return self._wanted_mask
        mask = mask_of(self.wanted)
        if len(self.wanted) > _WORTH_KEEPING:
            self._wanted_mask = mask
        return mask

    def unwanted_mask(self) -> int:
        """``unwanted`` as bits."""
        if self._unwanted_mask is not None:
            return self._unwanted_mask
        mask = mask_of(self.unwanted)
        if len(self.unwanted) > _WORTH_KEEPING:
            self._unwanted_mask = mask
        return mask


def mask_of(bits: Iterable[int]) -> int:
    """A number with these bits set."""
    numbers = bits if isinstance(bits, list) else list(bits)
    if len(numbers) < _WORTH_KEEPING:
        mask = 0
        for number in numbers:
            mask |= 1 << number
        return mask
    data = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        data[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(data, "little")
