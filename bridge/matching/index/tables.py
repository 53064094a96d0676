"""Which comparisons hold for a value, found without trying each.

Tables for what is equal, one scan for all substrings, one for all regexes; what none answers is tried one by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from bridge.alert import parse_priority
from bridge.language.program.condition import Compare, Items, Kind, Literal, Operator, Quantifier
from bridge.language.program.regex import is_posix
from bridge.language.program.values import parse_address, parse_network
from bridge.matching.glob import translated
from bridge.matching.index.atom import Atom, merged
from bridge.matching.index.sets import PatternSet, Syntax, TooLarge
from bridge.matching.index.substrings import Substrings
from bridge.matching.text import as_bytes, lower, path_components
from bridge.matching.values import PARSERS

_Hits = list[Atom]
_NUMERIC = frozenset({Kind.INTEGER, Kind.UNSIGNED, Kind.DOUBLE})
_ADDRESSES = frozenset({Kind.IP})
_WILD = frozenset("*?[\\")
_ANY_OF = frozenset(
    {
        Operator.STARTSWITH,
        Operator.ENDSWITH,
        Operator.CONTAINS,
        Operator.ICONTAINS,
        Operator.REGEX,
        Operator.GLOB,
        Operator.IGLOB,
    }
)
"""What a table answers for one text, it answers for any of several; for all or one of them only these can hold."""
_RUN = 64
_MOST_TOGETHER = 64
_FEW = 4
"""So few patterns are tried one by one: a set of them would cost more."""


class Tables:
    """The comparisons of one column; ``find`` tells which hold."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._equal: dict[object, list[Atom]] = {}
        self._prefixes: dict[str, list[Atom]] = {}
        self._suffixes: dict[str, list[Atom]] = {}
        self._needles: dict[str, list[Atom]] = {}
        self._folded: dict[str, list[Atom]] = {}
        self._thresholds: dict[Operator, list[tuple[float, Atom]]] = {}
        self._networks: dict[tuple[int, int], dict[int, list[Atom]]] = {}
        self._paths: dict[str, list[Atom]] = {}
        self._deepest = 0
        self._items: dict[str, list[Atom]] = {}
        self._patterns: dict[Syntax, list[tuple[bytes, Atom]]] = {}
        self._doubtful: set[Atom] = set()
        """Found where one of several texts is, and true where all are, or no other."""
        self._others: list[Atom] = []
        self._finders: list[Callable[[Any, _Hits], None]] = []

    def add(self, atom: Atom) -> None:
        """One more comparison; ``seal`` must follow the last."""
        assert atom.compare is not None
        if not self._tabled(atom, atom.compare):
            self._others.append(atom)

    def find(self, value: object) -> list[Atom]:
        """Every comparison that holds for this value, each once."""
        hits: list[Atom] = []
        for finder in self._finders:
            finder(value, hits)
        if self._doubtful:
            return [atom for atom in hits if atom not in self._doubtful or atom.holds(value)]
        return hits

    def seal(self) -> None:
        """Build what finds; called once, at the first value that is looked up."""
        tables: Sequence[tuple[object, Callable[[Any, _Hits], None]]] = (
            (self._equal, self._find_equal),
            (self._prefixes, _Affixes(self._prefixes, at_end=False)),
            (self._suffixes, _Affixes(self._suffixes, at_end=True)),
            (self._needles, Substrings(self._needles, fold=False)),
            (self._folded, Substrings(self._folded, fold=True)),
            (self._thresholds, _Thresholds(self._thresholds)),
            (self._networks, _Networks(self._networks)),
            (self._paths, self._find_paths),
            (self._items, self._find_items),
        )
        self._deepest = max((path.count("/") + 1 for path in self._paths), default=0)
        self._finders = [find for table, find in tables if table]
        for syntax, patterns in self._patterns.items():
            self._finders.append(_Patterns(syntax, patterns))
        if self._others:
            self._finders.append(self._try_others)

    def forget(self) -> None:
        """The alternatives that want a comparison have changed."""
        for finder in self._finders:
            if isinstance(finder, _Thresholds):
                finder.forget()

    def _tabled(self, atom: Atom, compare: Compare) -> bool:
        """Whether a table took it."""
        match compare.right:
            case Items(values=values) if compare.quantifier is not None and compare.operator in _ANY_OF:
                for literal in values:
                    self._literal(atom, compare.operator, literal.text)
                if compare.quantifier is not Quantifier.ANY_OF:
                    self._doubtful.add(atom)
                return True
            case _ if compare.quantifier is not None:
                return False
            case Literal(text=text):
                return self._literal(atom, compare.operator, text)
            case Items(values=values):
                return self._several(atom, compare.operator, {literal.text for literal in values})
            case _:
                return False

    def _literal(self, atom: Atom, operator: Operator, text: str) -> bool:
        kind = self._kind
        match operator:
            case Operator.EQ:
                return self._equality(atom, [text])
            case Operator.STARTSWITH:
                self._prefixes.setdefault(text, []).append(atom)
            case Operator.ENDSWITH:
                self._suffixes.setdefault(text, []).append(atom)
            case Operator.CONTAINS:
                self._needles.setdefault(text, []).append(atom)
            case Operator.ICONTAINS:
                self._folded.setdefault(lower(text), []).append(atom)
            case Operator.REGEX:
                syntax = Syntax.POSIX if is_posix(text) else Syntax.PERL
                self._patterns.setdefault(syntax, []).append((text.encode(), atom))
            case Operator.GLOB | Operator.IGLOB:
                pattern = translated(text, fold=operator is Operator.IGLOB)
                self._patterns.setdefault(Syntax.BYTES, []).append((pattern, atom))
            case Operator.LT | Operator.LE | Operator.GT | Operator.GE if kind in _NUMERIC:
                self._thresholds.setdefault(operator, []).append((PARSERS[kind](text), atom))
            case _:
                return False
        return True

    def _several(self, atom: Atom, operator: Operator, texts: set[str]) -> bool:
        if self._kind is Kind.LIST:
            if operator is not Operator.INTERSECTS:
                return False
            for text in texts:
                self._items.setdefault(text, []).append(atom)
            return True
        match operator:
            case Operator.IN | Operator.INTERSECTS:
                return self._equality(atom, texts)
            case Operator.PMATCH:
                return self._path(atom, texts)
            case _:
                return False

    def _equality(self, atom: Atom, texts: Iterable[str]) -> bool:
        """``=``, ``in`` and ``intersects`` over a single value."""
        if self._kind in _ADDRESSES:
            parsed = [parse_address(text) or parse_network(text) for text in texts]
            for each in parsed:
                self._address(atom, each)
            return True
        if self._kind is Kind.NET or self._kind is Kind.LIST:
            return False
        parse = parse_priority if self._kind is Kind.PRIORITY else PARSERS.get(self._kind, _itself)
        for value in {parse(text) for text in texts}:
            self._equal.setdefault(value, []).append(atom)
        return True

    def _address(self, atom: Atom, wanted: object) -> None:
        if isinstance(wanted, IPv4Network | IPv6Network):
            networks = self._networks.setdefault((wanted.version, wanted.prefixlen), {})
            head = int(wanted.network_address) >> (wanted.max_prefixlen - wanted.prefixlen)
            networks.setdefault(head, []).append(atom)
        else:
            self._equal.setdefault(wanted, []).append(atom)

    def _path(self, atom: Atom, texts: set[str]) -> bool:
        """Paths without wildcards, as their parts joined anew."""
        if not _WILD.isdisjoint("".join(texts)):
            return False
        for text in texts:
            self._paths.setdefault("/".join(path_components(text)), []).append(atom)
        return True

    def _find_equal(self, value: Any, hits: _Hits) -> None:
        hits += self._equal.get(value, ())

    def _find_paths(self, value: str, hits: _Hits) -> None:
        """Every path that the value lies in, from the root down; the empty one holds all."""
        hits += self._paths.get("", ())
        head = ""
        for part in path_components(value)[: self._deepest]:
            head = f"{head}/{part}" if head else part
            hits += self._paths.get(head, ())

    def _find_items(self, value: Iterable[str], hits: _Hits) -> None:
        found = {id(atom): atom for item in value for atom in self._items.get(item, ())}
        hits += found.values()

    def _try_others(self, value: object, hits: _Hits) -> None:
        hits += (atom for atom in self._others if atom.holds(value))


