"""Reads alerts, deliveries and the quarantine in PostgreSQL."""

from __future__ import annotations

from bridge.journal.sql.history import SqlHistory


class PostgresHistory(SqlHistory):
    """Implements History. Decisions of routes with memory may be those of a fleet's owners, which follow."""

    def decided_span(self) -> range:
        """As in History."""
        found = self._database.rows(int, "SELECT alert_seq FROM matches ORDER BY alert_seq LIMIT 1")
        numbers = self.span()
        return range(numbers.start, min(numbers.stop, found[0])) if found else numbers
