"""Follows files that Falco, or a container's runtime, writes: through renames, restarts and truncations.

How far each file was read is committed with what was read, so that a restart neither repeats nor leaves out a line.
Files are looked at four times a second; that is cheap, works on every file system, and misses nothing.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from glob import glob
from typing import Literal

import structlog

from bridge.sources import file_position
from bridge.sources.contract import Accept, SourceState
from bridge.sources.file_position import Position
from bridge.sources.line_batch import LineBatch
from bridge.sources.lines import LineSplitter
from bridge.sources.state import StateKeeper

_PIECE = 1 << 18
_LOOK_SECONDS = 0.25
_MOST_IN_A_BATCH = 1000
_LINGER_SECONDS = 10.0
"""A file that was renamed is read on for so long after its last line: its writer reopens late."""

From = Literal["start", "end"]


@dataclass(slots=True)
class _Tail:
    """One open file."""

    path: str
    descriptor: int
    device: int
    inode: int
    offset: int
    """Everything before it is in the journal."""
    read: int = 0
    """Up to here it was read."""
    splitter: LineSplitter = field(default_factory=LineSplitter)
    batch: LineBatch = field(default_factory=LineBatch)
    last_read: float = 0.0

    def position(self) -> Position:
        """For the checkpoint."""
        head = file_position.head_of(self.descriptor, self.offset)
        return Position(self.path, self.device, self.inode, self.offset, head)


class FileSource:
    """Follows every file that a pattern names. ``checkpoint`` is what the journal has kept of it."""

    def __init__(self, name: str, pattern: str, checkpoint: str | None = None, begin: From = "end") -> None:
        self.name = name
        self._pattern = pattern
        self._known = file_position.read(checkpoint)
        self._begin: From = "start" if checkpoint is not None else begin
        self._tails: list[_Tail] = []
        self._stop = threading.Event()
        self._cancelled = threading.Event()
        self._told: set[str] = set()
        self._state = StateKeeper(name)
        self._log = structlog.get_logger("file")

    def run(self, accept: Accept) -> None:
        """Follow until stopped; then what stands in the files by that time is read."""
        accept = self._state.counting(accept)
        self._resume()
        self._state.connected()
        try:
            while not self._cancelled.is_set():
                stopping = self._stop.is_set()
                self._look()
                read = [self._read(tail, accept) for tail in self._tails]
                if not any(read):
                    if stopping:
                        return
                    self._stop.wait(_LOOK_SECONDS)
        finally:
            for tail in self._tails:
                os.close(tail.descriptor)
            self._tails.clear()

    def stop(self) -> None:
        """Read what is there, and leave. Nothing is lost: the rest is read at the next start."""
        self._stop.set()

    def cancel(self) -> int:
        """Leave at once. Nothing is lost by that."""
        self._stop.set()
        self._cancelled.set()
        return 0

    def state(self) -> tuple[SourceState, ...]:
        """Following since, and how many files."""
        self._state.note(f"{len(self._tails)} files")
        return (self._state.now(),)

    # Which files

    def _resume(self) -> None:
        """Go on with what the journal knows, also of files that were renamed meanwhile."""
        for position in self._known:
            path = file_position.find(position)
            if path is None:
                self._log.warning("a file is gone that was not read to its end", source=self.name, path=position.path)
            else:
                self._open(str(path), position.path, position.offset)

    def _look(self) -> None:
        """Open what is new; let go of what was renamed and has fallen silent."""
        now = time.monotonic()
        current: set[tuple[int, int]] = set()
        for path in sorted(glob(self._pattern)):  # noqa: PTH207  # Path.glob takes no absolute patterns
            try:
                found = os.stat(path)  # noqa: PTH116  # called for every file, four times a second
            except OSError:
                continue
            key = found.st_dev, found.st_ino
            current.add(key)
            if not any((tail.device, tail.inode) == key for tail in self._tails):
                self._open(path, path, found.st_size if self._begin == "end" else 0)
        self._begin = "start"  # what comes later is new from its beginning
        for tail in [tail for tail in self._tails if (tail.device, tail.inode) not in current]:
            if now - tail.last_read > _LINGER_SECONDS:
                os.close(tail.descriptor)
                self._tails.remove(tail)

    def _open(self, path: str, name: str, offset: int) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if path not in self._told:
                self._told.add(path)
                self._log.warning(
                    "a file cannot be read", source=self.name, path=path, problem=error.strerror,
                    remedy="let the bridge's user read it",
                )  # fmt: skip
            return
        self._told.discard(path)
        found = os.fstat(descriptor)
        self._tails.append(
            _Tail(name, descriptor, found.st_dev, found.st_ino, offset, offset, last_read=time.monotonic())
        )

    # Reading

    def _read(self, tail: _Tail, accept: Accept) -> bool:
        """Read one piece and commit what it brought; whether there was any."""
        self._notice_truncation(tail)
        data = os.pread(tail.descriptor, _PIECE, tail.read)
        if not data:
            return False
        tail.last_read = time.monotonic()
        received_ns = time.time_ns()
        at = tail.read - tail.splitter.waiting
        tail.read += len(data)
        for line in tail.splitter.feed(data):
            tail.batch.take(line, received_ns)
            at += line.size
            if not tail.batch.amid_a_line:
                tail.offset = at
                if tail.batch.size >= _MOST_IN_A_BATCH:
                    self._hand_over(tail, received_ns, accept)
        self._hand_over(tail, received_ns, accept)
        return True

    def _hand_over(self, tail: _Tail, received_ns: int, accept: Accept) -> None:
        checkpoint = file_position.write([each.position() for each in self._tails])
        accept(tail.batch.hand_over(self.name, received_ns, checkpoint))

    def _notice_truncation(self, tail: _Tail) -> None:
        """What copytruncate took away before it was read is gone; go on from the beginning."""
        size = os.fstat(tail.descriptor).st_size
        if size >= tail.read:
            return
        self._log.warning(
            "a file was truncated; lines that were written shortly before may be lost", source=self.name,
            path=tail.path, remedy="let logrotate rename it and send Falco SIGUSR1 instead of copytruncate",
        )  # fmt: skip
        tail.read = tail.offset = 0
        tail.splitter, tail.batch = LineSplitter(), LineBatch()