def _itself(text: str) -> object:
    return text


class _Affixes:
    """All prefixes, or all suffixes, by their lengths."""

    def __init__(self, table: dict[str, list[Atom]], *, at_end: bool) -> None:
        self._table = table
        self._lengths = sorted({len(text) for text in table})
        self._at_end = at_end

    def __call__(self, value: str, hits: _Hits) -> None:
        table, size = self._table, len(value)
        for length in self._lengths:
            if length > size:
                return
            found = table.get(value[size - length :] if self._at_end else value[:length])
            if found is not None:
                hits += found


class _Thresholds:
    """All ``< <= > >=`` against numbers, by bisection."""

    def __init__(self, table: dict[Operator, list[tuple[float, Atom]]]) -> None:
        self._sorted = {
            operator: ([number for number, _ in pairs], _Runs([atom for _, atom in pairs]))
            for operator, unsorted in table.items()
            for pairs in [sorted(unsorted, key=lambda pair: pair[0])]
        }

    def forget(self) -> None:
        """Put the runs together anew."""
        for _, runs in self._sorted.values():
            runs.forget()

    def __call__(self, value: float, hits: _Hits) -> None:
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
    """Comparisons in order, of which any stretch may hold: whole runs of them count as one."""

    def __init__(self, atoms: list[Atom]) -> None:
        self._atoms = atoms
        self._merged: dict[int, Atom | None] = {}

    def take(self, start: int, end: int, hits: _Hits) -> None:
        """Add those of a stretch."""
        at = start
        while at < end:
            run = at // _RUN
            if at % _RUN == 0 and at + _RUN <= end and (whole := self._run(run)) is not None:
                hits.append(whole)
                at += _RUN
            else:
                stop = min(end, (run + 1) * _RUN)
                hits += self._atoms[at:stop]
                at = stop

    def forget(self) -> None:
        self._merged.clear()

    def _run(self, run: int) -> Atom | None:
        """The run as one; None where one of its comparisons has a part in a joint."""
        if run not in self._merged:
            atoms = self._atoms[run * _RUN : (run + 1) * _RUN]
            self._merged[run] = merged(atoms) if all(atom.alone for atom in atoms) else None
        return self._merged[run]


