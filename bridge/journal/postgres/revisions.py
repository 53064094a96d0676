"""Counters in the database that show every bridge what another one has changed."""

from __future__ import annotations

from typing import NamedTuple

from bridge.journal.postgres.database import Database
from bridge.journal.revisions import Revisions
from bridge.journal.sql.database import Connection
from bridge.journal.sql.memory import SqlMemory

SILENCES, PROGRAM = "silences", "program"
INCREMENT = "UPDATE revisions SET number = number + 1 WHERE name = ?"

_MISSING = "FROM members WHERE expires > clock_timestamp() AND roles && ARRAY['intake', 'memory'] AND loaded <> ?"


class _Row(NamedTuple):
    name: str
    number: int
    value: str


class PostgresMemory(SqlMemory):
    """Implements Memory. A change of silences waits for that of another bridge, and is noticed by all."""

    def _changing_silences(self, connection: Connection) -> None:
        connection.execute(INCREMENT, (SILENCES,))


def read_revisions(database: Database) -> Revisions:
    """The counters. Raises JournalError."""
    rows = {row.name: row for row in database.rows(_Row, "SELECT name, number, value FROM revisions")}
    return Revisions(rows[SILENCES].number, rows[PROGRAM].number, rows[PROGRAM].value)


def activate(database: Database, digest: str) -> bool:
    """As in FleetSession."""
    if waits_for(database, digest):
        return False
    with database.transaction() as statements:
        found = statements.execute("SELECT value FROM revisions WHERE name = ? FOR UPDATE", (PROGRAM,)).fetchone()
        if found is not None and found[0] == digest:
            return True
        if statements.execute(f"SELECT 1 {_MISSING} LIMIT 1", (digest,)).fetchone() is not None:
            return False
        statements.execute("UPDATE revisions SET number = number + 1, value = ? WHERE name = ?", (digest, PROGRAM))
    return True


def waits_for(database: Database, digest: str) -> list[str]:
    """As in FleetSession."""
    return database.rows(str, f"SELECT DISTINCT bridge {_MISSING} ORDER BY bridge", (digest,))
