"""Removes what retention no longer covers, in PostgreSQL, in short steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bridge.journal.postgres.database import Database, Statements
from bridge.journal.postgres.new_deliveries import ALERT_BYTES, DELIVERY_BYTES
from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.dictionaries import train_due_dictionary
from bridge.journal.sql.order_keys import OPEN

_FEWEST_ROWS, _MOST_ROWS = 10, 1000
_FUTURE_NS = 60 * 1_000_000_000
"""A row that is this far ahead of the clock was stored before the clock was set back."""
_SHORT_SECONDS, _LONG_SECONDS = 0.02, 0.1
"""After a step that took less, the next one checks more rows; after one that took longer, fewer."""
_USED = "SELECT bytes FROM counters"
_DELETE_DELIVERIES = (
    f"WITH gone AS (DELETE FROM deliveries WHERE id = ANY(?) AND NOT ({OPEN}) RETURNING length(notification) AS n), "
    f"size AS (SELECT coalesce(sum(n + {DELIVERY_BYTES}), 0)::bigint AS n FROM gone) "
    "UPDATE counters SET bytes = bytes - size.n FROM size WHERE size.n > 0"
)
_LOCK_ALERTS = "SELECT seq FROM alerts WHERE seq = ANY(?) FOR UPDATE SKIP LOCKED"
_DELETE_ALERTS = (
    "WITH gone AS (DELETE FROM alerts AS a WHERE seq = ANY(?) "
    "AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.alert_seq = a.seq) "
    "RETURNING length(body) + length(decisions) AS n), "
    f"size AS (SELECT coalesce(sum(n + {ALERT_BYTES}), 0)::bigint AS n FROM gone) "
    "UPDATE counters SET bytes = bytes - size.n FROM size WHERE size.n > 0"
)


class _AlertRow(NamedTuple):
    seq: int
    received_ns: int


class _DeliveryRow(NamedTuple):
    id: int
    dead: bool
    created_ns: int
    settled_ns: int | None
    """None while it is pending or claimed."""


class PostgresMaintenance:
    """Implements Maintenance: rounds from the oldest row to the first one that is young enough."""

    def __init__(self, database: Database, bodies: Bodies, open_reader: Callable[[], Database]) -> None:
        self._database = database
        self._bodies = bodies
        self._open_reader = open_reader
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
        """As in Maintenance: what the stored rows take, without what the database has not reclaimed yet."""
        return self._database.number(_USED)

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
        """As in Maintenance: reads in a session of its own."""
        reader = self._open_reader()
        try:
            trained = train_due_dictionary(reader)
        finally:
            reader.close()
        return None if trained is None else partial(self._add_dictionary, *trained)

    def _remove_deliveries(self, settled_before: int, died_before: int, now_ns: int) -> bool:
        rows = self._database.rows(
            _DeliveryRow,
            f"SELECT id, state = 'dead', created_ns, CASE WHEN {OPEN} THEN NULL ELSE settled_ns END FROM deliveries "
            "WHERE id > ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?",
            (self._delivery_id, self._rows),
        )
        ahead = [row.id for row in rows if max(row.settled_ns or 0, row.created_ns) > now_ns + _FUTURE_NS]
        expired = [
            row.id for row in rows if row.settled_ns is not None
            and row.settled_ns < (died_before if row.dead else settled_before)
        ]  # fmt: skip
        if ahead or expired:
            with self._database.transaction() as statements:
                if ahead:
                    statements.execute(
                        "UPDATE deliveries SET created_ns = least(created_ns, ?), settled_ns = least(settled_ns, ?) "
                        f"WHERE id = ANY(?) AND NOT ({OPEN})",
                        (now_ns, now_ns, ahead),
                    )
                if expired:
                    statements.execute(_DELETE_DELIVERIES, (expired,))
        self._delivery_id = rows[-1].id if rows else self._delivery_id
        return len(rows) == self._rows and rows[-1].created_ns < settled_before

    def _remove_alerts(self, received_before: int, now_ns: int) -> bool:
        rows = self._database.rows(
            _AlertRow,
            "SELECT seq, received_ns FROM alerts WHERE seq > ? AND seq < (SELECT max(seq) FROM alerts) "
            "ORDER BY seq LIMIT ?",
            (self._alert_seq, self._rows),
        )
        ahead = [row.seq for row in rows if row.received_ns > now_ns + _FUTURE_NS]
        expired = [row.seq for row in rows if row.received_ns < received_before]
        if ahead or expired:
            with self._database.transaction() as statements:
                if ahead:
                    statements.execute("UPDATE alerts SET received_ns = ? WHERE seq = ANY(?)", (now_ns, ahead))
                if expired:
                    _delete_alerts(statements, expired)
        self._removed_up_to = max([self._removed_up_to, *expired])
        self._alert_seq = rows[-1].seq if rows else self._alert_seq
        return len(rows) == self._rows and rows[-1].received_ns < received_before

    def _add_dictionary(self, number: int, content: bytes) -> None:
        with self._database.transaction() as statements:
            statements.execute("INSERT INTO dictionaries VALUES (?, ?)", (number, content))
        self._bodies.refresh()


def _delete_alerts(statements: Statements, numbers: Sequence[int]) -> None:
    """Delete alerts without deliveries. An alert that a notification is just being added for is locked, and stays."""
    free = [number for (number,) in statements.execute(_LOCK_ALERTS, (numbers,))]
    statements.execute(_DELETE_ALERTS, (free,))
