"""What came in and was no alert: kept aside with its reason, the newest of it, for somebody to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.journal.sqlite.journal import Journal

_ROWS = "SELECT seq, received_ns, road, reason, raw FROM quarantine"


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """One message."""

    number: int
    received_ns: int
    road: str
    """The source that brought it."""
    reason: str
    """Finishes the sentence "the message …"."""
    raw: bytes
    """Its beginning, up to 64 KiB; redacted as alerts are."""


def count(journal: Journal) -> int:
    """How many are kept now."""
    ((found,),) = journal.read("SELECT count(*) FROM quarantine")
    return found if isinstance(found, int) else 0


def newest(journal: Journal, most: int) -> list[QuarantinedMessage]:
    """The latest ones, newest first."""
    return _found(journal.read(f"{_ROWS} ORDER BY seq DESC LIMIT ?", (most,)))


def by_number(journal: Journal, number: int) -> QuarantinedMessage | None:
    """That one, or None where it is not kept, or not any more."""
    return next(iter(_found(journal.read(f"{_ROWS} WHERE seq = ?", (number,)))), None)


def all_of_it(journal: Journal) -> Iterator[QuarantinedMessage]:
    """Everything, oldest first, read in pages so that memory stays flat."""
    last = -1
    while page := _found(journal.read(f"{_ROWS} WHERE seq > ? ORDER BY seq LIMIT 50", (last,))):
        yield from page
        last = page[-1].number


def _found(rows: list[tuple[object, ...]]) -> list[QuarantinedMessage]:
    return [
        QuarantinedMessage(number, received_ns, str(road), str(reason), raw)
        for number, received_ns, road, reason, raw in rows
        if isinstance(number, int) and isinstance(received_ns, int) and isinstance(raw, bytes)
    ]
