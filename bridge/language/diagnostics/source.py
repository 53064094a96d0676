"""The text of a file and places in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a file, as it was read."""

    path: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a file: character offsets, and the line and column of its start, counted from 1."""

    path: str
    start: int
    end: int
    line: int
    column: int
