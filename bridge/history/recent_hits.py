"""How often the routes of a journal have matched, counted at most every half minute for all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bridge.common.clocks.times import DAY_NS, SECOND_NS
from bridge.history.hits import HitCount
from bridge.history.index.folder import IndexFolder
from bridge.journal.location import Location, files_of
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import History

WINDOWS = (("1 h", 3600 * SECOND_NS), ("24 h", DAY_NS), ("7 d", 7 * DAY_NS))
_SECONDS = 2.0
"""How long one count may take."""
_FRESH_SECONDS = 30.0
_PAGE = 500


@dataclass(frozen=True, slots=True)
class RouteCount:
    """One route."""

    counts: tuple[int, ...] = (0,) * len(WINDOWS)
    """The alerts that matched it, by window."""
    last_ns: int | None = None
    """When the latest of them was received; None if none is stored, as far as was counted."""


@dataclass(frozen=True, slots=True)
class Counted:
    """All routes, as far as a count came."""

    routes: Mapping[str, RouteCount]
    complete: tuple[bool, ...]
    """By window, whether all its alerts were counted; the figures of others are too small."""
    oldest_ns: int | None
    """When the oldest alert that was counted was received."""
    stopped: bool
    """Whether there are older alerts, which were not counted because the time was up."""
    without_index: int
    """How many of the alerts are not in the history's index."""


@dataclass
class HitCounter:
    """The latest count of one journal."""

    journal: Location
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counted: tuple[float, frozenset[str], Counted] | None = None

    def count(self, routes: Collection[str]) -> Counted:
        """The hits of these routes. Raises JournalError."""
        names = frozenset(routes)
        with self._lock:
            known = self._counted
            if known is None or known[1] != names or time.monotonic() - known[0] > _FRESH_SECONDS:
                known = self._counted = (time.monotonic(), names, self._count(names))
            return known[2]

    def _count(self, names: frozenset[str]) -> Counted:
        journal = open_to_read(self.journal, again=True)
        try:
            return _count(journal.history, IndexFolder(files_of(self.journal)), names)
        finally:
            journal.close()


def _count(history: History, index: IndexFolder, names: frozenset[str]) -> Counted:
    now_ns, deadline = time.time_ns(), time.monotonic() + _SECONDS
    starts = [history.span(now_ns - length_ns).start for _, length_ns in WINDOWS]
    numbers = range(history.first_number(), history.span().stop)
    hits = HitCount(history, index, names, starts).run(numbers, lambda: time.monotonic() < deadline)
    stopped = hits.reached > numbers.start
    lasts = sorted({each.last for each in hits.routes.values() if each.last} | {hits.reached})
    times = _times(history, lasts)
    return Counted(
        {name: RouteCount(tuple(each.counts), times.get(each.last)) for name, each in hits.routes.items()},
        tuple(not stopped or start >= hits.reached for start in starts),
        times.get(hits.reached),
        stopped,
        hits.unindexed,
    )


def _times(history: History, numbers: list[int]) -> dict[int, int]:
    """When the alerts with these numbers were received."""
    return {
        each.number: each.received_ns
        for start in range(0, len(numbers), _PAGE)
        for each in history.numbered(numbers[start : start + _PAGE], decisions=False)
    }
