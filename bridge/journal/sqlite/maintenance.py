"""Removes what retention no longer covers, in SQLite, in steps so short that a writer does not wait for one."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.maintenance import SqlMaintenance
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect_to_read

_SET_BACK_DELIVERIES = (
    "UPDATE deliveries SET created_ns = min(created_ns, ?2), settled_ns = min(settled_ns, ?2) "
    f"WHERE id = ?1 AND NOT {OPEN}"
)
_DELETE_DELIVERIES = f"DELETE FROM deliveries WHERE id = ? AND NOT {OPEN}"
_DELETE_ALERTS = "DELETE FROM alerts WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE alert_seq = ?1)"


class SqliteMaintenance(SqlMaintenance):
    """Implements Maintenance: a step is one transaction for deliveries, and one for alerts."""

    short_seconds, long_seconds = 0.005, 0.015

    def __init__(self, database: Database, bodies: Bodies) -> None:
        super().__init__(database, bodies, lambda: Database(connect_to_read(database.path), database.path))

    def used_bytes(self) -> int:
        """As in Maintenance: the pages in use in the file, without its write-ahead log."""
        free = self._database.number("PRAGMA freelist_count")
        return (self._database.number("PRAGMA page_count") - free) * self._database.number("PRAGMA page_size")

    def _change_deliveries(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        with self._database.transaction() as connection:
            connection.executemany(_SET_BACK_DELIVERIES, [(number, now_ns) for number in ahead])
            connection.executemany(_DELETE_DELIVERIES, [(number,) for number in expired])

    def _change_alerts(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        with self._database.transaction() as connection:
            connection.executemany("UPDATE alerts SET received_ns = ?2 WHERE seq = ?1", [(n, now_ns) for n in ahead])
            connection.executemany(_DELETE_ALERTS, [(number,) for number in expired])
