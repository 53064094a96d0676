"""Which routes match an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.program import During, Program, Route
from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.internal import asks_for_internal


@dataclass(frozen=True, slots=True)
class _Compiled:
    index: int
    predicate: Predicate | None
    """None: every alert."""
    ends: bool
    """Later routes do not see what this one matched."""
    takes_internal: bool
    during: tuple[During, ...]


class Matcher:
    """A program compiled; immutable, to be swapped as a whole."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._routes = [_compiled(index, route, labels) for index, route in enumerate(program.routes)]

    def match(self, alert: Alert, now_ns: int) -> tuple[int, ...]:
        """The indices of the routes that match, in file order, up to one that stops or drops. Never raises.

        ``now_ns`` is the time for schedules, in nanoseconds since the epoch.
        """
        internal = alert.source == INTERNAL_SOURCE
        matched: list[int] = []
        for route in self._routes:
            if internal and not route.takes_internal:
                continue
            if route.during and not all(each.holds(now_ns) for each in route.during):
                continue
            if route.predicate is None or _holds(route.predicate, alert):
                matched.append(route.index)
                if route.ends:
                    break
        return tuple(matched)


def _holds(predicate: Predicate, alert: Alert) -> bool:
    try:
        return predicate(alert)
    except Exception:  # noqa: BLE001  # in doubt an alert is delivered rather than lost
        return True


def _compiled(index: int, route: Route, labels: Mapping[str, str]) -> _Compiled:
    predicate = None if route.when is None else compile_condition(route.when, labels)
    takes_internal = route.when is not None and asks_for_internal(route.when)
    return _Compiled(index, predicate, route.drop or route.stop, takes_internal, route.during)
