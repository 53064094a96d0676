"""Places in a text as editors count them: lines from 0, and columns in UTF-16 code units."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place between two characters."""

    line: int
    """From 0."""
    column: int
    """UTF-16 code units from the start of the line. A character outside the basic plane has two."""


@dataclass(frozen=True, slots=True)
class Range:
    """From a place to another one, which is not included."""

    start: Place
    end: Place


class Lines:
    """Converts between places and character offsets of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        self._starts += [at + 1 for at, letter in enumerate(text) if letter == "\n"]
        self._wide = not text.isascii() and any(letter > "\uffff" for letter in text)

    def offset(self, place: Place) -> int:
        """The offset of a place. A place beyond the end of its line or of the text is that end."""
        if place.line >= len(self._starts):
            return len(self._text)
        start, end = self._starts[place.line], self._end(place.line)
        if not self._wide:
            return min(start + place.column, end)
        units = 0
        for at in range(start, end):
            if units >= place.column:
                return at
            units += 1 + (self._text[at] > "\uffff")
        return end

    def place(self, offset: int) -> Place:
        """The place of an offset."""
        line = bisect_right(self._starts, offset) - 1
        before = self._text[self._starts[line] : offset]
        wide = sum(letter > "\uffff" for letter in before) if self._wide else 0
        return Place(line, len(before) + wide)

    def range(self, start: int, end: int) -> Range:
        """The range between two offsets."""
        return Range(self.place(start), self.place(end))

    def _end(self, line: int) -> int:
        """The offset of the end of a line, before its line break."""
        following = self._starts[line + 1] - 1 if line + 1 < len(self._starts) else len(self._text)
        return following - (following > self._starts[line] and self._text[following - 1 : following] == "\r")
