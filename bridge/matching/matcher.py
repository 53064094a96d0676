"""Which routes match an alert: bit columns, one look-up a field, whatever the number of routes.

Each condition is taken apart into alternatives (an ``or`` of ``and``s), each of which is a bit. A column knows, for
each value of its field, which alternatives that value does not rule out; the answer is what all columns leave alive.
What no column can tell (two fields compared, too many alternatives) is decided by the condition's own predicate, and
only where all columns leave it alive. The predicates of ``closures`` are the definition; this agrees with them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.condition import Compare, Condition, Exists, Field, Items, Literal, Operand
from bridge.language.kinds import LABEL
from bridge.language.program import Program, Route
from bridge.matching.atom import mask_of
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.column import MEMO_BYTES, Column
from bridge.matching.group import Group, family
from bridge.matching.internal import asks_for_internal
from bridge.matching.normal import Alternative, Key, Term, alternatives
from bridge.matching.reader import Alive, make_reader

_ONE_BY_ONE = range(32)
"""So many bits are taken off one by one: each costs the mask's length."""
_GROUP_BYTES = 12 << 20


class Matcher:
    """A program compiled; to be swapped as a whole. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._program = program
        self._labels = labels
        self._route_of = array("I")
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
        self._ends = frozenset(index for index, route in enumerate(program.routes) if route.drop or route.stop)
        self._scheduled = {index: route.during for index, route in enumerate(program.routes) if route.during}
        self._particular = self._ends | self._scheduled.keys()
        self._seal()

    def match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The indices of the routes that match, in file order, up to one that stops or drops. Never raises.

        ``now_ns`` is the time for schedules, in nanoseconds since the epoch.
        """
        try:
            alive = self._alive(alert)
            if self._residual and alive & self._residual_mask:
                alive = self._decided(alive, alert)
        except Exception:  # noqa: BLE001  # in doubt the definition decides, and in doubt of that the route acts
            return self._by_definition(alert, now_ns)
        if not alive:
            return ()
        routes, last = self._route_of, -1
        found: list[int] = []
        for _ in _ONE_BY_ONE:  # a route's alternatives are neighbours
            if not alive:
                break
            top = alive.bit_length() - 1
            alive ^= 1 << top
            index = routes[top]
            if index != last:
                found.append(index)
                last = index
        else:
            found = sorted({*found, *(routes[bit] for bit in _bits(alive))}, reverse=True)
        found.reverse()
        return tuple(found) if self._particular.isdisjoint(found) else self._in_order(found, now_ns)

    def _decided(self, alive: int, alert: Alert) -> int:
        """Without those alternatives whose own predicate says no."""
        for bit in _bits(alive & self._residual_mask):
            if not _holds(self._residual[bit], alert):
                alive ^= 1 << bit
        return alive

    def _in_order(self, indices: Iterable[int], now_ns: int) -> tuple[int, ...]:
        """Those whose schedule holds, up to the first that ends it."""
        matched: list[int] = []
        for index in indices:
            if all(each.holds(now_ns) for each in self._scheduled.get(index, ())):
                matched.append(index)
                if index in self._ends:
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

    def _seal(self) -> None:
        """All alternatives are known. Columns that ask the most come first: the sooner nothing is left, the better."""
        columns = sorted(self._columns.values(), key=lambda column: -column.constrained)
        for column in columns:
            column.seal(self._every, MEMO_BYTES // len(columns), len(self._route_of))
        self._alive = self._share_out(columns)

    def _share_out(self, columns: list[Column]) -> Alive:
        """Which columns are asked together, and which alone."""
        families: dict[str, list[Column]] = {}
        for column in columns:
            families.setdefault(family(column.place), []).append(column)
        alone = families.pop("", [])
        alone += [each for few in families.values() if len(few) == 1 for each in few]
        together = [many for many in families.values() if len(many) > 1]
        share = _GROUP_BYTES // (len(together) or 1)
        groups = [Group(many, share, len(self._route_of)) for many in together]
        return make_reader(self._every, self._internal, groups, alone)


def _operand(term: Term) -> Operand:
    return term.test.left if isinstance(term.test, Compare) else term.test.operand


def _is_label(operand: Operand) -> bool:
    return isinstance(operand, Field) and operand.name.startswith(LABEL)


def _is_indexed(term: Term) -> bool:
    return isinstance(term.test, Exists) or isinstance(term.test.right, Literal | Items)


def _all_of(terms: list[Term], labels: Mapping[str, str]) -> Predicate:
    tests = [(compile_condition(term.test, labels), term.negated) for term in terms]
    return lambda alert: all(test(alert) is not negated for test, negated in tests)


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, highest first."""
    found: list[int] = []
    while mask:
        top = mask.bit_length() - 1
        found.append(top)
        mask ^= 1 << top
        if len(found) > len(_ONE_BY_ONE):  # bit by bit it would cost their number times the mask's length
            digits = bin(mask)
            last = len(digits) - 1
            return found + [last - place for place, digit in enumerate(digits) if digit == "1"]
    return found


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
