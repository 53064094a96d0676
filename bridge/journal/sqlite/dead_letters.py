"""Dead letters, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import msgspec

from bridge.journal.codec import decode_notification
from bridge.journal.records import AttemptRecord, DeadLetter
from bridge.journal.sqlite.bodies import Bodies
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.order_keys import reopen
from bridge.journal.sqlite.unreadable import REASON

_PAGE = 200
_LETTERS = (
    "SELECT d.id, d.channel, d.notification, a.id, a.body, d.created_ns, d.settled_ns, d.attempts, d.status, d.reason "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    "WHERE d.state = 'dead' AND d.id > ?1 AND (?2 IS NULL OR d.channel = ?2) AND (?3 IS NULL OR d.id = ?3) "
    f"ORDER BY d.id LIMIT {_PAGE}"
)


class _CountRow(NamedTuple):
    channel: str
    number: int


class _AttemptRow(NamedTuple):
    number: int
    attempted_ns: int
    status: int | None
    reason: str


class _LetterRow(NamedTuple):
    id: int
    channel: str
    notification: bytes
    alert_id: bytes
    body: bytes
    created_ns: int
    settled_ns: int
    attempts: int
    status: int | None
    reason: str


class SqliteDeadLetterQueue:
    """Implements DeadLetterQueue."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies

    def counts(self) -> dict[str, int]:
        """As in DeadLetterQueue."""
        rows = self._database.rows(
            _CountRow, "SELECT channel, count(*) FROM deliveries WHERE state = 'dead' GROUP BY channel"
        )
        return {row.channel: row.number for row in rows}

    def unreadable_count(self) -> int:
        """As in DeadLetterQueue."""
        return self._database.number(
            "SELECT count(*) FROM deliveries WHERE state = 'dead' AND substr(reason, 1, ?) = ?", (len(REASON), REASON)
        )

    def ids(self, channel: str | None = None) -> list[int]:
        """As in DeadLetterQueue."""
        return self._database.rows(
            int,
            "SELECT id FROM deliveries WHERE state = 'dead' AND (?1 IS NULL OR channel = ?1) ORDER BY id",
            (channel,),
        )

    def letters(self, channel: str | None = None, delivery_id: int | None = None) -> Iterator[DeadLetter]:
        """As in DeadLetterQueue."""
        last = 0
        while page := self._database.rows(_LetterRow, _LETTERS, (last, channel, delivery_id)):
            yield from map(self._letter, page)
            last = page[-1].id

    def attempts(self, delivery_id: int) -> list[AttemptRecord]:
        """As in DeadLetterQueue."""
        rows = self._database.rows(
            _AttemptRow,
            "SELECT number, attempted_ns, status, reason FROM attempts WHERE delivery_id = ? ORDER BY number",
            (delivery_id,),
        )
        return [AttemptRecord(*row) for row in rows]

    def retry(self, ids: Collection[int], now_ns: int) -> list[int]:
        """As in DeadLetterQueue."""
        return self._change(ids, "state = 'pending', due_ns = ?1, created_ns = ?1", now_ns, reopen)

    def discard(self, ids: Collection[int], now_ns: int) -> list[int]:
        """As in DeadLetterQueue."""
        return self._change(ids, "state = 'discarded', settled_ns = ?1", now_ns)

    def _change(
        self,
        ids: Collection[int],
        change: str,
        now_ns: int,
        then: Callable[[sqlite3.Connection, int], None] = lambda _connection, _id: None,
    ) -> list[int]:
        changed: list[int] = []
        with self._database.transaction() as connection:
            for delivery_id in sorted(ids):
                done = connection.execute(
                    f"UPDATE deliveries SET {change} WHERE id = ?2 AND state = 'dead'", (now_ns, delivery_id)
                )
                if done.rowcount:
                    changed.append(delivery_id)
                    then(connection, delivery_id)
        return changed

    def _letter(self, row: _LetterRow) -> DeadLetter:
        alert = self._bodies.decode_or_stand_in(row.alert_id, row.body)
        try:
            routes = decode_notification(row.channel, row.notification).routes
        except (msgspec.MsgspecError, ValueError, KeyError):
            routes = ()
        return DeadLetter(
            row.id, row.channel, routes, alert, row.created_ns, row.settled_ns, row.attempts, row.status, row.reason
        )
