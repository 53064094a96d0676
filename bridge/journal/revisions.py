"""What the bridges of one journal must notice soon after one of them has changed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revisions:
    """Counters that each change increments."""

    silences: int = 0
    program: int = 0
    active: str = ""
    """The digest of the program that the fleet uses; empty before the first one."""


@dataclass(frozen=True, slots=True)
class RevisionReader:
    """A session of its own, used by one thread."""

    read: Callable[[], Revisions]
    """Raises JournalError."""
    close: Callable[[], None]
