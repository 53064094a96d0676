"""Which of many texts a value holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.matching.index.atom import Atom
from bridge.matching.text import lower

_FEW = 4
"""So few needles are looked for one by one: an automaton would cost more."""
_MOST_AT_ONCE = 8


class Substrings:
    """All needles in one scan (Aho and Corasick), but for those in which many others end."""

    def __init__(self, table: Mapping[str, list[Atom]], *, fold: bool) -> None:
        """``fold`` ignores the case of ASCII letters; the needles have none then."""
        self._fold = fold
        self._everywhere = table.get("", [])
        needles = [needle for needle in table if needle]
        batch_size = _never_many_at_once(needles) if len(needles) > _FEW else set()
        self._alone = [(needle, table[needle]) for needle in needles if needle not in batch_size]
        self._automaton: Any = None
        if batch_size:
            import ahocorasick

            self._automaton = ahocorasick.Automaton()
            for needle in batch_size:
                self._automaton.add_word(needle, table[needle])
            self._automaton.make_automaton()

    def __call__(self, value: str, hits: list[Atom]) -> None:
        """Add the comparisons whose needle is in the value."""
        text = lower(value) if self._fold else value
        hits += self._everywhere
        for needle, atoms in self._alone:
            if needle in text:
                hits += atoms
        if self._automaton is not None:
            found = {id(atoms): atoms for _, atoms in self._automaton.iter(text)}
            for atoms in found.values():
                hits += atoms


def _never_many_at_once(needles: Iterable[str]) -> set[str]:
    """Those of which few end in one place: of ``a``, ``aa``, ``aaa`` … each letter of a hostile text would end all."""
    chosen: set[str] = set()
    ends: list[str] = []
    for reverse in sorted(needle[::-1] for needle in needles):
        while ends and not reverse.startswith(ends[-1]):
            ends.pop()
        if len(ends) < _MOST_AT_ONCE:
            ends.append(reverse)
            chosen.add(reverse[::-1])
    return chosen
