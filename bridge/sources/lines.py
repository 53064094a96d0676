"""Bytes into lines, bounded: a line without an end must not fill the memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LARGEST_LINE = 8 << 20
"""Bytes."""
_KEPT = 64 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end, and how many bytes of the stream it took."""

    content: bytes
    size: int
    too_long: bool = False
    """The line was longer than LARGEST_LINE: ``content`` is its beginning."""


class LineSplitter:
    """Takes pieces of a stream and gives whole lines."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipped = 0
        """Bytes of a line that is too long and not kept."""

    @property
    def waiting(self) -> int:
        """Bytes of the stream that belong to a line whose end is still to come."""
        return len(self._rest) + self._skipped

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that end in this piece."""
        self._rest += data
        start = 0
        while (end := self._rest.find(b"\n", start)) >= 0:
            yield self._line(bytes(self._rest[start:end]), end + 1 - start)
            start = end + 1
        del self._rest[:start]
        if len(self._rest) > LARGEST_LINE:
            self._skipped += len(self._rest) - _KEPT
            del self._rest[_KEPT:]

    def end(self) -> Iterator[Line]:
        """What came behind the last line break, once the stream has ended."""
        if self._rest:
            yield self._line(bytes(self._rest), len(self._rest))
            self._rest.clear()

    def _line(self, content: bytes, size: int) -> Line:
        skipped, self._skipped = self._skipped, 0
        if skipped or len(content) > LARGEST_LINE:
            return Line(content[:_KEPT], size + skipped, too_long=True)
        return Line(content, size)
