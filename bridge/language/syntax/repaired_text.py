"""A source text with edits, so that parsing continues after an error. Maps its offsets back to the source."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace

from bridge.language.diagnostics.source import SourceText, Span


@dataclass(frozen=True, slots=True)
class _Part:
    """A range of the repaired text: copied from the source, or inserted in place of a range of it."""

    start: int
    length: int
    source_start: int
    source_length: int
    copied: bool


@dataclass(slots=True)
class RepairedText:
    """The text to parse. Spans always refer to the source."""

    source: SourceText
    text: str = ""
    edited: bool = False
    _parts: list[_Part] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = self.source.text
        self._parts = [_Part(0, len(self.text), 0, len(self.text), copied=True)]

    def replace(self, start: int, end: int, inserted: str) -> None:
        """Replace a range of the repaired text."""
        source_start = self.source_offset(start)
        source_length = self.source_offset(end) - source_start
        kept = [*self._cut(0, start), _Part(start, len(inserted), source_start, source_length, copied=False)]
        shift = len(inserted) - (end - start)
        kept += [replace(each, start=each.start + shift) for each in self._cut(end, len(self.text))]
        self.text = self.text[:start] + inserted + self.text[end:]
        self._parts = [each for each in kept if each.length]
        self._starts = [each.start for each in self._parts]
        self.edited = True

    def blank(self, text: str) -> None:
        """Take a text of the same length, in which some ranges are blank."""
        self.text = text

    def source_offset(self, offset: int) -> int:
        """The offset in the source of an offset in the repaired text."""
        if not self.edited:
            return offset
        part = self._parts[max(0, bisect_right(self._starts, offset) - 1)]
        if part.copied:
            return part.source_start + min(offset - part.start, part.length)
        return part.source_start + (part.source_length if offset >= part.start + part.length else 0)

    def span(self, start: int, end: int) -> Span:
        """The place in the source of a range of the repaired text."""
        first, last = self.source_offset(start), self.source_offset(end)
        line, column = self._place(first)
        return Span(self.source.path, first, max(first, last), line, column)

    def _cut(self, start: int, end: int) -> list[_Part]:
        """The parts of a range."""
        cut: list[_Part] = []
        for part in self._parts:
            first, last = max(part.start, start), min(part.start + part.length, end)
            if first < last:
                skipped = first - part.start if part.copied else 0
                length = last - first if part.copied else part.source_length
                cut.append(_Part(first, last - first, part.source_start + skipped, length, part.copied))
        return cut

    def _place(self, offset: int) -> tuple[int, int]:
        if not self._lines:
            self._lines = [0]
            self._lines += [at + 1 for at, letter in enumerate(self.source.text) if letter == "\n"]
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1
