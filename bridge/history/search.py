"""Finds the alerts that are wanted, the newest first. With an index it reads only alerts that may be wanted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge

from bridge.history.index.folder import IndexFolder, Piece, Segment, own_segments
from bridge.history.index.plan import plan
from bridge.history.index.query import EVERYTHING, Query
from bridge.history.index.segment import DAMAGED, SegmentReader
from bridge.history.wanted import Wanted
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert
from bridge.matching.fields import fields_of

Progress = Callable[[int, int], None]
"""Called now and then with how many alerts of how many have been searched."""
_REPORT_EVERY = 1000
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Search:
    """A search over one journal."""

    history: History
    index: IndexFolder | None = None

    def newest(
        self, wanted: Wanted, numbers: range, progress: Progress = lambda _done, _all: None
    ) -> Iterator[RecordedAlert]:
        """The wanted alerts with these numbers, the newest first."""
        found = self._decided(wanted, numbers, progress)
        return merged(found, self._sent_later(wanted, numbers)) if wanted.channel else found

    def _sent_later(self, wanted: Wanted, numbers: range) -> Iterator[RecordedAlert]:
        """Those that a digest, a summary or an escalation brought to the channel: no decision names it."""
        rest = replace(wanted, channel="")
        sent = [number for number in self.history.sent_later(wanted.channel, wanted.route) if number in numbers]
        for start in range(0, len(sent), _PAGE):
            yield from filter(rest.holds, self.history.numbered(sent[start : start + _PAGE]))

    def _decided(self, wanted: Wanted, numbers: range, progress: Progress) -> Iterator[RecordedAlert]:
        """Those with a wanted stored decision, if one is asked for."""
        query = EVERYTHING if self.index is None else plan(wanted)
        if self.index is None or query == EVERYTHING:
            pieces = [Piece(numbers, None)]
        else:
            pieces = list(self.index.pieces(numbers))
        own = own_segments([each.segment for each in pieces if each.segment is not None], self.history)
        for piece in pieces:
            rest = piece.numbers
            if piece.segment is not None and piece.segment.path in own:
                rest = yield from self._from_segment(
                    wanted, query, piece.segment, rest, lambda number: progress(numbers.stop - number, len(numbers))
                )
            if rest:  # else the segment has found everything
                yield from self._read(wanted, rest, lambda number: progress(numbers.stop - number, len(numbers)))
            progress(numbers.stop - piece.numbers.start, len(numbers))

    def _read(self, wanted: Wanted, numbers: range, at: Callable[[int], None]) -> Iterator[RecordedAlert]:
        """The wanted alerts with these numbers, found without the index."""
        if wanted.predicate is not None and wanted.condition is not None and not wanted.words:
            found = self.history.scan(numbers, wanted.holds_for_alert, fields_of(wanted.condition), at)
            yield from (each for each in found if wanted.holds_for_decisions(each.decisions))
            return
        for count, each in enumerate(self.history.read(numbers, newest_first=True), 1):
            if count % _REPORT_EVERY == 0:
                at(each.number)
            if wanted.holds(each):
                yield each

    def _from_segment(
        self, wanted: Wanted, query: Query, segment: Segment, numbers: range, at: Callable[[int], None]
    ) -> Generator[RecordedAlert, None, range]:
        """What the segment finds. Returns the numbers that are to be searched without it, as it may be removed."""
        rest = numbers
        try:
            reader = SegmentReader(segment.path)
        except DAMAGED:
            return rest
        try:
            pages = reader.candidates(query, numbers) if reader.covers(numbers) else None
            if pages is None:
                return rest
            for page in pages:
                for each in self.history.numbered(page):
                    if wanted.holds(each):
                        yield each
                rest = range(numbers.start, page[-1])
                at(page[-1])
        except DAMAGED:
            return rest
        finally:
            reader.close()
        return range(0)


def merged(*found: Iterable[RecordedAlert]) -> Iterator[RecordedAlert]:
    """Alerts that several searches found, the newest first, each once."""
    last = None
    for each in merge(*found, key=lambda each: each.number, reverse=True):
        if each.number != last:
            yield each
        last = each.number
