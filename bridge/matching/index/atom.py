"""One comparison over one value, shared by every route that asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.language.program.condition import Compare
from bridge.language.program.kinds import ORDERING
from bridge.matching.closures import value_test

if TYPE_CHECKING:
    from bridge.matching.index.column import Column

WORTH_KEEPING = 8
"""With more alternatives than this, a mask is kept once it was made."""
_FEW = 4


class Atom:
    """A comparison with something written; without one it stands for "there is a value"."""

    __slots__ = (
        "_test",
        "_unwanted_mask",
        "_wanted_mask",
        "alone",
        "column",
        "compare",
        "held",
        "joint",
        "sleepers",
        "unwanted",
        "wanted",
    )

    def __init__(self, compare: Compare | None, column: Column) -> None:
        self.compare = compare
        self.column = column
        self.wanted: list[int] = []
        """The alternatives, by number, that this column lets live where the comparison holds."""
        self.joint: list[tuple[int, frozenset[Atom]]] = []
        """The same, where other comparisons over this value must hold too."""
        self.unwanted: list[int] = []
        """The alternatives that are dead where the comparison holds."""
        self.alone = True
        """Whether no alternative needs it together with another."""
        self.held = not column.leading or compare is None or compare.operator in ORDERING
        """Whether it held for a value yet; taken for granted where not every alert is asked, or most would say yes."""
        self.sleepers: list[Any] = []
        """The alternatives that wait for it to hold."""
        self._test: Any = None
        self._wanted_mask: int | None = None
        self._unwanted_mask: int | None = None

    def holds(self, value: object) -> bool:
        """The comparison itself, for those that no table answers."""
        if self._test is None:
            assert self.compare is not None
            self._test = value_test(self.compare)
        return bool(self._test(value))

    def changed(self) -> None:
        """An alternative more wants it, or wants it not."""
        self._wanted_mask = self._unwanted_mask = None

    def wanted_mask(self) -> int:
        """``wanted`` as bits, kept."""
        if self._wanted_mask is None:
            self._wanted_mask = mask_of(self.wanted)
        return self._wanted_mask

    def unwanted_mask(self) -> int:
        """``unwanted`` as bits, kept."""
        if self._unwanted_mask is None:
            self._unwanted_mask = mask_of(self.unwanted)
        return self._unwanted_mask


class WakeNeeded(Exception):  # noqa: N818  # nothing is wrong
    """A comparison held for the first time: who sleeps for it must be woken before the alert is asked again."""


def merged(atoms: Sequence[Atom]) -> Atom:
    """One that stands for all of them, where they hold together and none has a part in a joint."""
    union = Atom(None, atoms[0].column)
    for atom in atoms:
        union.wanted += atom.wanted
        union.unwanted += atom.unwanted
    return union


def mask_of(bits: Sequence[int]) -> int:
    """A number with these bits set."""
    if len(bits) < _FEW:
        mask = 0
        for number in bits:
            mask |= 1 << number
        return mask
    data = bytearray(max(bits) // 8 + 1)
    for number in bits:
        data[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(data, "little")
