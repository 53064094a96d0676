"""Removes what retention no longer covers, in SQLite, in steps so short that a writer does not wait for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.dictionaries import train_due_dictionary
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect_to_read

_FEWEST_ROWS, _MOST_ROWS = 10, 1000
_FUTURE_NS = 60 * 1_000_000_000
"""A row that is this far ahead of the clock was stored before the clock was set back."""
_SHORT_SECONDS, _LONG_SECONDS = 0.005, 0.015
"""After a step that took less, the next one checks more rows; after one that took longer, fewer."""


class _AlertRow(NamedTuple):
    seq: int
    received_ns: int


class _DeliveryRow(NamedTuple):
    id: int
    dead: int
    created_ns: int
    settled_ns: int | None
    """None while it is pending or claimed."""


class SqliteMaintenance:
    """Implements Maintenance: rounds from the oldest row to the first one that is young enough.

    The newest row of a table is never removed, so that SQLite does not reuse its number.
    """

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies
        self._rows = 100
        self._delivery_id = self._alert_seq = 0
        """The last rows that this round has checked."""
        self._rounds_over_size = 0
        self._removed_up_to = 0

    @property
    def over_size(self) -> bool:
        """As in Maintenance."""
        return self._rounds_over_size > 1

    @property
    def removed_up_to(self) -> int:
        """As in Maintenance. Includes alerts that were to be removed and have a delivery."""
        return self._removed_up_to

    def used_bytes(self) -> int:
        """As in Maintenance: the pages in use in the file, without its write-ahead log."""
        free = self._database.number("PRAGMA freelist_count")
        return (self._database.number("PRAGMA page_count") - free) * self._database.number("PRAGMA page_size")

    def step(self, policy: RetentionPolicy, now_ns: int) -> bool:
        """As in Maintenance: one transaction for deliveries, and one for alerts."""
        started = time.monotonic()
        crowded = self.used_bytes() > policy.size
        settled_before = now_ns if crowded else now_ns - policy.deliveries_ns
        more = self._remove_deliveries(settled_before, now_ns - policy.alerts_ns, now_ns)
        if crowded or not more:
            more |= self._remove_alerts(now_ns if crowded else now_ns - policy.alerts_ns, now_ns)
        took = time.monotonic() - started
        if took < _SHORT_SECONDS:
            self._rows = min(self._rows * 2, _MOST_ROWS)
        elif took > _LONG_SECONDS:
            self._rows = max(self._rows // 4, _FEWEST_ROWS)
        if not more:
            self._delivery_id = self._alert_seq = 0
            self._rounds_over_size = self._rounds_over_size + 1 if crowded else 0
        return more

    def latest_ns(self) -> int:
        """As in Maintenance."""
        return self._database.number("SELECT coalesce((SELECT received_ns FROM alerts ORDER BY seq DESC LIMIT 1), 0)")

    def prepare(self) -> Callable[[], None] | None:
        """As in Maintenance: reads on a connection of its own."""
        path = self._database.path
        reader = Database(connect_to_read(path), path)
        try:
            trained = train_due_dictionary(reader)
        finally:
            reader.close()
        return None if trained is None else partial(self._add_dictionary, *trained)

    def _remove_deliveries(self, settled_before: int, died_before: int, now_ns: int) -> bool:
        rows = self._database.rows(
            _DeliveryRow,
            f"SELECT id, state = 'dead', created_ns, iif({OPEN}, NULL, settled_ns) FROM deliveries "
            "WHERE id > ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?",
            (self._delivery_id, self._rows),
        )
        self._write(
            f"UPDATE deliveries SET created_ns = min(created_ns, {now_ns}), settled_ns = min(settled_ns, {now_ns}) "
            f"WHERE id = ? AND NOT {OPEN}",
            [row.id for row in rows if max(row.settled_ns or 0, row.created_ns) > now_ns + _FUTURE_NS],
        )
        expired = [
            row.id for row in rows if row.settled_ns is not None
            and row.settled_ns < (died_before if row.dead else settled_before)
        ]  # fmt: skip
        self._write(f"DELETE FROM deliveries WHERE id = ? AND NOT {OPEN}", expired)  # it may have been retried since
        self._delivery_id = rows[-1].id if rows else self._delivery_id
        return len(rows) == self._rows and rows[-1].created_ns < settled_before

    def _remove_alerts(self, received_before: int, now_ns: int) -> bool:
        rows = self._database.rows(
            _AlertRow,
            "SELECT seq, received_ns FROM alerts WHERE seq > ? AND seq < (SELECT max(seq) FROM alerts) "
            "ORDER BY seq LIMIT ?",
            (self._alert_seq, self._rows),
        )
        self._write(
            f"UPDATE alerts SET received_ns = {now_ns} WHERE seq = ?",
            [row.seq for row in rows if row.received_ns > now_ns + _FUTURE_NS],
        )
        expired = [row.seq for row in rows if row.received_ns < received_before]
        self._write(
            "DELETE FROM alerts WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert_seq = ?1)", expired
        )
        self._removed_up_to = max([self._removed_up_to, *expired])
        self._alert_seq = rows[-1].seq if rows else self._alert_seq
        return len(rows) == self._rows and rows[-1].received_ns < received_before

    def _write(self, statement: str, numbers: Sequence[int]) -> None:
        if numbers:
            with self._database.transaction() as connection:
                connection.executemany(statement, [(number,) for number in numbers])

    def _add_dictionary(self, number: int, content: bytes) -> None:
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO dictionaries VALUES (?, ?)", (number, content))
        self._bodies.refresh()
