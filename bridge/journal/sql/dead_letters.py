"""Lists, retries and discards dead letters with SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import msgspec

from bridge.journal.codec import decode_notification
from bridge.journal.records import AttemptRecord, DeadLetter, DeadLetterAct
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.database import Connection, Database

UNREADABLE = "unreadable: "
"""How the reasons of deliveries start that could not be read."""
_PAGE = 200
_LETTERS = (
    "SELECT d.id, d.channel, d.notification, a.id, a.body, d.created_ns, d.settled_ns, d.attempts, d.status, d.reason "
    "FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    "WHERE d.state = 'dead' AND d.id > ?"
)


class _CountRow(NamedTuple):
    channel: str
    number: int


class _AttemptRow(NamedTuple):
    number: int
    attempted_ns: int
    status: int | None
    reason: str


class _ActRow(NamedTuple):
    acted_ns: int
    action: str
    actor: str


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


class SqlDeadLetterQueue:
    """Implements DeadLetterQueue."""

    def __init__(self, database: Database, bodies: Bodies, reopen: Callable[[Connection, int], None]) -> None:
        """``reopen`` gives a delivery that is pending again its place in its order key."""
        self._database = database
        self._bodies = bodies
        self._reopen = reopen

    def counts(self) -> dict[str, int]:
        """As in DeadLetterQueue."""
        rows = self._database.rows(
            _CountRow, "SELECT channel, count(*) FROM deliveries WHERE state = 'dead' GROUP BY channel"
        )
        return {row.channel: row.number for row in rows}

    def unreadable_count(self) -> int:
        """As in DeadLetterQueue."""
        return self._database.number(
            "SELECT count(*) FROM deliveries WHERE state = 'dead' AND substr(reason, 1, ?) = ?",
            (len(UNREADABLE), UNREADABLE),
        )

    def ids(self, channel: str | None = None) -> list[int]:
        """As in DeadLetterQueue."""
        which, wanted = ("", ()) if channel is None else ("AND channel = ?", (channel,))
        return self._database.rows(int, f"SELECT id FROM deliveries WHERE state = 'dead' {which} ORDER BY id", wanted)

    def letters(self, channel: str | None = None, delivery_id: int | None = None) -> Iterator[DeadLetter]:
        """As in DeadLetterQueue."""
        last, statement, wanted = 0, _LETTERS, list[object]()
        for column, value in (("d.channel", channel), ("d.id", delivery_id)):
            if value is not None:
                statement += f" AND {column} = ?"
                wanted.append(value)
        statement += f" ORDER BY d.id LIMIT {_PAGE}"
        while page := self._database.rows(_LetterRow, statement, (last, *wanted)):
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

    def acts(self, delivery_id: int) -> list[DeadLetterAct]:
        """As in DeadLetterQueue."""
        rows = self._database.rows(
            _ActRow,
            "SELECT acted_ns, action, actor FROM dead_letter_acts WHERE delivery_id = ? ORDER BY acted_ns",
            (delivery_id,),
        )
        return [DeadLetterAct(*row) for row in rows]

    def retry(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """As in DeadLetterQueue."""
        act = DeadLetterAct(now_ns, "retry", actor)
        return self._change(ids, act, "state = 'pending', due_ns = ?, created_ns = ?", (now_ns, now_ns), self._reopen)

    def discard(self, ids: Collection[int], now_ns: int, actor: str = "") -> list[int]:
        """As in DeadLetterQueue."""
        return self._change(
            ids, DeadLetterAct(now_ns, "discard", actor), "state = 'discarded', settled_ns = ?", (now_ns,)
        )

    def _change(
        self,
        ids: Collection[int],
        act: DeadLetterAct,
        change: str,
        values: tuple[int, ...],
        then: Callable[[Connection, int], None] = lambda _connection, _id: None,
    ) -> list[int]:
        changed: list[int] = []
        with self._database.transaction() as connection:
            for delivery_id in sorted(ids):
                done = connection.execute(
                    f"UPDATE deliveries SET {change} WHERE id = ? AND state = 'dead'", (*values, delivery_id)
                )
                if done.rowcount:
                    changed.append(delivery_id)
                    connection.execute(
                        "INSERT INTO dead_letter_acts VALUES (?, ?, ?, ?) "
                        "ON CONFLICT (delivery_id, acted_ns) DO NOTHING",
                        (delivery_id, act.acted_ns, act.action, act.actor),
                    )
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
