"""The routes of the files and of the running bridge, with how often each has matched, for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.console.backtest.messages import Examined, Failed
from bridge.console.backtest.runs import Backtests
from bridge.history.recent_hits import Counted, HitCounter, RouteCount
from bridge.operator.model.status import RouteStatus

_MOST_ROUTES = 1000


@dataclass(frozen=True, slots=True)
class ListedRoute:
    """A route with its hits."""

    route: str
    decisions: Mapping[str, int]
    """Since the bridge started, by reason."""
    hits: RouteCount
    is_running: bool = True
    """Whether the bridge uses it."""
    file: str = ""
    """Where it is on the disk; empty if it is not there."""
    shadowed: str = ""
    """Why it can never match."""


@dataclass(frozen=True, slots=True)
class RouteList:
    """All routes: those on the disk in the order of the files, then those that only the bridge still uses."""

    rows: Sequence[ListedRoute]
    counted: Counted
    not_examined: str = ""
    """Why the files were not examined."""
    more: int = 0
    """How many routes are left out."""


def list_routes(
    running: Sequence[RouteStatus], backtests: Backtests, hits: HitCounter, seconds: float | None = None
) -> RouteList:
    """``running`` are the routes of the bridge. ``seconds`` is how long the files may take. Raises JournalError."""
    examined = backtests.examined() if seconds is None else backtests.examined_within(seconds)
    on_disk = {each.name: each for each in examined.routes} if isinstance(examined, Examined) else {}
    decisions = {each.route: each.decisions for each in running}
    every = list(dict.fromkeys((*on_disk, *decisions)))
    names = every[:_MOST_ROUTES]
    counted = hits.count(names)
    rows = []
    for name in names:
        found = on_disk.get(name)
        file, shadowed = ("", "") if found is None else (found.path, found.shadowed)
        rows.append(ListedRoute(name, decisions.get(name, {}), counted.routes[name], name in decisions, file, shadowed))
    return RouteList(
        rows, counted, examined.text if isinstance(examined, Failed) else "", max(0, len(every) - _MOST_ROUTES)
    )
