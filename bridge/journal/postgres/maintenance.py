"""Removes what retention no longer covers, in PostgreSQL, in short steps."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.journal.postgres.appending.new_deliveries import ALERT_BYTES, DELIVERY_BYTES
from bridge.journal.sql.database import Connection
from bridge.journal.sql.maintenance import SqlMaintenance
from bridge.journal.sql.order_keys import OPEN

_USED = "SELECT bytes FROM counters"
_SET_BACK_DELIVERIES = (
    "UPDATE deliveries SET created_ns = least(created_ns, ?), settled_ns = least(settled_ns, ?) "
    f"WHERE id = ANY(?) AND NOT ({OPEN})"
)
_DELETE_DELIVERIES = (
    f"WITH gone AS (DELETE FROM deliveries WHERE id = ANY(?) AND NOT ({OPEN}) RETURNING length(notification) AS n), "
    f"size AS (SELECT coalesce(sum(n + {DELIVERY_BYTES}), 0)::bigint AS n FROM gone) "
    "UPDATE counters SET bytes = bytes - size.n FROM size WHERE size.n > 0"
)
_LOCK_ALERTS = "SELECT seq FROM alerts WHERE seq = ANY(?) FOR UPDATE SKIP LOCKED"
_DELETE_ALERTS = (
    "WITH gone AS (DELETE FROM alerts AS a WHERE seq = ANY(?) "
    "AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.alert_seq = a.seq) "
    "AND NOT EXISTS (SELECT 1 FROM matches AS m WHERE m.alert_seq = a.seq) "
    "RETURNING length(body) + length(decisions) AS n), "
    f"size AS (SELECT coalesce(sum(n + {ALERT_BYTES}), 0)::bigint AS n FROM gone) "
    "UPDATE counters SET bytes = bytes - size.n FROM size WHERE size.n > 0"
)


class PostgresMaintenance(SqlMaintenance):
    """Implements Maintenance: a step is one transaction for deliveries, and one for alerts."""

    short_seconds, long_seconds = 0.02, 0.1

    def used_bytes(self) -> int:
        """As in Maintenance: what the stored rows take, without what the database has not reclaimed yet."""
        return self._database.number(_USED)

    def _change_deliveries(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        with self._database.transaction() as statements:
            if ahead:
                statements.execute(_SET_BACK_DELIVERIES, (now_ns, now_ns, ahead))
            if expired:
                statements.execute(_DELETE_DELIVERIES, (expired,))

    def _change_alerts(self, ahead: Sequence[int], expired: Sequence[int], now_ns: int) -> None:
        with self._database.transaction() as statements:
            if ahead:
                statements.execute("UPDATE alerts SET received_ns = ? WHERE seq = ANY(?)", (now_ns, ahead))
            if expired:
                _delete_alerts(statements, expired)


def _delete_alerts(statements: Connection, numbers: Sequence[int]) -> None:
    """Delete alerts that have no deliveries and wait for no decision.

    An alert that a notification is just being added for is locked, and stays.
    """
    free = [number for (number,) in statements.execute(_LOCK_ALERTS, (numbers,))]
    statements.execute(_DELETE_ALERTS, (free,))
