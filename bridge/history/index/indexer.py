"""Brings the index up to the journal, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path

import structlog

from bridge.common.clocks.times import DAY_NS
from bridge.history.index.folder import IndexFolder, Segment, own_segments
from bridge.history.index.segment import DAMAGED, Covered, SegmentWriter
from bridge.history.index.terms import terms_text
from bridge.journal.protocols import History
from bridge.journal.records import RecordedAlert

BATCH = 1000
SEGMENT_ALERTS = 100_000
"""A segment ends with its day, or with this many alerts."""


class Indexer:
    """Writes the index of one journal. Only one at a time."""

    def __init__(
        self,
        history: History,
        folder: IndexFolder,
        boot: str,
        segment_alerts: int = SEGMENT_ALERTS,
        batch: int = BATCH,
    ) -> None:
        """``boot`` identifies this run of the machine. Segments that another one left incomplete are removed."""
        self._history = history
        self._folder = folder
        self._boot = boot
        self._segment_alerts = segment_alerts
        self._batch = batch
        self._writer: SegmentWriter | None = None
        self._indexed = 0
        """The number after the last alert when nothing was left to index."""
        self.fails = False
        """Whether the last step could not write the index, as on a full disk: try again after a pause."""
        self._log = structlog.get_logger("history")
        folder.path.mkdir(mode=0o700, exist_ok=True)
        self._check()

    def step(self) -> int:
        """Index up to a batch of alerts. Returns how many numbers are left. Raises JournalError, OSError."""
        numbers = self._history.decided_span()
        if numbers.stop == self._indexed:
            return 0
        gaps = self._gaps()
        if not gaps:
            self._indexed = numbers.stop
            return 0
        gap = gaps[-1] if self._open_at(gaps[-1].start) is not None else gaps[0]
        alerts = list(islice(self._history.read(gap), self._batch))
        try:
            if alerts:
                self._add(alerts, gap, is_last=gap is gaps[-1])
            else:  # all of them were purged
                self._folder.raise_floor(gap.stop - 1)
            self.fails = False
        except DAMAGED as error:
            if not self.fails:
                self._log.warning("index not written; retrying", problem=str(error))
            self.fails = True
            self._abandon()
        return sum(len(each) for each in self._gaps())

    def close(self) -> None:
        """Close the segment that is being written; the next indexer continues it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _check(self) -> None:
        """Remove what is of no use, and the oldest segment if some of its alerts were purged.

        That is what a lost machine may have damaged, and what was made of another journal: one that was deleted, or
        that a backup replaced.
        """
        segments = self._folder.segments()
        readable = {each.path for each in segments}
        for path in self._folder.files():
            if path not in readable:
                self._folder.remove(path)
        for each in segments:
            if each.covered.boot not in {"", self._boot}:
                self._folder.remove(each.path)
        segments = self._folder.segments()
        own, first_number = own_segments(segments, self._history), self._history.first_number()
        # One whose alerts are purged is not of interest here.
        others = [each for each in segments if each.path not in own and each.covered.newest >= first_number]
        for each in others:
            self._folder.remove(each.path)
        if self._folder.floor() >= self._history.span().stop:
            self._folder.lower_floor()
        if others:
            self._log.info("index of another journal removed", segments=len(others))
        first = self._folder.segments()[:1]
        if first and self._history.count(first[0].covered.numbers) < first[0].covered.alerts:
            self._folder.drop(first[0].covered.first)

    def _gaps(self) -> list[range]:
        """The numbers of alerts that no segment covers, above the floor, the oldest first."""
        numbers = self._history.decided_span()
        low = max(numbers.start, self._folder.floor() + 1, self._history.first_number())
        pieces = list(self._folder.pieces(range(low, numbers.stop)))
        return [piece.numbers for piece in reversed(pieces) if piece.segment is None]

    def _open_at(self, number: int) -> Segment | None:
        for each in self._folder.segments():
            if each.covered.boot and each.covered.last + 1 == number:
                return each
        return None

    def _add(self, alerts: list[RecordedAlert], gap: range, *, is_last: bool) -> None:
        """Add the first alerts of a gap to a segment, as far as they belong to it."""
        writer = self._writer_for(gap.start, alerts[0].received_ns // DAY_NS)
        limit = writer.covered.first + self._segment_alerts
        fitting = list(
            takewhile(lambda each: each.number < limit and each.received_ns // DAY_NS == writer.covered.day, alerts)
        )
        whole = len(fitting) == len(alerts) < self._batch
        if fitting:
            last = gap.stop - 1 if whole else fitting[-1].number
            writer.add([(each.number, terms_text(each)) for each in fitting], last, fitting[-1].alert.id)
        if len(fitting) < len(alerts) or (whole and not is_last):
            self._complete()
        if self._folder.floor() >= writer.covered.first:  # they were purged meanwhile
            self.close()
            self._folder.drop(self._folder.floor())

    def _writer_for(self, number: int, day: int) -> SegmentWriter:
        """The segment that an alert is added to: the open one, or a new one."""
        writer = self._writer
        if writer is not None and (writer.covered.last + 1 != number or not writer.path.exists()):
            self.close()
        if self._writer is None:
            found = self._open_at(number)
            path = self._folder.new_path(number) if found is None else found.path
            covered = Covered(number, number - 1, day, 0, self._boot) if found is None else found.covered
            self._writer = SegmentWriter(path, covered)
        return self._writer

    def _complete(self) -> None:
        if self._writer is not None:
            self._writer.complete()
            self._writer = None

    def _abandon(self) -> None:
        """Remove the segment that cannot be written."""
        if self._writer is not None:
            with suppress(*DAMAGED):
                self._writer.close()
            self._folder.remove(self._writer.path)
            self._writer = None


def boot_id(read: Callable[[Path], str] = Path.read_text) -> str:
    """What identifies this run of the machine; another text on every call where the machine does not say."""
    try:
        return read(Path("/proc/sys/kernel/random/boot_id")).strip()
    except OSError:
        import secrets

        return secrets.token_hex(16)
