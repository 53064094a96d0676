"""Which routes match an alert: bit columns, one look-up a field, whatever the number of routes.

Each condition is taken apart into alternatives (an ``or`` of ``and``s), each of which is a bit of the ``Index``. A
column knows, for each value of its field, which alternatives that value does not rule out; the answer is what all
columns leave alive. What no column can tell (two fields compared, too many alternatives) is decided by the condition's
own predicate, and only where all columns leave it alive. The predicates of ``closures`` are the definition; this
agrees with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.program.program import Program, Route
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.index.atom import WakeNeeded
from bridge.matching.index.index import Index
from bridge.matching.index.memo import Memo
from bridge.matching.internal import asks_for_internal

_ONE_BY_ONE = 32
"""So many bits are taken off one by one: each costs the mask's length."""
_REMEMBERED_BYTES = 4 << 20


class Matcher:
    """A program compiled; to be swapped as a whole. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._program = program
        self._labels = labels
        self._index = Index(program, labels)
        self._alive = self._index.alive
        self._ends = frozenset(index for index, route in enumerate(program.routes) if route.drop or route.stop)
        self._scheduled = {index: route.during for index, route in enumerate(program.routes) if route.during}
        self._routes = _Routes(self._index.route_of, self._ends - self._scheduled.keys())

    def match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The indices of the routes that match, in file order, up to one that stops or drops. Never raises.

        ``now_ns`` is the time for schedules, in nanoseconds since the epoch.
        """
        try:
            alive = self._alive(alert)
            if alive & self._index.residual_mask:
                alive = self._decided(alive, alert)
        except WakeNeeded:
            return self._woken(alert, now_ns)
        except Exception:  # noqa: BLE001  # in doubt the definition decides, and in doubt of that the route acts
            return self._by_definition(alert, now_ns)
        if not alive:
            return ()
        found = self._routes[alive]
        if self._scheduled and not self._scheduled.keys().isdisjoint(found):
            return self._in_order(found, now_ns)
        return found

    def _woken(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The alert asked again, with those awake whom it stirs: all at once, so that it stirs none the second time."""
        try:
            atoms = self._index.stirred(alert)
        except Exception:  # noqa: BLE001  # as in ``match``
            return self._by_definition(alert, now_ns)
        try:
            self._index.wake(atoms)
        except Exception:  # noqa: BLE001  # some may sleep for ever now: from here on the definition decides
            self._alive = _in_doubt
        return self.match(alert, now_ns)

    def _decided(self, alive: int, alert: Alert) -> int:
        """Without those alternatives whose own predicate says no."""
        residual = self._index.residual
        for bit in _bits(alive & self._index.residual_mask):
            if not _holds(residual[bit], alert):
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


class _Routes(Memo[int, tuple[int, ...]]):
    """A mapping of the bits that are left to the routes, up to one that always ends it; fills itself.

    What is left is of far fewer kinds than what is asked.
    """

    def __init__(self, route_of: Sequence[int], ends: frozenset[int]) -> None:
        super().__init__(_REMEMBERED_BYTES)
        self._route_of = route_of
        self._ends = ends

    def __missing__(self, alive: int) -> tuple[int, ...]:
        found = sorted({self._route_of[bit] for bit in _bits(alive)})
        if not self._ends.isdisjoint(found):
            last = next(place for place, index in enumerate(found) if index in self._ends)
            del found[last + 1 :]
        routes = tuple(found)
        self.keep(alive, routes, alive.__sizeof__() + routes.__sizeof__())
        return routes


def _in_doubt(_alert: Alert) -> int:
    raise LookupError


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, highest first."""
    found: list[int] = []
    while mask:
        top = mask.bit_length() - 1
        found.append(top)
        mask ^= 1 << top
        if len(found) > _ONE_BY_ONE:  # bit by bit it would cost their number times the mask's length
            digits = bin(mask)
            last = len(digits) - 1
            return found + [last - place for place, digit in enumerate(digits) if digit == "1"]
    return found


def _holds(predicate: Predicate, alert: Alert) -> bool:
    try:
        return predicate(alert)
    except Exception:  # noqa: BLE001  # in doubt an alert is delivered rather than lost
        return True
