"""One file that is followed: what of it was read, what of that is decided, and whether it is still the same file."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field

from bridge.sources.files import position as file_position
from bridge.sources.files.position import HEAD, Position
from bridge.sources.line_reader import LineReader, Progress
from bridge.sources.lines import LineSplitter
from bridge.sources.payload import Payload

READ_BYTES = 1 << 18
"""Bytes read in one go."""
_BAD_START = b"\0"
"""What stands in the hole that copytruncate leaves under a writer that does not append."""


@dataclass(slots=True, eq=False)
class Tail:
    """One open file."""

    path: str
    """The name under which it was found, also if it bears another by now."""
    real: str
    descriptor: int
    device: int
    inode: int
    offset: int
    """Everything before it is decided, and in the batch that is committed next if not before."""
    number: int = 0
    """Of the source's files, in the order in which they were found: its part of the checkpoint."""
    watch: int | None = None
    read: int = 0
    """Up to here it was read."""
    seen: int = 0
    """How long it was when last looked at."""
    quiet_since: float = field(default_factory=time.monotonic)
    follows: Tail | None = None
    """The file that bore this name before: it is read to its end first, and may end amid a container's line."""
    line_continues: bool = False
    """The line that it ends amid goes on in another file, and its end is still to come there."""
    line_start: Tail | None = None
    """The file in which the line began that this one goes on with."""
    _lines: LineSplitter = field(default_factory=LineSplitter)
    _reader: LineReader = field(default_factory=LineReader)
    _head: tuple[int, int] = (0, 0)
    """The checksum of the beginning, and of how many bytes."""
    _text: tuple[int, str] = (-1, "")

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from other files."""
        return self.device, self.inode

    def position(self) -> str:
        """For the checkpoint."""
        if self._text[0] != self.offset:
            length, head = self._head
            if length != min(HEAD, self.offset):
                head = file_position.head_of(self.descriptor, self.offset)
            place = Position(self.path, self.device, self.inode, self.offset, head, self.real)
            self._text = self.offset, place.text()
        return self._text[1]

    def was_truncated(self) -> bool:
        """Whether bytes that were read are no longer there, or are others."""
        size = os.fstat(self.descriptor).st_size
        length, checksum = self._head
        if size < self.read or file_position.head_of(self.descriptor, length) != checksum:
            return True
        self.seen = size
        return False

    def position_before(self) -> Position:
        """What was read of it before it was truncated."""
        length, head = self._head
        offset = self.offset if length == HEAD else 0
        return Position(self.path, self.device, self.inode, offset, head, self.real)

    def restart(self) -> int:
        """It was truncated: read from its beginning. Returns how many bytes are known to be lost unread."""
        lost = max(0, self.seen - self.read) + self._lines.waiting
        self.read = self.offset = self.seen = 0
        self.line_continues = False
        self._lines, self._reader = LineSplitter(), LineReader()
        self._head, self._text = (0, 0), (-1, "")
        return lost

    def take(self, received_ns: int, payload: Payload) -> int:
        """Read one piece and add what it brings; how many bytes it was."""
        data = os.pread(self.descriptor, READ_BYTES, self.read)
        if not data:
            return 0
        self.quiet_since = time.monotonic()
        if data.startswith(_BAD_START) and not self._lines.waiting:
            skipped = len(data) - len(data.lstrip(_BAD_START))
            self.read = max(self._end_of_hole(), self.read + skipped)
            self._advance(self.read)
            return skipped
        at = self.read - self._lines.waiting
        self.read += len(data)
        for line in self._lines.feed(data):
            start, at = at, at + line.size
            taken = self._reader.take(line, received_ns, payload)
            if taken is not Progress.CONTINUED:
                self._advance(at if taken is Progress.COMPLETE else start)
        if len(data) < READ_BYTES:
            self._finish_piece(at, received_ns, payload)
        if self._head[0] < HEAD:
            self._head = min(HEAD, self.read), file_position.head_of(self.descriptor, self.read)
        return len(data)

    def end(self, received_ns: int, payload: Payload) -> None:
        """Nothing more will come: what stands behind the last line break is a line too."""
        for line in self._lines.end():
            self._reader.take(line, received_ns, payload)
        self._reader.flush(received_ns, payload)
        self._advance(self.read)

    def hand_over_to(self, successor: Tail) -> None:
        """This file is read to its end, and ``successor`` bears its name now: a container's line may go on there."""
        if self._reader.mid_line:
            successor._reader.adopt(self._reader)  # its own kind
            successor.line_start = self
            self.line_continues = True
        successor.follows = None

    def _finish_piece(self, at: int, received_ns: int, payload: Payload) -> None:
        """For now this is all: a text alert that stands at the end has come whole."""
        if self._lines.waiting:
            return
        self._reader.flush(received_ns, payload)
        if not self._reader.mid_line:
            self._advance(at)

    def _advance(self, offset: int) -> None:
        if not self.line_continues:
            self.offset = offset
        if self.line_start is not None and offset:
            line_start, self.line_start = self.line_start, None
            line_start._line_completed()  # noqa: SLF001

    def _line_completed(self) -> None:
        """The successor has brought the line to its end."""
        self.line_continues = False
        self.offset = self.read - self._lines.waiting

    def _end_of_hole(self) -> int:
        try:
            return os.lseek(self.descriptor, self.read, os.SEEK_DATA)
        except OSError:
            return 0


def open_tail(path: str, name: str, offset: int | None) -> Tail | None:
    """The file at ``path``, found as ``name``, from ``offset`` on (None: its end). None where it is no plain file.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    start = found.st_size if offset is None else offset
    tail = Tail(name, os.path.realpath(path), descriptor, found.st_dev, found.st_ino, start, read=start)
    tail.seen = found.st_size
    tail._head = min(HEAD, start), file_position.head_of(descriptor, start)  # noqa: SLF001  # it is being made
    return tail
