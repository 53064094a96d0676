"""Appends batches of alerts with their deliveries, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.journal.codec import encode_decisions, encode_notification
from bridge.journal.errors import JournalError
from bridge.journal.records import NO_MEMORY, MemoryWrite
from bridge.journal.sql.appending import (
    QUARANTINE_ROWS,
    fresh_entries,
    move_checkpoint,
    quarantine_rows,
    read_checkpoint,
)
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import order_key
from bridge.journal.sql.state_log import StateLog
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.queue.order_keys import INSERT
from bridge.routing import Entry, Notification

_IDS_A_QUERY = 500
_INSERT = "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_FIRST = """
INSERT INTO alerts VALUES (max(?, (SELECT coalesce(max(seq), 0) + 1 FROM alerts)), ?, ?, ?, ?, ?)
"""
"""Numbers an alert after all others, also where the other process has appended. A query would cost as much again."""


class SqliteAlertLog:
    """Implements AlertLog. The journal has one router; the courier may append beside it."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies
        self._state = StateLog()
        self._next_seq = database.number("SELECT coalesce(max(seq), 0) + 1 FROM alerts")
        newest = database.rows(bytes, "SELECT id FROM alerts ORDER BY id DESC LIMIT 1")
        self._latest = newest[0].hex() if newest else ""
        """The last id in order of time."""

    def unknown(self, alerts: Iterable[Alert]) -> list[Alert]:
        """As in AlertLog. Ids begin with the time: one that is later than all that are stored needs no query."""
        fresh: dict[str, Alert] = {}
        for alert in alerts:
            fresh.setdefault(alert.id, alert)
        older = [alert_id for alert_id in fresh if alert_id <= self._latest]
        if older:
            for known in self._known(older):
                del fresh[known]
        return list(fresh.values())

    def append(
        self,
        source_name: str,
        received_ns: int,
        entries: Sequence[Entry],
        rejected: Sequence[RejectedMessage] = (),
        checkpoint: Mapping[str, str | None] | None = None,
        memory: MemoryWrite = NO_MEMORY,
    ) -> int:
        """As in AlertLog. Known ids are looked for only where storing the batch fails because of one."""
        try:
            return self._append(source_name, received_ns, entries, rejected, checkpoint, memory)
        except JournalError as error:
            if not isinstance(error.__cause__, sqlite3.IntegrityError):
                raise
        return self._append(source_name, received_ns, fresh_entries(entries, self._known), rejected, checkpoint, memory)

    def checkpoint(self, source_name: str) -> dict[str, str]:
        """As in AlertLog."""
        return read_checkpoint(self._database, source_name)

    def _append(
        self,
        source_name: str,
        received_ns: int,
        entries: Sequence[Entry],
        rejected: Sequence[RejectedMessage],
        checkpoint: Mapping[str, str | None] | None,
        memory: MemoryWrite,
    ) -> int:
        first = self._next_seq
        alerts, deliveries = self._rows(source_name, received_ns, entries, first)
        with self._database.transaction() as connection:
            if alerts:
                numbered = connection.execute(_INSERT_FIRST, alerts[0]).lastrowid
                if numbered is not None and numbered != first:  # the other process has appended
                    first = numbered
                    alerts, deliveries = self._rows(source_name, received_ns, entries, first)
                if len(alerts) > 1:
                    connection.executemany(_INSERT, alerts[1:])
            if earlier := [*_about_others(entries), *memory.notifications]:
                deliveries += _about_earlier(connection, earlier, received_ns)
            connection.executemany(INSERT, deliveries)
            if rejected:
                _quarantine(connection, source_name, received_ns, rejected)
            if memory.changes:
                self._state.write(connection, memory.changes)
            if checkpoint:
                move_checkpoint(connection, source_name, checkpoint)
        self._next_seq = first + len(entries)
        for entry in entries:
            self._latest = max(self._latest, entry.alert.id)
        return len(deliveries)

    def _known(self, ids: Sequence[str]) -> Iterator[str]:
        """Those of the ids that are stored."""
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = [bytes.fromhex(alert_id) for alert_id in ids[start : start + _IDS_A_QUERY]]
            statement = f"SELECT id FROM alerts WHERE id IN ({', '.join('?' * len(some))})"  # only marks
            for known in self._database.rows(bytes, statement, some):
                yield known.hex()

    def _rows(
        self, source_name: str, received_ns: int, entries: Sequence[Entry], first: int
    ) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """The rows of a batch: alerts numbered from ``first``, and their deliveries."""
        alerts: list[tuple[object, ...]] = []
        deliveries: list[tuple[object, ...]] = []
        encoded: dict[Notification, tuple[int | None, bytes]] = {}
        for number, entry in enumerate(entries, first):
            alert = entry.alert
            alerts.append(
                (
                    number,
                    bytes.fromhex(alert.id),
                    received_ns,
                    source_name,
                    self._bodies.encode(alert),
                    encode_decisions(entry.routed.decisions),
                )
            )
            for notification in entry.routed.notifications:
                if notification.about is not None:
                    continue
                if notification.context is not None:  # no two are alike
                    known = order_key(notification), encode_notification(notification)
                elif notification in encoded:
                    known = encoded[notification]
                else:
                    known = encoded[notification] = (order_key(notification), encode_notification(notification))
                deliveries.append((number, notification.channel, *known, received_ns))
        return alerts, deliveries


def _about_others(entries: Iterable[Entry]) -> list[Notification]:
    """Those that are not about their own alert."""
    return [each for entry in entries for each in entry.routed.notifications if each.about is not None]


def _about_earlier(
    connection: sqlite3.Connection, earlier: Sequence[Notification], received_ns: int
) -> list[tuple[object, ...]]:
    """The deliveries that are about alerts stored earlier, or in this batch.

    An alert may be gone, because its notification waited for longer than alerts are stored; then another alert that the
    notification names takes its place. If all are gone, there is nothing left to send.
    """
    stored = _numbers(connection, {each.about for each in earlier if each.about is not None})
    gone = [each for each in earlier if each.about not in stored]
    stored |= _numbers(connection, {alert_id for each in gone for alert_id in _named(each)})
    deliveries: list[tuple[object, ...]] = []
    for notification in earlier:
        candidates = (notification.about or "", *_named(notification))
        number = next((stored[each] for each in candidates if each in stored), None)
        if number is not None:
            key, body = order_key(notification), encode_notification(notification)
            deliveries.append((number, notification.channel, key, body, received_ns))
    return deliveries


def _named(notification: Notification) -> tuple[str, ...]:
    return () if notification.context is None else notification.context.alerts


def _numbers(connection: sqlite3.Connection, ids: Collection[str]) -> dict[str, int]:
    """The numbers of those alerts that are stored, by id."""
    found: dict[str, int] = {}
    keys = [bytes.fromhex(each) for each in ids]
    for start in range(0, len(keys), _IDS_A_QUERY):
        some = keys[start : start + _IDS_A_QUERY]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(f"SELECT id, seq FROM alerts WHERE id IN ({marks})", some)  # only marks
        found |= {alert_id.hex(): number for alert_id, number in rows}
    return found


def _quarantine(
    connection: sqlite3.Connection, source_name: str, received_ns: int, rejected: Sequence[RejectedMessage]
) -> None:
    connection.executemany(
        "INSERT INTO quarantine (received_ns, source_name, reason, raw) VALUES (?, ?, ?, ?)",
        quarantine_rows(source_name, received_ns, rejected),
    )
    connection.execute("DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?", (QUARANTINE_ROWS,))