class _Networks:
    """All networks, one look-up for each length of prefix."""

    def __init__(self, table: dict[tuple[int, int], dict[int, list[Atom]]]) -> None:
        self._table = table

    def __call__(self, value: IPv4Address | IPv6Address, hits: _Hits) -> None:
        number = int(value)
        found: dict[int, Atom] = {}
        for (version, length), networks in self._table.items():
            if version == value.version:
                for atom in networks.get(number >> (value.max_prefixlen - length), ()):
                    found[id(atom)] = atom
        hits += found.values()


class _Patterns:
    """All regexes, or all globs, in few scans: as many together as RE2 has room for.

    A text that matches one after another makes a state for each set of those that have matched, and a state costs as
    much as there are patterns: a thousand in one scan took 2.6 s for 64 KiB.
    """

    def __init__(self, syntax: Syntax, patterns: Sequence[tuple[bytes, Atom]]) -> None:
        self._syntax = syntax
        self._sets: list[tuple[PatternSet | None, list[Atom]]] = []
        for start in range(0, len(patterns), _MOST_TOGETHER):
            self._add(patterns[start : start + _MOST_TOGETHER])

    def __call__(self, value: str, hits: _Hits) -> None:
        text = as_bytes(value)
        for batch_size, atoms in self._sets:
            numbers = None if batch_size is None else batch_size.matching(text)
            if numbers is None:
                hits += (atom for atom in atoms if atom.holds(value))
            else:
                hits += (atoms[number] for number in numbers)

    def _add(self, patterns: Sequence[tuple[bytes, Atom]]) -> None:
        batch_size = None
        if len(patterns) > _FEW:
            try:
                batch_size = PatternSet([text for text, _ in patterns], self._syntax)
            except TooLarge:
                half = len(patterns) // 2
                self._add(patterns[:half])
                self._add(patterns[half:])
                return
        self._sets.append((batch_size, [atom for _, atom in patterns]))
