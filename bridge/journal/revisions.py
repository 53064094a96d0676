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
class FleetSession:
    """A session of its own, used by one thread. Its functions raise JournalError."""

    read: Callable[[], Revisions]
    activate: Callable[[str], bool]
    """Make the program with this digest that of the fleet. False where a bridge that decides has not loaded it."""
    waits_for: Callable[[str], list[str]]
    """The bridges that have not loaded it, for people."""
    close: Callable[[], None]
