"""One comparison over one value, shared by every route that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from bridge.language.program.condition import Compare
from bridge.language.program.fields.kinds import ORDERING
from bridge.matching.closures import value_test

CACHED_FROM = 8
"""A mask of more alternatives than this is cached."""
_FEW = 4


class Owner(Protocol):
    """The column that an atom belongs to."""

    leading: bool

    def add_alternative(self, bit: int, required: Sequence[Atom]) -> None:
        """Rule the alternative out wherever one of ``required`` does not hold."""


class Atom:
    """A comparison with a literal or a list. Without a comparison it means "the field has a value"."""

    __slots__ = (
        "_excluding_mask",
        "_requiring_mask",
        "_test",
        "compare",
        "excluding",
        "joint",
        "owner",
        "requiring",
        "seen",
        "single",
        "waiting",
    )

    def __init__(self, compare: Compare | None, owner: Owner) -> None:
        self.compare = compare
        self.owner = owner
        self.requiring: list[int] = []
        """The alternatives, by number, that need this comparison and no other of the column."""
        self.joint: list[tuple[int, frozenset[Atom]]] = []
        """The alternatives that need this comparison together with others of the column."""
        self.excluding: list[int] = []
        """The alternatives that are ruled out where the comparison holds."""
        self.single = True
        """Whether no alternative needs it together with others."""
        self.seen = not owner.leading or compare is None or compare.operator in ORDERING
        """Whether it has held for a value. Assumed for columns that not every alert is checked against, and for
        comparisons that hold for most values."""
        self.waiting: list[Any] = []
        """The dormant alternatives that wait until it is seen."""
        self._test: Any = None
        self._requiring_mask: int | None = None
        self._excluding_mask: int | None = None

    def holds(self, value: object) -> bool:
        """Evaluate the comparison. For comparisons that no table covers."""
        if self._test is None:
            assert self.compare is not None
            self._test = value_test(self.compare)
        return bool(self._test(value))

    def invalidate(self) -> None:
        """Drop the cached masks, after ``requiring`` or ``excluding`` changed."""
        self._requiring_mask = self._excluding_mask = None

    def requiring_mask(self) -> int:
        """``requiring`` as bits, cached."""
        if self._requiring_mask is None:
            self._requiring_mask = mask_of(self.requiring)
        return self._requiring_mask

    def excluding_mask(self) -> int:
        """``excluding`` as bits, cached."""
        if self._excluding_mask is None:
            self._excluding_mask = mask_of(self.excluding)
        return self._excluding_mask


class WakeNeeded(Exception):  # noqa: N818  # control flow, not an error
    """A comparison held for the first time: wake the alternatives that wait for it, then match the alert again."""


def merged(atoms: Sequence[Atom]) -> Atom:
    """One atom for several that hold together. None of them may be part of a joint requirement."""
    union = Atom(None, atoms[0].owner)
    for atom in atoms:
        union.requiring += atom.requiring
        union.excluding += atom.excluding
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
