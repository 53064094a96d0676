"""The connection to a journal's file, its transactions and its rows. Shared by the parts of one journal."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.common.files.folder_sync import sync_folder
from bridge.journal.sqlite.faults import BUSY_SECONDS, damaged, explain, lost, not_durable
from bridge.journal.sqlite.log_copier import LogCopier

_sync = getattr(os, "fdatasync", os.fsync)
_CHECKPOINTS = 3
"""How often a checkpoint is tried after a failed sync. The first one may report the same failure again."""
_SHORT_WAIT_SECONDS, _LONG_WAIT_SECONDS = 0.00005, 0.005
"""Between two tries to take the write lock: at first, and after some milliseconds."""
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
_SQLITE_WAITS = f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}"
_SQLITE_FAILS = "PRAGMA busy_timeout = 0"

_Row = TypeVar("_Row")


class Database:
    """Used by one thread at a time. Methods raise JournalError; JournalBusyError where the same call may work later."""

    def __init__(self, connection: sqlite3.Connection, path: Path, copier: LogCopier | None = None) -> None:
        """``copier`` copies the write-ahead log; without it, a commit does."""
        self.path = path
        self._copier = copier
        self._log_path = path.with_name(path.name + "-wal")
        self._connection = connection
        self._name = str(path)
        self._file = _file_at(self._name)
        self._sqlite_waits = True
        """Whether SQLite waits for locks. Switching that for each transaction would cost as much as beginning it."""
        self._log: int | None = None
        """The descriptor of the write-ahead log, once it was synced. SQLite has no locks on that file."""

    @property
    def name(self) -> str:
        """The file, for messages."""
        return str(self.path)

    @property
    def contains(self) -> str:
        """As in `sql.database`."""
        return "instr({column}, ?) > 0"

    def close(self) -> None:
        """Close the connection."""
        if self._copier is not None:
            self._copier.close()
        self._connection.close()
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def verify(self) -> None:
        """Raise JournalError where a file was deleted or replaced since it was opened: writes to it would be lost."""
        found = _file_at(self._name)
        if found != self._file:
            raise lost(self.path, "deleted" if found is None else "replaced")
        if self._log is not None and not os.fstat(self._log).st_nlink:
            raise lost(self._log_path, "deleted")

    def rows(self, row: type[_Row], statement: str, parameters: Sequence[object] = ()) -> list[_Row]:
        """The rows of a query, each converted to a ``row``: a NamedTuple or a plain type for queries of one column."""
        with self._explained():
            self._let_sqlite_wait()
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
            self._let_sqlite_wait()
            return int(self._connection.execute(statement, parameters).fetchone()[0])

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[sqlite3.Connection]:
        """A write transaction: all or nothing. A failed COMMIT leaves it open, so it is rolled back too.

        One that is not ``durable`` survives a killed process; it may be lost with the machine. A durable one is synced
        after the write lock is released, so that router and courier do not wait for each other's syncs. Another
        process may read it before that.
        """
        return _Transaction(self, durable=durable)

    def begin(self) -> sqlite3.Connection:
        """Begin a write transaction. ``commit`` or ``roll_back`` follows."""
        try:
            self._begin()
        except sqlite3.Error as error:
            self.roll_back()
            raise explain(error, self.path) from error
        return self._connection

    def commit(self, *, durable: bool) -> None:
        """Commit the transaction, or roll it back where that fails."""
        connection = self._connection
        try:
            connection.execute("COMMIT")
            if durable:
                self._sync_log()
        except BaseException as error:
            self.roll_back()
            if isinstance(error, sqlite3.Error):
                raise explain(error, self.path) from error
            raise
        if self._copier is not None:
            self._copier.committed(connection.total_changes)
        self.verify()

    def roll_back(self) -> None:
        """Undo the transaction, if there is one."""
        if self._connection.in_transaction:
            with self._explained():
                self._connection.execute("ROLLBACK")

    def _begin(self) -> None:
        """Take the write lock. The other process holds it for less than the time that SQLite would sleep."""
        connection = self._connection
        if self._sqlite_waits:
            connection.execute(_SQLITE_FAILS)
            self._sqlite_waits = False
        deadline, wait = 0.0, _SHORT_WAIT_SECONDS
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                deadline = deadline or now + BUSY_SECONDS
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or now > deadline:
                    raise
            else:
                return
            time.sleep(wait)
            wait = min(wait * 1.05, _LONG_WAIT_SECONDS)

    def _let_sqlite_wait(self) -> None:
        """Wait for locks outside of transactions as SQLite does, for example while another process restores the log."""
        if not self._sqlite_waits and not self._connection.in_transaction:
            self._connection.execute(_SQLITE_WAITS)
            self._sqlite_waits = True

    def _sync_log(self) -> None:
        """Sync the write-ahead log, as COMMIT does with ``synchronous = FULL``."""
        try:
            if self._log is None:
                self._log = self._open_log()
            _sync(self._log)
        except OSError as error:
            self._checkpoint(error)

    def _open_log(self) -> int:
        """Its descriptor, once the names of the journal's files are on disk. Raises OSError."""
        try:
            descriptor = os.open(self._log_path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                raise
            self.verify()
            raise lost(self._log_path, "deleted") from error
        try:
            sync_folder(self.path.parent)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _checkpoint(self, cause: OSError) -> None:
        """A sync failed: the kernel may never write those pages. Write their content to the journal's file instead."""
        for _ in range(_CHECKPOINTS):
            with suppress(sqlite3.Error):
                self._let_sqlite_wait()
                if not self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()[0]:
                    return
        raise not_durable(self.path, cause) from cause

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


class _Transaction:
    """A context manager, which begins each commit. One that is a generator costs twice as much."""

    __slots__ = ("_database", "_durable")

    def __init__(self, database: Database, *, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> sqlite3.Connection:
        return self._database.begin()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            self._database.commit(durable=self._durable)
            return
        self._database.roll_back()
        if isinstance(error, sqlite3.Error):
            raise explain(error, self._database.path) from error


def _file_at(path: str) -> tuple[int, int] | None:
    """The device and inode of a file; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # twice for each batch: a Path costs three times as much
    except OSError:
        return None
    return found.st_dev, found.st_ino
