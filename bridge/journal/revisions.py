"""Changes that the other bridges of a journal must notice soon."""

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
    ask: Callable[[str, bytes], int]
    """Ask the bridge of this name. Returns the id of the request."""
    asked: Callable[[str], list[tuple[int, bytes]]]
    """What others have asked the bridge of this name, and it has not begun: ids and bodies."""
    begin: Callable[[int], bool]
    """Begin to answer a request. False where it was withdrawn."""
    answer: Callable[[int, bytes], None]
    answer_of: Callable[[int], bytes | None]
    """The answer of a request; empty once it was begun, None before."""
    withdraw: Callable[[int], None]
    close: Callable[[], None]
