"""One column of the index: for each value, the alternatives that it does not rule out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.alert import Alert
from bridge.alert.alert import is_clock_field
from bridge.language.condition import Compare, Exists, Field, Kind, Literal, Operand, Operator
from bridge.language.kinds import ATTRIBUTES
from bridge.language.transformers import kind_of
from bridge.matching.atom import Atom, mask_of
from bridge.matching.normal import Key, Term
from bridge.matching.tables import Tables
from bridge.matching.values import PARSERS, read_operand, read_text

MEMO_BYTES = 24 << 20
"""What all columns together may remember of masks; past its share a column forgets everything and begins anew."""
_MOST_VALUES = 8192
_LONGEST_REMEMBERED = 512
"""Characters. Longer values are worked out each time: they hardly ever come again."""
_PRESENT: Key = ("present",)
_PARSED: Key = ("parsed",)


class Column:
    """The comparisons that all routes make over one operand."""

    def __init__(self, operand: Operand, labels: Mapping[str, str]) -> None:
        self.kind = kind_of(operand)
        self.read: Callable[[Alert], Any] = (
            read_text(operand, labels) if isinstance(operand, Field) else read_operand(operand, labels)
        )
        self.plain = _plain_name(operand)
        self.memo: dict[Any, int] = {}
        self.constrained = 0
        """How many alternatives ask something of this value."""
        self._parse = PARSERS.get(self.kind) if isinstance(operand, Field) else None
        self._atoms: dict[Key, Atom] = {}
        self._bits: list[tuple[int, bool]] = []
        self._tables = Tables(self.kind)
        self._free = 0
        self._missing = 0
        self._most_masks = 0
        self._masks: dict[int, int] = {}
        self._sealed = False

    def constrain(self, bit: int, terms: list[Term]) -> None:
        """An alternative asks these things of the value."""
        wanted: list[Atom] = []
        for term in terms:
            if isinstance(term.test, Exists):
                self._take(self._atom(_PRESENT, None), bit, wanted, negated=term.negated)
            elif _is_unequal(term.test) and not term.negated:
                wanted.append(self._atom(_PARSED, None))
                self._atom((Operator.EQ, *term.identity[1:]), _as_equal(term.test)).unwanted.append(bit)
            else:
                self._take(self._atom(term.identity, term.test), bit, wanted, negated=term.negated)
        wanted = list(dict.fromkeys(wanted))
        if len(wanted) == 1:
            wanted[0].wanted.append(bit)
        elif wanted:
            # The rarest would be the best to wait for; a comparison is rarer than presence, which comes first.
            wanted[-1].joint.append((bit, tuple(wanted[:-1])))
        self._bits.append((bit, not wanted))
        self.constrained += 1

    def seal(self, every: int, share: int, width: int) -> None:
        """All alternatives are known: ``every`` has their bits, ``share`` bytes are this column's."""
        asking = mask_of([bit for bit, _ in self._bits])
        not_needing = mask_of([bit for bit, free in self._bits if free])
        self._free = every & ~asking | not_needing
        self._missing = self._free
        self._most_masks = max(16, share // max(width // 8, 1))
        self.memo[None] = self._missing
        for key, atom in self._atoms.items():
            if key not in {_PRESENT, _PARSED}:
                self._tables.add(atom)

    def mask(self, value: Any) -> int:
        """The alternatives that this value leaves alive; remembered."""
        mask = self._worked_out(value)
        if len(value) > _LONGEST_REMEMBERED if isinstance(value, str | tuple) else False:
            return mask
        if len(self.memo) >= _MOST_VALUES or len(self._masks) >= self._most_masks:
            self.memo.clear()
            self._masks.clear()
            self.memo[None] = self._missing
        mask = self._masks.setdefault(mask, mask)
        self.memo[value] = mask
        return mask

    def _worked_out(self, value: Any) -> int:
        if not self._sealed:
            self._sealed = True
            self._tables.seal()
        present, told = self._atoms.get(_PRESENT), self._atoms.get(_PARSED)
        parsed = value if self._parse is None else self._parse(value)
        hits = [] if present is None else [present]
        if parsed is not None:
            if told is not None:
                hits.append(told)
            hits += self._tables.find(parsed)
        mask = self._free
        for atom in hits:
            if atom.wanted:
                mask |= atom.wanted_mask()
            for bit, others in atom.joint:
                if all(other in hits for other in others):
                    mask |= 1 << bit
        for atom in hits:
            if atom.unwanted:
                mask &= ~atom.unwanted_mask()
        return mask

    def _take(self, atom: Atom, bit: int, wanted: list[Atom], *, negated: bool) -> None:
        if negated:
            atom.unwanted.append(bit)
        else:
            wanted.append(atom)

    def _atom(self, key: Key, compare: Compare | None) -> Atom:
        found = self._atoms.get(key)
        if found is None:
            found = self._atoms[key] = Atom(compare)
        return found


def _plain_name(operand: Operand) -> str | None:
    """The output field whose text is the value, as it stands in the alert."""
    if not isinstance(operand, Field) or operand.kind is Kind.LIST:
        return None
    name = operand.name
    return None if name in ATTRIBUTES or is_clock_field(name) else name


def _is_unequal(test: Compare) -> bool:
    return test.operator is Operator.NE and test.quantifier is None and isinstance(test.right, Literal)


def _as_equal(test: Compare) -> Compare:
    return Compare(test.left, Operator.EQ, test.right, None, test.span)
