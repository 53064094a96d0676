"""Reads the quarantine with SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bridge.journal.records import QuarantinedMessage
from bridge.journal.sql.database import Database

_PAGE = 50
_QUARANTINE = "SELECT seq, received_ns, source_name, reason, raw FROM quarantine"


class _MessageRow(NamedTuple):
    number: int
    received_ns: int
    source_name: str
    reason: str
    raw: bytes


class Quarantine:
    """The part of History that reads the quarantine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def quarantine(self) -> Iterator[QuarantinedMessage]:
        """As in History."""
        last = -1
        while page := self._messages(f"{_QUARANTINE} WHERE seq > ? ORDER BY seq LIMIT {_PAGE}", last):
            yield from page
            last = page[-1].number

    def newest_quarantined(self, limit: int) -> list[QuarantinedMessage]:
        """As in History."""
        return self._messages(f"{_QUARANTINE} ORDER BY seq DESC LIMIT ?", limit)

    def quarantined(self, number: int) -> QuarantinedMessage | None:
        """As in History."""
        return next(iter(self._messages(f"{_QUARANTINE} WHERE seq = ?", number)), None)

    def quarantined_count(self) -> int:
        """As in History."""
        return self._database.number("SELECT count(*) FROM quarantine")

    def _messages(self, statement: str, parameter: int) -> list[QuarantinedMessage]:
        return [QuarantinedMessage(*row) for row in self._database.rows(_MessageRow, statement, (parameter,))]
