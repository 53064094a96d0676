"""Which routes match an alert: bit columns, one look-up a field, whatever the number of routes.

Each condition is taken apart into alternatives (an ``or`` of ``and``s), each of which is a bit. A column knows, for
each value of its field, which alternatives that value does not rule out; the answer is what all columns leave alive.
What no column can tell (two fields compared, too many alternatives) is decided by the condition's own predicate, and
only where all columns leave it alive. The predicates of ``closures`` are the definition; this agrees with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.condition import Compare, Condition, Exists, Field, Items, Literal, Operand
from bridge.language.kinds import LABEL
from bridge.language.program import During, Program, Route
from bridge.matching.atom import mask_of
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.column import MEMO_BYTES, Column
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Alternative, Key, Term, alternatives

_FEW_BITS = 8


class Matcher:
    """A program compiled; to be swapped as a whole. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._program = program
        self._labels = labels
        self._route_of: list[int] = []
        """The route of each alternative."""
        self._columns: dict[Key, Column] = {}
        self._residual: dict[int, Predicate] = {}
        internal: list[int] = []
        for index, route in enumerate(program.routes):
            first = len(self._route_of)
            self._add(index, route.when)
            if route.when is not None and asks_for_internal(route.when):
                internal += range(first, len(self._route_of))
        self._every = (1 << len(self._route_of)) - 1
        self._internal = mask_of(internal)
        self._residual_mask = mask_of(list(self._residual))
        self._ends = [route.drop or route.stop for route in program.routes]
        self._during: list[tuple[During, ...]] = [route.during for route in program.routes]
        self._plain, self._special = self._sealed()

    def match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The indices of the routes that match, in file order, up to one that stops or drops. Never raises.

        ``now_ns`` is the time for schedules, in nanoseconds since the epoch.
        """
        try:
            alive = self._alive(alert)
        except Exception:  # noqa: BLE001  # in doubt the definition decides, and in doubt of that the route acts
            return self._by_definition(alert, now_ns)
        return self._in_order(self._routes(alive), now_ns) if alive else ()

    def _alive(self, alert: Alert) -> int:
        """The alternatives that hold, as bits."""
        alive = self._internal if alert.source == INTERNAL_SOURCE else self._every
        get = alert.fields.get
        for name, memo, column in self._plain:
            value = get(name)
            mask = memo.get(value)
            alive &= column.mask(value) if mask is None else mask
            if not alive:
                return 0
        for memo, column in self._special:
            found = column.read(alert)
            mask = memo.get(found)
            alive &= column.mask(found) if mask is None else mask
            if not alive:
                return 0
        undecided = alive & self._residual_mask
        for bit in _bits(undecided):
            if not _holds(self._residual[bit], alert):
                alive ^= 1 << bit
        return alive

    def _routes(self, alive: int) -> Iterator[int]:
        """The routes of these alternatives, each once, in order."""
        last = -1
        for bit in _bits(alive):
            index = self._route_of[bit]
            if index != last:
                last = index
                yield index

    def _in_order(self, indices: Iterator[int], now_ns: int) -> tuple[int, ...]:
        matched: list[int] = []
        for index in indices:
            during = self._during[index]
            if during and not all(each.holds(now_ns) for each in during):
                continue
            matched.append(index)
            if self._ends[index]:
                break
        return tuple(matched)

    def _by_definition(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        internal = alert.source == INTERNAL_SOURCE
        return self._in_order(
            (
                index
                for index, route in enumerate(self._program.routes)
                if self._sees(route, internal=internal)
                and (route.when is None or _holds(compile_condition(route.when, self._labels), alert))
            ),
            now_ns,
        )

    def _sees(self, route: Route, *, internal: bool) -> bool:
        return not internal or (route.when is not None and asks_for_internal(route.when))

    # Building

    def _add(self, index: int, condition: Condition | None) -> None:
        """A bit for each alternative of a route's condition."""
        if condition is None:
            self._route_of.append(index)
            return
        found = alternatives(condition)
        if found is None:
            self._residual[len(self._route_of)] = compile_condition(condition, self._labels)
            self._route_of.append(index)
            return
        for alternative in found:
            self._add_alternative(index, alternative)

    def _add_alternative(self, index: int, alternative: Alternative) -> None:
        bit = len(self._route_of)
        by_key: dict[Key, list[Term]] = {}
        rest: list[Term] = []
        for term in alternative:
            operand = _operand(term)
            if _is_label(operand):
                if compile_condition(term.test, self._labels)(_NO_ALERT) is term.negated:
                    return  # labels never change: this alternative cannot hold
            elif _is_indexed(term):
                by_key.setdefault(term.key, []).append(term)
            else:
                rest.append(term)
        for key, terms in by_key.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = Column(_operand(terms[0]), self._labels)
            column.constrain(bit, terms)
        if rest:
            self._residual[bit] = _all_of(rest, self._labels)
        self._route_of.append(index)

    def _sealed(self) -> tuple[list[tuple[str, dict[Any, int], Column]], list[tuple[dict[Any, int], Column]]]:
        """The columns, those that ask of the most alternatives first: the sooner nothing is left, the better."""
        columns = sorted(self._columns.values(), key=lambda column: -column.constrained)
        share = MEMO_BYTES // max(len(columns), 1)
        for column in columns:
            column.seal(self._every, share, len(self._route_of))
        plain = [(column.plain, column.memo, column) for column in columns if column.plain is not None]
        return plain, [(column.memo, column) for column in columns if column.plain is None]


def _operand(term: Term) -> Operand:
    return term.test.left if isinstance(term.test, Compare) else term.test.operand


def _is_label(operand: Operand) -> bool:
    return isinstance(operand, Field) and operand.name.startswith(LABEL)


def _is_indexed(term: Term) -> bool:
    return isinstance(term.test, Exists) or isinstance(term.test.right, Literal | Items)


def _all_of(terms: list[Term], labels: Mapping[str, str]) -> Predicate:
    tests = [(compile_condition(term.test, labels), term.negated) for term in terms]
    return lambda alert: all(test(alert) is not negated for test, negated in tests)


def _bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    if mask.bit_count() <= _FEW_BITS:
        while mask:
            low = mask & -mask
            yield low.bit_length() - 1
            mask ^= low
        return
    for place, byte in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        while byte:
            low = byte & -byte
            yield place * 8 + low.bit_length() - 1
            byte ^= low  # noqa: PLW2901  # what is left of it


def _holds(predicate: Predicate, alert: Alert) -> bool:
    try:
        return predicate(alert)
    except Exception:  # noqa: BLE001  # in doubt an alert is delivered rather than lost
        return True


def _no_alert() -> Alert:
    from bridge.alert import Priority, make_alert

    return make_alert(
        time_ns=0, priority=Priority.DEBUG, rule="", source="", hostname="", tags=(), output="", fields={}
    )


_NO_ALERT = _no_alert()
