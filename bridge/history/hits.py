"""Counts how often each route has matched: by the index where it covers, by the stored decisions elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from bridge.history.index.folder import IndexFolder, Piece, Segment, own_segments
from bridge.history.index.segment import DAMAGED, SegmentReader
from bridge.history.index.terms import ROUTE, exact_term
from bridge.journal.protocols import History

_CHECK_EVERY = 500


@dataclass(slots=True)
class RouteHits:
    """The alerts that one route has decided about, with any decision."""

    counts: list[int]
    """For each start: those with that number or a greater one."""
    last: int = 0
    """The number of the latest one; 0 if there is none."""


@dataclass(slots=True)
class Hits:
    """The alerts that routes have decided about."""

    routes: dict[str, RouteHits] = field(default_factory=dict)
    reached: int = 0
    """The smallest number that was counted. Alerts with smaller numbers were not, because the time was up."""
    unindexed: int = 0
    """How many numbers were counted without the index."""


class _TimeIsUpError(Exception):
    """The count has had its time."""


class HitCount:
    """One count over a journal, from the newest alert to the oldest. Routes with the same hash count together."""

    def __init__(
        self, history: History, index: IndexFolder | None, routes: Collection[str], starts: Sequence[int]
    ) -> None:
        """``starts`` are numbers of alerts, the greatest first."""
        self._history = history
        self._index = index
        self._starts = starts
        self.hits = Hits({route: RouteHits([0] * len(starts)) for route in routes})

    def run(self, numbers: range, may_continue: Callable[[], bool]) -> Hits:
        """Count alerts with these numbers, while it may continue."""
        self.hits.reached = numbers.stop
        pieces = [Piece(numbers, None)] if self._index is None else list(self._index.pieces(numbers))
        own = own_segments([each.segment for each in pieces if each.segment is not None], self._history)
        try:
            for piece in pieces:
                if (
                    piece.segment is None
                    or piece.segment.path not in own
                    or not self._by_segment(piece, piece.segment, may_continue)
                ):
                    self._by_decisions(piece.numbers, may_continue)
                self.hits.reached = piece.numbers.start
        except _TimeIsUpError:
            pass  # `reached` says how far the counts go
        return self.hits

    def _by_segment(self, piece: Piece, segment: Segment, may_continue: Callable[[], bool]) -> bool:
        """Whether the segment is still there, and as it was."""
        recent = piece.numbers.stop > min(self._starts, default=0)
        found: list[tuple[RouteHits, list[int], int]] = []
        try:
            reader = SegmentReader(segment.path)
            try:
                if not reader.covers(piece.numbers):
                    return False
                for route, hits in self.hits.routes.items():
                    if not may_continue():
                        raise _TimeIsUpError
                    term = exact_term(ROUTE, route)
                    if recent:
                        found.append((hits, *reader.hits(term, piece.numbers, self._starts)))
                    elif not hits.last:
                        found.append((hits, [], reader.newest(term, piece.numbers)))
            finally:
                reader.close()
        except DAMAGED:  # it was removed, because one of its alerts was purged
            return False
        for hits, counts, last in found:
            for index, count in enumerate(counts):
                hits.counts[index] += count
            hits.last = max(hits.last, last)
        return True

    def _by_decisions(self, numbers: range, may_continue: Callable[[], bool]) -> None:
        routes, starts = self.hits.routes, list(enumerate(self._starts))
        for checked, (number, decisions) in enumerate(self._history.decided(numbers)):
            if checked % _CHECK_EVERY == 0 and not may_continue():
                raise _TimeIsUpError
            for name in {decision.route for decision in decisions}:
                hits = routes.get(name)
                if hits is not None:
                    hits.last = max(hits.last, number)
                    for index, start in starts:
                        hits.counts[index] += number >= start
            self.hits.reached = number
            self.hits.unindexed += 1
