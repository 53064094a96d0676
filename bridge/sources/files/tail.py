"""One followed file: how far it was read, how far its lines are decided, and whether it was truncated."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field

from bridge.sources.files import position as file_position
from bridge.sources.files.position import HEAD_BYTES, Position
from bridge.sources.line_reader import LineReader, Progress
from bridge.sources.lines import LineSplitter
from bridge.sources.payload import Payload

READ_BYTES = 1 << 18
"""The size of one piece."""
_HOLE = b"\0"
"""The content of the hole that copytruncate leaves if the writer does not append."""


@dataclass(slots=True, eq=False)
class Tail:
    """One open file."""

    path: str
    """The name under which it was found. It may have been renamed since."""
    real: str
    descriptor: int
    device: int
    inode: int
    offset: int
    """Everything before it is decided: committed, or part of the next batch."""
    number: int = 0
    """Its part of the checkpoint: the source's files are numbered in the order in which they were found."""
    watch: int | None = None
    read: int = 0
    """The offset up to which it was read."""
    written_ns: int = 0
    """When it was last written, as of the last read."""
    seen: int = 0
    """Its size at the last check."""
    quiet_since: float = field(default_factory=time.monotonic)
    follows: Tail | None = None
    """The previous file of this name. It is read to its end first, and may end within a container's line."""
    line_continues: bool = False
    """Its last line continues in the next file, where its end has not been read."""
    line_start: Tail | None = None
    """The file in which this file's first line began."""
    _lines: LineSplitter = field(default_factory=LineSplitter)
    _reader: LineReader = field(default_factory=LineReader)
    _head: tuple[int, int] = (0, 0)
    """The length and the checksum of its beginning, up to HEAD_BYTES."""
    _text: tuple[int, str] = (-1, "")

    @property
    def key(self) -> tuple[int, int]:
        """Its device and inode."""
        return self.device, self.inode

    def position(self) -> str:
        """Its position, in the form that is stored in the checkpoint."""
        if self._text[0] != self.offset:
            self._text = self.offset, self.known_position().text()
        return self._text[1]

    def resume_at(self, position: Position) -> None:
        """Keep the position of an earlier run, which need not be committed again, until the file is read."""
        self.real = position.real or self.real
        self._text = position.offset, position.text()

    def known_position(self) -> Position:
        """Its position in the content that was read or identified, which a truncation may have removed since."""
        length, head = self._head
        return Position(self.path, self.device, self.inode, self.offset, head, self.real, self.written_ns, length)

    def was_truncated(self) -> bool:
        """Whether the file no longer holds the bytes that were read or identified."""
        found = os.fstat(self.descriptor)
        length, checksum = self._head
        if found.st_size < max(self.read, length) or file_position.head_of(self.descriptor, length) != checksum:
            return True
        self.seen, self.written_ns = found.st_size, found.st_mtime_ns
        return False

    def identify(self, size: int) -> None:
        """Remember the beginning of a file of this size, so that a copy of it can be recognized before it is read."""
        if self._head[0] < min(size, HEAD_BYTES) and not self.was_truncated():
            self._head = file_position.head_of_file(self.descriptor)
            self._text = (-1, "")

    def reset(self) -> int:
        """Start again at the beginning of a truncated file. Returns the number of bytes known to be lost."""
        lost = max(0, self.seen - self.read) + self._lines.waiting
        self.read = self.offset = self.seen = 0
        self.line_continues = False
        self._lines, self._reader = LineSplitter(), LineReader()
        self._head, self._text = (0, 0), (-1, "")
        return lost

    def take(self, received_ns: int, payload: Payload) -> int:
        """Read one piece and add its alerts to the payload. Returns the number of bytes read."""
        data = file_position.read_bytes(self.descriptor, READ_BYTES, self.read)
        if not data:
            return 0
        self.quiet_since = time.monotonic()
        if data.startswith(_HOLE) and not self._lines.waiting:
            skipped = len(data) - len(data.lstrip(_HOLE))
            self.read = max(self._end_of_hole(), self.read + skipped)
            self._advance(self.read)
            return skipped
        if self.read == 0:
            self._head = file_position.head_of_data(data)
        at = self.read - self._lines.waiting
        self.read += len(data)
        for line in self._lines.feed(data):
            start, at = at, at + line.size
            progress = self._reader.take(line, received_ns, payload)
            if progress is not Progress.CONTINUED:
                self._advance(at if progress is Progress.COMPLETE else start)
        if len(data) < READ_BYTES:
            self._finish_piece(at, received_ns, payload)
        if self._head[0] < HEAD_BYTES:
            self._head = file_position.head_of_file(self.descriptor)
        return len(data)

    def end(self, received_ns: int, payload: Payload) -> None:
        """The file is finished: the bytes after the last line break are a line."""
        for line in self._lines.end():
            self._reader.take(line, received_ns, payload)
        self._reader.end(received_ns, payload)
        self._advance(self.read)

    def hand_over_to(self, successor: Tail) -> None:
        """This file is read to its end. A container's line at its end may continue in ``successor``."""
        if self._reader.mid_line:
            successor._reader.adopt(self._reader)  # same class
            successor.line_start = self
            self.line_continues = True
        successor.follows = None

    def _finish_piece(self, at: int, received_ns: int, payload: Payload) -> None:
        """The end of the file is reached for now: a text alert at the end is complete."""
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
        """The next file has reached the end of the line."""
        self.line_continues = False
        self.offset = self.read - self._lines.waiting

    def _end_of_hole(self) -> int:
        try:
            return os.lseek(self.descriptor, self.read, os.SEEK_DATA)
        except OSError:
            return 0


def open_tail(path: str, name: str, offset: int | None) -> Tail | None:
    """Open the file at ``path``, found as ``name``, at ``offset`` (None: its end). None if it is not a regular file.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    start = found.st_size if offset is None else offset
    tail = Tail(name, os.path.realpath(path), descriptor, found.st_dev, found.st_ino, start, read=start)
    tail.seen, tail.written_ns = found.st_size, found.st_mtime_ns
    tail._head = file_position.head_of_file(descriptor)  # noqa: SLF001  # under construction
    return tail
