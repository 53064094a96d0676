"""Requests of members of a fleet to the owners of partitions: rows that owners answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from bridge.journal.postgres.database import Database
from bridge.journal.postgres.partitions.stored_rows import INCIDENTS, stored_rows
from bridge.journal.postgres.revisions import FORGOTTEN
from bridge.journal.records import StateRow


class _Answer(NamedTuple):
    id: int
    answer: bytes


class PostgresRequests:
    """Implements Requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def incidents(self) -> list[tuple[int, StateRow]]:
        """As in Requests."""
        return list(stored_rows(self._database, INCIDENTS))

    def ask(self, partitions: Collection[int], body: bytes) -> list[int]:
        """As in Requests."""
        with self._database.transaction() as statements:
            statements.execute(FORGOTTEN)
            rows = statements.execute(
                "INSERT INTO requests (partition, body) SELECT unnest(?::int2[]), ? RETURNING id",
                (sorted(partitions), body),
            ).fetchall()
        return [each[0] for each in rows]

    def answers(self, ids: Sequence[int]) -> dict[int, bytes]:
        """As in Requests."""
        rows = self._database.rows(
            _Answer, "SELECT id, answer FROM requests WHERE id = ANY(?) AND answer IS NOT NULL", (list(ids),)
        )
        return {row.id: row.answer for row in rows}

    def withdraw(self, ids: Sequence[int]) -> None:
        """As in Requests."""
        with self._database.transaction(durable=False) as statements:
            statements.execute("DELETE FROM requests WHERE id = ANY(?)", (list(ids),))

    def close(self) -> None:
        """As in Requests."""
        self._database.close()
