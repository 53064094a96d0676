"""SourceText text and places in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file's text as it was read."""

    path: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one file: character offsets, and the line and column (from 1) where it starts."""

    path: str
    start: int
    end: int
    line: int
    column: int
