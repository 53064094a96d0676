"""What both halves of the journal stand on: one connection, transactions, and faults told in sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.alert import Alert
from bridge.journal.sqlite.bodies import Bodies
from bridge.journal.sqlite.lock import FileLock
from bridge.journal.sqlite.schema import explain


class Store:
    """One connection to the journal's file. Methods raise JournalError; JournalBusyError where waiting may help."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: FileLock | None) -> None:
        self._connection = connection
        self._path = path
        self._lock = lock
        self._bodies = Bodies(path, self._dictionaries)

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def read(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query over the schema, for ``bridge.journal.sqlite.history``."""
        with self._explained():
            return self._connection.execute(statement, parameters).fetchall()

    def alert(self, identity: bytes, body: bytes) -> Alert:
        """The alert in a row of ``alerts``. Raises JournalError where it is damaged."""
        return self._bodies.decode(identity, body)

    def _dictionaries(self) -> Iterator[tuple[int, bytes]]:
        for number, content in self.read(
            "SELECT number, content FROM dictionaries WHERE length(content) ORDER BY number"
        ):
            assert isinstance(number, int)
            assert isinstance(content, bytes)
            yield number, content

    def _scalar(self, statement: str, parameters: Sequence[object] = ()) -> int:
        with self._explained():
            return int(self._connection.execute(statement, parameters).fetchone()[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """All or nothing. A failed COMMIT leaves the transaction open, so that too is rolled back.

        One that is not ``durable`` outlives a killed process, and need not outlive the machine.
        """
        with self._explained():
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
