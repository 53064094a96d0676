"""Finds the routes that match an alert with one lookup per field, whatever the number of routes.

Each condition is split into alternatives (an ``or`` of ``and``s), and each alternative is a bit of the ``Index``. A
column maps each value of its field to the alternatives that the value does not rule out. An alternative that no column
rules out matches. Terms that no column covers (a comparison of two fields, a condition with too many alternatives) are
evaluated as predicates, only for alternatives that no column rules out. The predicates of ``closures`` define the
meaning; the tests check that the matcher agrees with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.program.program import Program, Route
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.index.atom import WakeNeeded
from bridge.matching.index.index import Index
from bridge.matching.index.memo import Memo
from bridge.matching.internal import asks_for_internal

_MAX_SINGLE_BITS = 32
"""Up to this many bits are extracted one by one: each costs time in proportion to the mask's length."""
_CACHE_BYTES = 4 << 20


class Matcher:
    """A compiled program. Replaced as a whole when the routes change. Not thread-safe."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._program = program
        self._labels = labels
        self._index = Index(program, labels)
        self._alive = self._index.alive
        self._ends = frozenset(index for index, route in enumerate(program.routes) if route.drop or route.stop)
        self._scheduled = {index: route.during for index, route in enumerate(program.routes) if route.during}
        self._groups = [route.group for route in program.routes]
        self._fallbacks = {index: route.group for index, route in enumerate(program.routes) if route.fallback}
        self._routes = _Routes(self._index.route_of, self._ends - self._scheduled.keys(), self._groups)

    def match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The indices of the routes that match, in file order, up to the first with ``stop`` or ``drop``. Never raises.

        ``now_ns`` is the time that schedules use, in nanoseconds since the epoch.
        """
        try:
            alive = self._alive(alert)
            if alive & self._index.residual_mask:
                alive = self._without_failed(alive, alert)
        except WakeNeeded:
            return self._wake_and_match(alert, now_ns)
        except Exception:  # noqa: BLE001  # fall back to the predicates; a route whose predicate fails matches
            return self._by_definition(alert, now_ns)
        if not alive:
            return ()
        found = self._routes[alive]
        if self._scheduled and not self._scheduled.keys().isdisjoint(found):
            return self._in_order(found, now_ns)
        return self._without_fallbacks(found)

    def _wake_and_match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """Wake all alternatives that wait for this alert, then match again. The second time none is left to wake."""
        try:
            atoms = self._index.newly_seen(alert)
        except Exception:  # noqa: BLE001  # as in ``match``
            return self._by_definition(alert, now_ns)
        try:
            self._index.wake(atoms)
        except Exception:  # noqa: BLE001  # alternatives may be lost: use the predicates from now on
            self._alive = _unusable
        return self.match(alert, now_ns)

    def _without_failed(self, alive: int, alert: Alert) -> int:
        """Remove the alternatives whose residual predicate is false."""
        residual = self._index.residual
        for bit in _bits(alive & self._index.residual_mask):
            if not _holds(residual[bit], alert):
                alive ^= 1 << bit
        return alive

    def _in_order(self, indices: Iterable[int], now_ns: int) -> tuple[int, ...]:
        """The routes whose schedules hold, up to the first with ``stop`` or ``drop``."""
        scheduled = [each for each in indices if all(one.holds(now_ns) for one in self._scheduled.get(each, ()))]
        return self._without_fallbacks(tuple(up_to_ends(scheduled, self._ends, self._groups)))

    def _without_fallbacks(self, found: tuple[int, ...]) -> tuple[int, ...]:
        """The routes without each ``otherwise`` of a group that another route matched in."""
        if not self._fallbacks or self._fallbacks.keys().isdisjoint(found):
            return found
        matched = {self._groups[index] for index in found if index not in self._fallbacks}
        return tuple(index for index in found if self._fallbacks.get(index) not in matched)

    def _by_definition(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        internal = alert.source == INTERNAL_SOURCE
        return self._in_order(
            (
                index
                for index, route in enumerate(self._program.routes)
                if self._receives(route, internal=internal)
                and (route.when is None or _holds(compile_condition(route.when, self._labels), alert))
            ),
            now_ns,
        )

    def _receives(self, route: Route, *, internal: bool) -> bool:
        return not internal or (route.when is not None and asks_for_internal(route.when))


class _Routes(Memo[int, tuple[int, ...]]):
    """Maps the remaining bits to the routes, up to one that always ends the search. Computed on demand.

    There are far fewer combinations of bits than of values.
    """

    def __init__(self, route_of: Sequence[int], ends: frozenset[int], groups: Sequence[int]) -> None:
        super().__init__(_CACHE_BYTES)
        self._route_of = route_of
        self._ends = ends
        self._groups = groups

    def __missing__(self, alive: int) -> tuple[int, ...]:
        found = sorted({self._route_of[bit] for bit in _bits(alive)})
        if not self._ends.isdisjoint(found):
            found = list(up_to_ends(found, self._ends, self._groups))
        routes = tuple(found)
        self.store(alive, routes, alive.__sizeof__() + routes.__sizeof__())
        return routes


def up_to_ends(found: Iterable[int], ends: Collection[int], groups: Sequence[int]) -> Iterator[int]:
    """The routes, in each group up to the first that ends the search."""
    ended: set[int] = set()
    for index in found:
        group = groups[index]
        if group not in ended:
            yield index
            if index in ends:
                ended.add(group)


def _unusable(_alert: Alert) -> int:
    raise LookupError


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, from the highest."""
    found: list[int] = []
    while mask:
        top = mask.bit_length() - 1
        found.append(top)
        mask ^= 1 << top
        if len(found) > _MAX_SINGLE_BITS:
            digits = bin(mask)
            last = len(digits) - 1
            return found + [last - place for place, digit in enumerate(digits) if digit == "1"]
    return found


def _holds(predicate: Predicate, alert: Alert) -> bool:
    try:
        return predicate(alert)
    except Exception:  # noqa: BLE001  # an alert too many is better than a lost one
        return True
