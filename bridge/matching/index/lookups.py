"""Lookup structures for one kind of comparison each: affixes, thresholds, networks, patterns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from bridge.language.program.condition import Operator
from bridge.matching.index.atom import Atom, merged
from bridge.matching.index.sets import PatternSet, Syntax, TooLarge
from bridge.matching.text import as_bytes

_Hits = list[Atom]
_RUN = 64
_MAX_PATTERNS_PER_SET = 64
_FEW = 4
"""This many patterns are tried one by one: a set of them would cost more."""


class Affixes:
    """All prefixes, or all suffixes: one lookup for each length."""

    def __init__(self, table: dict[str, list[Atom]], *, at_end: bool) -> None:
        self._table = table
        self._lengths = sorted({len(text) for text in table})
        self._at_end = at_end

    def __call__(self, value: str, hits: _Hits) -> None:
        """Add the comparisons that hold for the value to ``hits``."""
        table, size = self._table, len(value)
        for length in self._lengths:
            if length > size:
                return
            found = table.get(value[size - length :] if self._at_end else value[:length])
            if found is not None:
                hits += found


class Thresholds:
    """All ``< <= > >=`` against numbers: a binary search."""

    def __init__(self, table: dict[Operator, list[tuple[float, Atom]]]) -> None:
        self._sorted = {
            operator: ([number for number, _ in pairs], _Runs([atom for _, atom in pairs]))
            for operator, unsorted in table.items()
            for pairs in [sorted(unsorted, key=lambda pair: pair[0])]
        }

    def forget(self) -> None:
        """Drop the merged runs, after alternatives were added."""
        for _, runs in self._sorted.values():
            runs.forget()

    def __call__(self, value: float, hits: _Hits) -> None:
        """Add the comparisons that hold for the value to ``hits``."""
        for operator, (numbers, runs) in self._sorted.items():
            match operator:
                case Operator.GT:
                    runs.take(0, bisect_left(numbers, value), hits)
                case Operator.GE:
                    runs.take(0, bisect_right(numbers, value), hits)
                case Operator.LT:
                    runs.take(bisect_right(numbers, value), len(numbers), hits)
                case _:
                    runs.take(bisect_left(numbers, value), len(numbers), hits)


class _Runs:
    """Sorted comparisons. Those that hold are contiguous. Complete runs among them are merged into one atom."""

    def __init__(self, atoms: list[Atom]) -> None:
        self._atoms = atoms
        self._merged: dict[int, Atom | None] = {}

    def take(self, start: int, end: int, hits: _Hits) -> None:
        """Add the comparisons of a range to ``hits``."""
        at = start
        while at < end:
            run = at // _RUN
            if at % _RUN == 0 and at + _RUN <= end and (run_atom := self._run(run)) is not None:
                hits.append(run_atom)
                at += _RUN
            else:
                stop = min(end, (run + 1) * _RUN)
                hits += self._atoms[at:stop]
                at = stop

    def forget(self) -> None:
        """Drop the merged runs."""
        self._merged.clear()

    def _run(self, run: int) -> Atom | None:
        """The run as one atom. None if one of its comparisons is part of a joint requirement."""
        if run not in self._merged:
            atoms = self._atoms[run * _RUN : (run + 1) * _RUN]
            self._merged[run] = merged(atoms) if all(atom.single for atom in atoms) else None
        return self._merged[run]


class Networks:
    """All networks: one lookup for each prefix length."""

    def __init__(self, table: dict[tuple[int, int], dict[int, list[Atom]]]) -> None:
        self._table = table

    def __call__(self, value: IPv4Address | IPv6Address, hits: _Hits) -> None:
        """Add the comparisons that hold for the value to ``hits``."""
        number = int(value)
        found: dict[int, Atom] = {}
        for (version, length), networks in self._table.items():
            if version == value.version:
                for atom in networks.get(number >> (value.max_prefixlen - length), ()):
                    found[id(atom)] = atom
        hits += found.values()


class Patterns:
    """All regexes, or all globs, in a few RE2 sets.

    The size of a set is limited: a text that matches patterns one after another needs a new state of the automaton for
    each combination, and each state costs time in proportion to the number of patterns. A set of a thousand patterns
    took 2.6 s for 64 KiB.
    """

    def __init__(self, syntax: Syntax, patterns: Sequence[tuple[bytes, Atom]]) -> None:
        self._syntax = syntax
        self._sets: list[tuple[PatternSet | None, list[Atom]]] = []
        for start in range(0, len(patterns), _MAX_PATTERNS_PER_SET):
            self._add(patterns[start : start + _MAX_PATTERNS_PER_SET])

    def __call__(self, value: str, hits: _Hits) -> None:
        """Add the comparisons that hold for the value to ``hits``."""
        text = as_bytes(value)
        for pattern_set, atoms in self._sets:
            numbers = None if pattern_set is None else pattern_set.matching(text)
            if numbers is None:
                hits += (atom for atom in atoms if atom.holds(value))
            else:
                hits += (atoms[number] for number in numbers)

    def _add(self, patterns: Sequence[tuple[bytes, Atom]]) -> None:
        pattern_set = None
        if len(patterns) > _FEW:
            try:
                pattern_set = PatternSet([text for text, _ in patterns], self._syntax)
            except TooLarge:
                half = len(patterns) // 2
                self._add(patterns[:half])
                self._add(patterns[half:])
                return
        self._sets.append((pattern_set, [atom for _, atom in patterns]))
