"""Splits a stream of bytes into lines of bounded length. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 8 << 20
_PREFIX_BYTES = 64 << 10
"""How much of a line that is too long is stored."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line without its line break, and the number of bytes that it took in the stream."""

    content: bytes
    size: int
    too_long: bool = False
    """The line was longer than MAX_LINE_BYTES; ``content`` is its beginning."""


class LineSplitter:
    """Takes pieces of a stream and yields complete lines."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipped = 0
        """Dropped bytes of a line that is too long."""

    @property
    def waiting(self) -> int:
        """The bytes of the stream that belong to an incomplete line."""
        return len(self._rest) + self._skipped

    def feed(self, data: bytes) -> Iterator[RawLine]:
        """Yield the lines that end in this piece."""
        self._rest += data
        start = 0
        while (end := self._rest.find(b"\n", start)) >= 0:
            yield self._line(bytes(self._rest[start:end]), end + 1 - start)
            start = end + 1
        del self._rest[:start]
        if len(self._rest) > MAX_LINE_BYTES:
            self._skipped += len(self._rest) - _PREFIX_BYTES
            del self._rest[_PREFIX_BYTES:]

    def end(self) -> Iterator[RawLine]:
        """The stream has ended: yield the bytes after the last line break as a line."""
        if self._rest:
            yield self._line(bytes(self._rest), len(self._rest))
            self._rest.clear()

    def _line(self, content: bytes, size: int) -> RawLine:
        skipped, self._skipped = self._skipped, 0
        if skipped or len(content) > MAX_LINE_BYTES:
            return RawLine(content[:_PREFIX_BYTES], size + skipped, too_long=True)
        return RawLine(content, size)
