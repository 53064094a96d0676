"""The alternatives of all routes as bits over columns; those that nothing yet seen could meet have none.

Of ten thousand routes most speak of what never comes: a namespace without alerts, a program that nobody runs. An
alternative sleeps until each comparison that it needs has held once; masks are as wide as what is awake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bridge.alert import Alert, Priority
from bridge.language.program.condition import Compare, Condition, Exists, Field, Items, Literal, Operand
from bridge.language.program.kinds import LABEL
from bridge.language.program.program import Program
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.index.atom import Atom
from bridge.matching.index.column import MEMO_BYTES, Column
from bridge.matching.index.family import family
from bridge.matching.index.group import GROUP_BYTES, Group
from bridge.matching.index.reader import Alive, make_reader
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Alternative, Key, Term, alternatives, fields_of

_FEW = 8
"""Fewer columns get no more each: what is looked up should stay in the processor's caches."""
_NO_ALERT = Alert("", 0, Priority.DEBUG, "", "", "", (), "", {})


class Candidate(NamedTuple):
    """One alternative of a route."""

    route: int
    internal: bool
    """Whether Falco's alerts about itself may meet it."""
    rest: Predicate | None
    """What no column can tell."""
    wanted: tuple[Atom, ...] = ()
    """All of these must hold."""
    unwanted: tuple[Atom, ...] = ()
    """None of these may."""


class Index:
    """A program's alternatives; grows as alerts are seen. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self.route_of: list[int] = []
        """The route of each bit."""
        self.every = 0
        """All bits."""
        self.internal = 0
        """The bits that Falco's alerts about itself may meet."""
        self.residual: dict[int, Predicate] = {}
        """What must hold besides, by bit."""
        self.residual_mask = 0
        self.columns: dict[Key, Column] = {}
        self._labels = labels
        self._predicates: dict[Key, Predicate] = {}
        for candidate in [each for index, route in enumerate(program.routes) for each in self._of(index, route.when)]:
            self._settle(candidate)
        self._groups: list[Group] = []
        self.alive = self._share_out()
        """The bits that every column leaves alive for an alert; raises Stirred, and ``stirred`` tells by what."""
        self._refresh()

    def stirred(self, alert: Alert) -> list[Atom]:
        """All comparisons that this alert is the first to meet."""
        return [atom for column in self.columns.values() if column.leading for atom in column.first_held(alert)]

    def wake(self, atoms: Iterable[Atom]) -> None:
        """These comparisons have held: who slept for them is awake, or sleeps for another."""
        bits = len(self.route_of)
        for atom in atoms:
            atom.held = True
            sleepers, atom.sleepers = atom.sleepers, []
            for candidate in sleepers:
                self._settle(candidate)
        if len(self.route_of) > bits:
            self._refresh()

    def _settle(self, candidate: Candidate) -> None:
        """Let it sleep for the first of its comparisons that has never held, or give it a bit."""
        for atom in candidate.wanted:
            if not atom.held:
                atom.sleepers.append(candidate)
                return
        bit = len(self.route_of)
        self.route_of.append(candidate.route)
        if candidate.internal:
            self.internal |= 1 << bit
        if candidate.rest is not None:
            self.residual[bit] = candidate.rest
            self.residual_mask |= 1 << bit
        by_column: dict[int, list[Atom]] = {}
        for atom in candidate.wanted:
            by_column.setdefault(id(atom.column), []).append(atom)
        for atoms in by_column.values():
            atoms[0].column.let_live(bit, atoms)
        for atom in candidate.unwanted:
            atom.unwanted.append(bit)
            atom.changed()

    def _refresh(self) -> None:
        """What was remembered knows nothing of the newest bits."""
        self.every = (1 << len(self.route_of)) - 1
        for column in self.columns.values():
            column.begin_anew(self.every, MEMO_BYTES // max(_FEW, len(self.columns)))
        for group in self._groups:
            group.begin_anew(GROUP_BYTES // len(self._groups))

    # Building

    def _of(self, index: int, condition: Condition | None) -> list[Candidate]:
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
        """None where labels alone, which never change, rule it out."""
        wanted: list[Atom] = []
        unwanted: list[Atom] = []
        rest: list[Term] = []
        for term in alternative:
            if _asks_labels_alone(term):
                if compile_condition(term.test, self._labels)(_NO_ALERT) is term.negated:
                    return None
            elif _is_indexed(term):
                column = self.columns.get(term.key)
                if column is None:
                    column = self.columns[term.key] = Column(_operand(term), self._labels)
                column.ask(term, wanted, unwanted)
            else:
                rest.append(term)
        predicate = self._predicate(rest) if rest else None
        return Candidate(index, internal, predicate, tuple(dict.fromkeys(wanted)), tuple(unwanted))

    def _predicate(self, terms: list[Term]) -> Predicate:
        """Made once: a route's alternatives mostly differ in what columns can tell."""
        key = tuple((term.identity, term.negated) for term in terms)
        if key not in self._predicates:
            self._predicates[key] = _all_of(terms, self._labels)
        return self._predicates[key]

    def _share_out(self) -> Alive:
        """Which columns are asked together, and which alone; those that ask the most come first."""
        columns = sorted(self.columns.values(), key=lambda column: -column.asked)
        families: dict[str, list[Column]] = {}
        for column in columns:
            families.setdefault(family(column.place), []).append(column)
        trailing = families.pop("", [])
        self._groups = [Group(many) for many in families.values() if len(many) > 1]
        alone = [few[0] for few in families.values() if len(few) == 1]
        return make_reader(self, [*self._groups, *alone], trailing)


def _operand(term: Term) -> Operand:
    return term.test.left if isinstance(term.test, Compare) else term.test.operand


def _asks_labels_alone(term: Term) -> bool:
    operand = _operand(term)
    if isinstance(operand, Field) and not operand.name.startswith(LABEL):
        return False  # nearly always, and this is asked of every term of every alternative
    return all(name.startswith(LABEL) for name in fields_of(term.test))


def _is_indexed(term: Term) -> bool:
    return isinstance(term.test, Exists) or isinstance(term.test.right, Literal | Items)


def _all_of(terms: list[Term], labels: Mapping[str, str]) -> Predicate:
    tests = [(compile_condition(term.test, labels), term.negated) for term in terms]
    return lambda alert: all(test(alert) is not negated for test, negated in tests)
