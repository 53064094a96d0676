"""The alternatives of all routes as bits over columns.

Most of ten thousand routes concern values that never occur, such as a namespace without alerts. An alternative is
dormant, and has no bit, until each comparison that it requires has held once. Masks are as wide as the number of
alternatives that are awake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bridge.alert import Alert, Priority
from bridge.language.program.condition import Compare, Condition, Exists, Field, Items, Literal, Operand
from bridge.language.program.fields.kinds import LABEL
from bridge.language.program.program import Program
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.index.atom import Atom
from bridge.matching.index.column import MEMO_BYTES, Column
from bridge.matching.index.column_group import GROUP_BYTES, ColumnGroup
from bridge.matching.index.families import family
from bridge.matching.index.reader import Alive, make_reader
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Alternative, Key, Term, alternatives, fields_of

_FEW = 8
"""The memory of a column is that of ``_FEW`` columns at most: entries should fit into the processor's caches."""
_NO_ALERT = Alert("", 0, Priority.DEBUG, "", "", "", (), "", {})


class Candidate(NamedTuple):
    """One alternative of a route."""

    route: int
    internal: bool
    """Whether internal alerts may match it."""
    rest: Predicate | None
    """The terms that no column covers."""
    required: tuple[Atom, ...] = ()
    """All of these must hold."""
    excluded: tuple[Atom, ...] = ()
    """None of these may hold."""


class Index:
    """The alternatives of a program. Grows as alerts are seen. Not thread-safe."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self.route_of: list[int] = []
        """The route of each bit."""
        self.every = 0
        """All bits."""
        self.internal = 0
        """The bits that internal alerts may match."""
        self.residual: dict[int, Predicate] = {}
        """The predicate that must also hold, by bit."""
        self.residual_mask = 0
        self.columns: dict[Key, Column] = {}
        self._labels = labels
        self._predicates: dict[Key, Predicate] = {}
        for candidate in [c for index, route in enumerate(program.routes) for c in self._candidates(index, route.when)]:
            self._place(candidate)
        self._groups: list[ColumnGroup] = []
        self.alive = self._make_reader()
        """From an alert to the bits that no column rules out. Raises WakeNeeded; see ``newly_seen``."""
        self._refresh()

    def newly_seen(self, alert: Alert) -> list[Atom]:
        """All comparisons that hold for this alert and have not held before."""
        return [atom for column in self.columns.values() if column.leading for atom in column.newly_seen(alert)]

    def wake(self, atoms: Iterable[Atom]) -> None:
        """Mark these comparisons as seen. Their dormant alternatives get a bit, or wait for another comparison."""
        bits = len(self.route_of)
        for atom in atoms:
            atom.seen = True
            waiting, atom.waiting = atom.waiting, []
            for candidate in waiting:
                self._place(candidate)
        if len(self.route_of) > bits:
            self._refresh()

    def _place(self, candidate: Candidate) -> None:
        """Give the alternative a bit, or let it wait for its first comparison that has not been seen."""
        for atom in candidate.required:
            if not atom.seen:
                atom.waiting.append(candidate)
                return
        bit = len(self.route_of)
        self.route_of.append(candidate.route)
        if candidate.internal:
            self.internal |= 1 << bit
        if candidate.rest is not None:
            self.residual[bit] = candidate.rest
            self.residual_mask |= 1 << bit
        by_column: dict[int, list[Atom]] = {}
        for atom in candidate.required:
            by_column.setdefault(id(atom.owner), []).append(atom)
        for atoms in by_column.values():
            atoms[0].owner.add_alternative(bit, atoms)
        for atom in candidate.excluded:
            atom.excluding.append(bit)
            atom.invalidate()

    def _refresh(self) -> None:
        """Drop all cached masks: they lack the newest bits."""
        self.every = (1 << len(self.route_of)) - 1
        for column in self.columns.values():
            column.reset(self.every, MEMO_BYTES // max(_FEW, len(self.columns)))
        for group in self._groups:
            group.reset(GROUP_BYTES // len(self._groups))

    # Building

    def _candidates(self, index: int, condition: Condition | None) -> list[Candidate]:
        """A route's alternatives."""
        if condition is None:
            return [Candidate(index, internal=False, rest=None)]
        internal = asks_for_internal(condition)
        found = alternatives(condition)
        if found is None:
            return [Candidate(index, internal, compile_condition(condition, self._labels))]
        candidates = (self._candidate(index, alternative, internal=internal) for alternative in found)
        return [each for each in candidates if each is not None]

    def _candidate(self, index: int, alternative: Alternative, *, internal: bool) -> Candidate | None:
        """The indexed alternative. None if a label, which never changes, rules it out."""
        required: list[Atom] = []
        excluded: list[Atom] = []
        rest: list[Term] = []
        for term in alternative:
            if _reads_only_labels(term):
                if compile_condition(term.test, self._labels)(_NO_ALERT) is term.negated:
                    return None
            elif _is_indexed(term):
                column = self.columns.get(term.key)
                if column is None:
                    column = self.columns[term.key] = Column(_operand(term), self._labels)
                column.add_term(term, required, excluded)
            else:
                rest.append(term)
        predicate = self._predicate(rest) if rest else None
        return Candidate(index, internal, predicate, tuple(dict.fromkeys(required)), tuple(excluded))

    def _predicate(self, terms: list[Term]) -> Predicate:
        """Shared: the alternatives of a route mostly differ in terms that columns cover."""
        key = tuple((term.identity, term.negated) for term in terms)
        if key not in self._predicates:
            self._predicates[key] = _all_of(terms, self._labels)
        return self._predicates[key]

    def _make_reader(self) -> Alive:
        """Group the columns by family, the most used first."""
        columns = sorted(self.columns.values(), key=lambda column: -column.uses)
        families: dict[str, list[Column]] = {}
        for column in columns:
            families.setdefault(family(column.place), []).append(column)
        trailing = families.pop("", [])
        self._groups = [ColumnGroup(members) for members in families.values() if len(members) > 1]
        single = [members[0] for members in families.values() if len(members) == 1]
        return make_reader(self, [*self._groups, *single], trailing)


def _operand(term: Term) -> Operand:
    return term.test.left if isinstance(term.test, Compare) else term.test.operand


def _reads_only_labels(term: Term) -> bool:
    operand = _operand(term)
    if isinstance(operand, Field) and not operand.name.startswith(LABEL):
        return False  # the common case, checked for every term of every alternative
    return all(name.startswith(LABEL) for name in fields_of(term.test))


def _is_indexed(term: Term) -> bool:
    return isinstance(term.test, Exists) or isinstance(term.test.right, Literal | Items)


def _all_of(terms: list[Term], labels: Mapping[str, str]) -> Predicate:
    tests = [(compile_condition(term.test, labels), term.negated) for term in terms]
    return lambda alert: all(test(alert) is not negated for test, negated in tests)
