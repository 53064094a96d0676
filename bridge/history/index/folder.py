"""The folder of an index, beside its journal: its segments, and which alerts they cover.

A segment goes with the first of its alerts that is purged, so that no word of a purged alert stays. The rest of its
alerts are then searched in the journal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bridge.history.index.segment import Covered, read_covered
from bridge.journal.protocols import History

_SUFFIX = ".idx"
_FLOOR = "floor"
_Stamp = tuple[int, int, int]
"""Inode, time of the last change and size of a file."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that can be read."""

    path: Path
    covered: Covered


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive numbers of alerts, with the segment that covers them; None without one."""

    numbers: range
    segment: Segment | None


class IndexFolder:
    """The files of an index."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".history")
        self._complete: dict[Path, tuple[_Stamp, Covered]] = {}
        """What complete segments cover, and the files that say so: another process may write a segment again."""

    def segments(self) -> list[Segment]:
        """The segments that can be read, in the order of their numbers."""
        found = [(path, self._covered(path)) for path in self.files()]
        return sorted(
            (Segment(path, covered) for path, covered in found if covered is not None),
            key=lambda each: each.covered.first,
        )

    def pieces(self, numbers: range) -> Iterator[Piece]:
        """The numbers in pieces that one segment covers, or none. The newest come first."""
        high = numbers.stop
        for segment in reversed(self.segments()):
            covered = segment.covered.numbers
            low, stop = max(covered.start, numbers.start), min(covered.stop, high)
            if low >= stop:
                continue
            if stop < high:
                yield Piece(range(stop, high), None)
            yield Piece(range(low, stop), segment)
            high = low
        if high > numbers.start:
            yield Piece(range(numbers.start, high), None)

    def lag(self, numbers: range) -> int:
        """How many of these numbers are not covered and not given up."""
        low = max(numbers.start, self.floor() + 1)
        return sum(len(piece.numbers) for piece in self.pieces(range(low, numbers.stop)) if piece.segment is None)

    def lower_floor(self) -> None:
        """Index from the beginning: the journal is another one."""
        (self.path / _FLOOR).unlink(missing_ok=True)

    def new_path(self, first: int) -> Path:
        """Where a segment that begins with this number is written."""
        return self.path / f"{first:019d}{_SUFFIX}"

    def drop(self, number: int) -> None:
        """Remove the segments that cover alerts up to this number, which was purged. They are not written again."""
        if not self.path.is_dir():
            return
        dropped = [path for path in self.files() if _first_of(path) <= number]
        lasts = [covered.last for path in dropped if (covered := self._covered(path)) is not None]
        self.raise_floor(max([number, *lasts]))
        for path in dropped:
            self.remove(path)

    def remove(self, segment: Path) -> None:
        """Remove one segment; it may be written again."""
        self._complete.pop(segment, None)
        segment.unlink(missing_ok=True)
        segment.with_name(segment.name + "-journal").unlink(missing_ok=True)

    def floor(self) -> int:
        """Up to this number nothing is indexed any more."""
        with suppress(OSError, ValueError):
            return int((self.path / _FLOOR).read_text("ascii"))
        return 0

    def raise_floor(self, number: int) -> None:
        """Index nothing up to this number."""
        if number > self.floor():
            temporary = self.path / f"{_FLOOR}.{os.getpid()}"
            temporary.write_text(str(number), "ascii")
            temporary.replace(self.path / _FLOOR)

    def files(self) -> list[Path]:
        """The files of segments, readable or not."""
        try:
            return [path for path in self.path.iterdir() if path.suffix == _SUFFIX and path.stem.isdigit()]
        except OSError:
            return []

    def _covered(self, path: Path) -> Covered | None:
        try:
            status = path.stat()
        except OSError:
            return None
        stamp = status.st_ino, status.st_mtime_ns, status.st_size
        known = self._complete.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        covered = read_covered(path)
        if covered is not None and not covered.boot:
            self._complete[path] = stamp, covered
        return covered


def own_segments(segments: Iterable[Segment], history: History) -> frozenset[Path]:
    """Those that were made of this journal: of another one, their numbers mean other alerts. Asks it once for all."""
    ids = {each.path: (each.covered.newest, each.covered.newest_id) for each in segments}
    stored = history.ids([newest for newest, _ in ids.values() if newest])
    return frozenset(path for path, (newest, its_id) in ids.items() if not newest or stored.get(newest) == its_id)


def _first_of(path: Path) -> int:
    return int(path.stem)
