"""A file as the source or the target of a copy between engines."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.common.files.key_file import read_key, write_key
from bridge.journal.errors import JournalError
from bridge.journal.file_lock import FileLock
from bridge.journal.secret_names import LINKS, STATE_KEYS
from bridge.journal.sql.copying import Row, Table, select
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite.faults import explain
from bridge.journal.sqlite.file import connect

_BLOCK = (
    f"UPDATE deliveries SET blocked = 1 WHERE {OPEN} AND order_key >= 0 AND EXISTS (SELECT 1 FROM deliveries AS o "
    "WHERE o.channel = deliveries.channel AND o.order_key = deliveries.order_key AND o.id < deliveries.id "
    f"AND o.{OPEN})"
)


_CHECKPOINT_PAGES = 1000
"""SQLite's own: no other process is there to copy the write-ahead log."""


class SqliteStore:
    """Implements Store. A target is written to a file that ends in ``.part`` until it is complete."""

    def __init__(self, path: Path, lock: FileLock, opened: Path) -> None:
        self._path = path
        self._lock = lock
        self._opened = opened
        self._connection = connect(opened, _CHECKPOINT_PAGES)

    @classmethod
    def source(cls, path: Path) -> SqliteStore:
        """The journal. Raises JournalError where there is none, or a bridge uses it."""
        if not path.exists():
            raise JournalError(f"there is no journal {path}; check the path")
        return cls(path, _locked(path), path)

    @classmethod
    def target(cls, path: Path) -> SqliteStore:
        """A new journal, or one whose copy was interrupted. Raises JournalError where the file exists."""
        if os.path.lexists(path):
            raise JournalError(f"{path} exists and was not changed; name another file, or remove it")
        store = cls(path, _locked(path), path.with_name(path.name + ".part"))
        store._connection.execute("PRAGMA synchronous = OFF")  # it is synced at the end
        return store

    @property
    def name(self) -> str:
        """As in Store."""
        return str(self._opened)

    def rows(self, table: Table, after: Row | None, limit: int | None) -> list[Row]:
        """As in Store."""
        with self._explained():
            return self._connection.execute(*select(table, after, limit, "")).fetchall()

    def last(self, table: Table) -> Row | None:
        """As in Store."""
        keys = table.columns[: table.key]
        order = ", ".join(f"{key} DESC" for key in keys)
        with self._explained():
            found: Row | None = self._connection.execute(
                f"SELECT {', '.join(keys)} FROM {table.name} ORDER BY {order} LIMIT 1"
            ).fetchone()
        return found

    def count(self, table: Table) -> int:
        """As in Store."""
        with self._explained():
            return int(self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """As in Store."""
        with self._transaction() as connection:
            _insert(connection, table, rows)

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """As in Store."""
        with self._transaction() as connection:
            connection.execute(f"DELETE FROM {table.name}")
            _insert(connection, table, rows)

    def secrets(self) -> dict[str, bytes]:
        """As in Store."""
        found = {name: self._key(path) for name, path in self._key_files().items()}
        return {name: key for name, key in found.items() if key is not None}

    def finish(self, secrets: Mapping[str, bytes]) -> None:
        """As in Store. The file gets its name last."""
        with self._transaction() as connection:
            connection.execute(_BLOCK)
        with self._explained():
            self._connection.execute("PRAGMA journal_mode = DELETE")  # no other file belongs to it
        self._connection.close()
        try:
            for name, path in self._key_files().items():
                if name in secrets:
                    write_key(path, secrets[name])
            _sync(self._opened)
            self._opened.replace(self._path)
            _sync(self._path.parent)
        except OSError as error:
            raise JournalError(f"cannot write {self._path}: {error.strerror}; check its folder") from error

    def _key_files(self) -> dict[str, Path]:
        suffixes = {STATE_KEYS: ".key", LINKS: ".links.key"}
        return {name: self._path.with_name(self._path.name + suffix) for name, suffix in suffixes.items()}

    @staticmethod
    def _key(path: Path) -> bytes | None:
        try:
            return read_key(path)
        except OSError as error:
            raise JournalError(f"cannot read {path}: {error.strerror}; run this as the bridge's user") from error

    def close(self) -> None:
        """As in Store."""
        self._connection.close()
        self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self._opened, then="run this again") from error


def _insert(connection: sqlite3.Connection, table: Table, rows: Sequence[Row]) -> None:
    marks = ", ".join("?" * len(table.columns))
    connection.executemany(f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})", rows)


def _locked(path: Path) -> FileLock:
    lock = FileLock(path.with_name(path.name + ".lock"))
    if not lock.try_acquire():
        raise JournalError(f"a falco-bridge (process {lock.owner()}) is using the journal {path}; stop it first")
    return lock


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
