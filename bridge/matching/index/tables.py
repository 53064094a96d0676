"""Finds the comparisons of a column that hold for a value, without trying each.

Hash tables for equality, one scan for all substrings, a few for all regexes. The rest is tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from bridge.alert import parse_priority
from bridge.language.program.condition import Compare, Items, Kind, Literal, Operator, Quantifier
from bridge.language.program.fields.kinds import NUMERIC
from bridge.language.program.fields.values import parse_address, parse_network
from bridge.language.program.regex import is_posix
from bridge.matching.glob import translated
from bridge.matching.index.atom import Atom
from bridge.matching.index.lookups import Affixes, Networks, Patterns, Thresholds
from bridge.matching.index.sets import Syntax
from bridge.matching.index.substrings import Substrings
from bridge.matching.text import lower, path_components
from bridge.matching.values import LITERAL_PARSERS

_Hits = list[Atom]
_ADDRESSES = frozenset({Kind.IP})
_WILDCARDS = frozenset("*?[\\")
_QUANTIFIABLE = frozenset(
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
"""Operators whose tables also serve quantifiers: ``anyof`` exactly, ``allof`` and ``oneof`` as a first selection."""


class Tables:
    """The comparisons of one column. ``find`` returns those that hold."""

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
        self._unconfirmed: set[Atom] = set()
        """``allof`` and ``oneof``: a table finds them if one of the texts matches; ``holds`` then decides."""
        self._others: list[Atom] = []
        self._finders: list[Callable[[Any, _Hits], None]] = []

    def add(self, atom: Atom) -> None:
        """Add a comparison. Call ``seal`` after the last one."""
        assert atom.compare is not None
        if not self._add_to_table(atom, atom.compare):
            self._others.append(atom)

    def find(self, value: object) -> list[Atom]:
        """All comparisons that hold for this value, without repetition."""
        hits: list[Atom] = []
        for finder in self._finders:
            finder(value, hits)
        if self._unconfirmed:
            return [atom for atom in hits if atom not in self._unconfirmed or atom.holds(value)]
        return hits

    def seal(self) -> None:
        """Build the lookups. Called once, before the first ``find``."""
        tables: Sequence[tuple[object, Callable[[Any, _Hits], None]]] = (
            (self._equal, self._find_equal),
            (self._prefixes, Affixes(self._prefixes, at_end=False)),
            (self._suffixes, Affixes(self._suffixes, at_end=True)),
            (self._needles, Substrings(self._needles, fold=False)),
            (self._folded, Substrings(self._folded, fold=True)),
            (self._thresholds, Thresholds(self._thresholds)),
            (self._networks, Networks(self._networks)),
            (self._paths, self._find_paths),
            (self._items, self._find_items),
        )
        self._deepest = max((path.count("/") + 1 for path in self._paths), default=0)
        self._finders = [find for table, find in tables if table]
        for syntax, patterns in self._patterns.items():
            self._finders.append(Patterns(syntax, patterns))
        if self._others:
            self._finders.append(self._try_others)

    def forget(self) -> None:
        """Drop what depends on the alternatives of the comparisons, after some were added."""
        for finder in self._finders:
            if isinstance(finder, Thresholds):
                finder.forget()

    def _add_to_table(self, atom: Atom, compare: Compare) -> bool:
        """Whether a table covers the comparison."""
        match compare.right:
            case Items(values=values) if compare.quantifier is not None and compare.operator in _QUANTIFIABLE:
                for literal in values:
                    self._literal(atom, compare.operator, literal.text)
                if compare.quantifier is not Quantifier.ANY_OF:
                    self._unconfirmed.add(atom)
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
            case Operator.LT | Operator.LE | Operator.GT | Operator.GE if kind in NUMERIC:
                self._thresholds.setdefault(operator, []).append((LITERAL_PARSERS[kind](text), atom))
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
        parse = parse_priority if self._kind is Kind.PRIORITY else LITERAL_PARSERS.get(self._kind, _itself)
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
        """Paths without wildcards, normalized to single slashes."""
        if not _WILDCARDS.isdisjoint("".join(texts)):
            return False
        for text in texts:
            self._paths.setdefault("/".join(path_components(text)), []).append(atom)
        return True

    def _find_equal(self, value: Any, hits: _Hits) -> None:
        hits += self._equal.get(value, ())

    def _find_paths(self, value: str, hits: _Hits) -> None:
        """All paths that contain the value, from the root down. The empty path contains everything."""
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
