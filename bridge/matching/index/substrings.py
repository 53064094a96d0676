"""Finds which of many substrings a value contains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.matching.index.atom import Atom
from bridge.matching.text import lower

_FEW = 4
"""This many needles are searched one by one: an automaton would cost more."""
_MAX_ENDING_TOGETHER = 8


class Substrings:
    """All needles in one scan (Aho-Corasick), except those that many others are suffixes of."""

    def __init__(self, table: Mapping[str, list[Atom]], *, fold: bool) -> None:
        """``fold`` ignores the case of ASCII letters; the needles must then be in lower case."""
        self._fold = fold
        self._in_every_text = table.get("", [])
        needles = [needle for needle in table if needle]
        scanned = _few_suffixes(needles) if len(needles) > _FEW else set()
        self._single = [(needle, table[needle]) for needle in needles if needle not in scanned]
        self._automaton: Any = None
        if scanned:
            import ahocorasick

            self._automaton = ahocorasick.Automaton()
            for needle in scanned:
                self._automaton.add_word(needle, table[needle])
            self._automaton.make_automaton()

    def __call__(self, value: str, hits: list[Atom]) -> None:
        """Add the comparisons whose needle is in the value to ``hits``."""
        text = lower(value) if self._fold else value
        hits += self._in_every_text
        for needle, atoms in self._single:
            if needle in text:
                hits += atoms
        if self._automaton is not None:
            found = {id(atoms): atoms for _, atoms in self._automaton.iter(text)}
            for atoms in found.values():
                hits += atoms


def _few_suffixes(needles: Iterable[str]) -> set[str]:
    """Needles of which few can end at one place; all of ``a``, ``aa``, ``aaa`` … would end at each letter."""
    chosen: set[str] = set()
    ends: list[str] = []
    for reverse in sorted(needle[::-1] for needle in needles):
        while ends and not reverse.startswith(ends[-1]):
            ends.pop()
        if len(ends) < _MAX_ENDING_TOGETHER:
            ends.append(reverse)
            chosen.add(reverse[::-1])
    return chosen
