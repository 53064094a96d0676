"""A database as the source or the target of a copy between engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from bridge.journal.errors import JournalError, JournalOwnedError
from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.appending.new_deliveries import ALERT_BYTES, DELIVERY_BYTES
from bridge.journal.postgres.connection import PgConnection, first_connect
from bridge.journal.postgres.database import Database, Statements, marks, storable
from bridge.journal.postgres.faults import explain
from bridge.journal.postgres.ownership import Ownership
from bridge.journal.postgres.partitions.conversion import join
from bridge.journal.postgres.tables.migrate import UNFINISHED, check, migrate, read_format
from bridge.journal.postgres.tables.migrations import COURIER, MIGRATIONS, NEW, ROUTER
from bridge.journal.secret_names import LINKS, STATE_KEYS
from bridge.journal.sql.copying import TABLES, Row, Table, select

_COLLATE = ' COLLATE "C"'
"""The order of SQLite."""
_WAIT_SECONDS = 2.0
_COUNT = (
    "UPDATE counters SET alerts = greatest(alerts, coalesce((SELECT max(seq) FROM alerts), 0)), "
    "deliveries = greatest(deliveries, coalesce((SELECT max(id) FROM deliveries), 0)), "
    f"bytes = coalesce((SELECT sum(length(body) + length(decisions) + {ALERT_BYTES}) FROM alerts), 0) "
    f"+ coalesce((SELECT sum(length(notification) + {DELIVERY_BYTES}) FROM deliveries), 0)"
)
_SEQUENCE = (
    "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "
    "(SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
)


class PostgresStore:
    """Implements Store. No bridge can use a target until it is complete."""

    def __init__(self, location: DatabaseLocation) -> None:
        self._name = str(location)
        self._connection = first_connect(location, "copy")

    @classmethod
    def source(cls, location: DatabaseLocation) -> PostgresStore:
        """The journal. Raises JournalError where there is none, or a bridge uses it.

        What the routes of a fleet remember is put together first, as a single bridge does when it starts.
        """
        store = cls(location)
        try:
            check(store._connection, store.name, to_write=True)
            store._own()
            join(Database(store._connection, store._lost, store.name))
        except JournalError:
            store.close()
            raise
        return store

    @classmethod
    def target(cls, location: DatabaseLocation) -> PostgresStore:
        """A new journal, or one whose copy was interrupted. Raises JournalError where the database has another one."""
        store = cls(location)
        try:
            migrate(store._connection, store.name, contract=False)
            store._own()
            store._begin()
        except JournalError:
            store.close()
            raise
        return store

    @property
    def name(self) -> str:
        """As in Store."""
        return self._name

    def rows(self, table: Table, after: Row | None, limit: int | None) -> list[Row]:
        """As in Store."""
        with self._explained():
            return self._execute(*select(table, after, limit, _COLLATE)).fetchall()

    def last(self, table: Table) -> Row | None:
        """As in Store."""
        keys = table.columns[: table.key]
        order = ", ".join(f"{key} DESC" for key in keys)
        with self._explained():
            found: Row | None = self._execute(
                f"SELECT {', '.join(keys)} FROM {table.name} ORDER BY {order} LIMIT 1"
            ).fetchone()
        return found

    def count(self, table: Table) -> int:
        """As in Store."""
        with self._explained():
            return int(self._execute(f"SELECT count(*) FROM {table.name}").fetchall()[0][0])

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """As in Store."""
        with self._explained(), self._connection.transaction():
            self._copy(table, rows)

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """As in Store."""
        with self._explained(), self._connection.transaction():
            self._execute(f"DELETE FROM {table.name}")
            self._copy(table, rows)

    def secrets(self) -> dict[str, bytes]:
        """As in Store."""
        with self._explained():
            rows = self._execute("SELECT name, content FROM secrets WHERE name IN (?, ?)", (STATE_KEYS, LINKS))
            return {str(name): bytes(content) for name, content in rows}

    def finish(self, secrets: Mapping[str, bytes]) -> None:
        """As in Store. The mark that it is unfinished is removed in the same transaction."""
        with self._explained(), self._connection.transaction():
            self._execute("DELETE FROM secrets")
            for each in secrets.items():
                self._execute("INSERT INTO secrets VALUES (?, ?)", each)
            self._execute(_COUNT)
            for table, column in (("quarantine", "seq"), ("clauses", "number")):
                self._execute(_SEQUENCE.format(table=table, column=column))
            found = read_format(self._connection)
            assert found is not None
            last = MIGRATIONS[found.version - 1]
            self._mark(last.min_reader, last.min_writer)
        with self._explained():
            self._execute("ANALYZE")

    def close(self) -> None:
        """As in Store."""
        self._connection.close()

    def _begin(self) -> None:
        """Mark the database as unfinished, unless it is. Raises JournalError where it has a journal."""
        with self._explained():
            found = read_format(self._connection)
        if found is not None and found.min_reader >= UNFINISHED:
            return
        if any(self.count(table) for table in TABLES):
            raise JournalError(f"{self.name} has a journal and was not changed; name another schema or database")
        self._mark(UNFINISHED, UNFINISHED)

    def _lost(self) -> PgConnection:
        """Another session would not have the locks of this one."""
        raise JournalError(f"the connection to the journal's database {self._name} was lost; copy again")

    def _own(self) -> None:
        with self._explained():
            try:
                for role in (ROUTER, COURIER):
                    Ownership(role).acquire(self._connection, self._name, _WAIT_SECONDS)
            except JournalOwnedError as error:
                raise JournalError(
                    f"{error.holder} is using the journal {self._name}; stop all bridges that use it, then copy again. "
                    "Their senders wait meanwhile"
                ) from error

    def _mark(self, min_reader: int, min_writer: int) -> None:
        with self._explained():
            self._execute("UPDATE journal_format SET min_reader = ?, min_writer = ?", (min_reader, min_writer))

    def _copy(self, table: Table, rows: Sequence[Row]) -> None:
        columns, types = table.columns, table.types
        stored: list[Row] = [tuple(storable(each) if isinstance(each, str) else each for each in row) for row in rows]
        if table.name == "deliveries":
            columns, types = (*columns, "blocked"), (*types, "int2")
            key, state = table.columns.index("order_key"), table.columns.index("state")
            stored = [(*row, _blocked(row[key], row[state])) for row in stored]
        Statements(self._connection).copy(table.name, columns, types, stored)

    def _execute(self, statement: str, parameters: Row = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(marks(statement), parameters, binary=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise explain(error, self._name, then="run this again") from error


def _blocked(key: int | None, state: str) -> int:
    """The courier decides about the open deliveries with an order key."""
    return NEW if key is not None and key >= 0 and state in {"pending", "claimed"} else 0
