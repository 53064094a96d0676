"""The connection to a journal's file, its transactions and its rows. Shared by the parts of one journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.journal.sqlite.faults import damaged, explain, lost

_Row = TypeVar("_Row")


class Database:
    """Used by one thread at a time. Methods raise JournalError; JournalBusyError where the same call may work later."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._file = _file_at(path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def verify(self) -> None:
        """Raise JournalError where the file was deleted or replaced since it was opened: writes to it would be lost."""
        found = _file_at(self.path)
        if found != self._file:
            raise lost(self.path, "deleted" if found is None else "replaced")

    def rows(self, row: type[_Row], statement: str, parameters: Sequence[object] = ()) -> list[_Row]:
        """The rows of a query, each converted to a ``row``: a NamedTuple or a plain type for queries of one column."""
        with self._explained():
            fetched = self._connection.execute(statement, parameters).fetchall()
        try:
            if issubclass(row, tuple):
                return [msgspec.convert(each, row) for each in fetched]
            return [msgspec.convert(each, row) for (each,) in fetched]
        except msgspec.ValidationError as error:
            raise damaged(self.path, str(error)) from error

    def number(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The number that a query of one row and one column returns."""
        with self._explained():
            return int(self._connection.execute(statement, parameters).fetchone()[0])

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction: all or nothing. A failed COMMIT leaves it open, so it is rolled back too.

        One that is not ``durable`` survives a killed process; it may be lost with the machine.
        """
        with self._explained():
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self.verify()
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self.verify()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


def _file_at(path: Path) -> tuple[int, int] | None:
    """The device and inode of a file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
