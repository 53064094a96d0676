"""Matches of routes that an owner does not have: they wait for its next routes, then fail."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bridge.routing.partitions.matches import Match
from bridge.routing.router import Router

_WAIT_NS = 15_000_000_000
"""An owner uses the fleet's next routes about a second after the others, on a busy machine some seconds."""
_REPORT_NS = 3600 * 1_000_000_000


class UnknownRoutes:
    """What the routers of an owner do not know. Used by the owner's thread alone.

    The wait is one for each route, not for each match: matches behind these wait too.
    """

    def __init__(self) -> None:
        self._since: dict[bytes, int] = {}
        """When each route, or condition, was first found to be unknown."""
        self._reported: dict[str, int] = {}
        self._log = structlog.get_logger("owner")

    def forget(self) -> None:
        """Another router is used from now on."""
        self._since.clear()

    def should_wait(self, match: Match, routers: Iterable[Router], now_ns: int) -> bool:
        """Whether none of the routers knows all routes of the match, and one may soon."""
        missing = [router.unknown(match) for router in routers]
        if not all(missing):
            return False
        return any(abs(now_ns - self._since.setdefault(each, now_ns)) < _WAIT_NS for each in missing[0])

    def report(self, names: Iterable[str], now_ns: int) -> None:
        """Log once an hour for each route that nothing was decided about it."""
        for name in names:
            last_ns = self._reported.get(name)
            if last_ns is None or abs(now_ns - last_ns) >= _REPORT_NS:
                self._reported[name] = now_ns
                self._log.error(
                    "route unknown; its matches are not decided", route=name,
                    remedy="give all bridges of the fleet the same routes; "
                    "`falco-bridge history --reason failed` lists the alerts",
                )  # fmt: skip
