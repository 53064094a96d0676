"""Opens the journal's file: creates it, upgrades it, or refuses it without changing it."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.journal.errors import JournalError
from bridge.journal.sqlite.faults import BUSY_SECONDS, cannot_open, damaged, explain, no_journal
from bridge.journal.sqlite.schema import APPLICATION_ID, OLDEST, SCHEMA, UPGRADES, VERSION, VIEWS

CHECKPOINT_PAGES = 1000
_RETRY_SECONDS = 0.01
_LARGEST_CHECKED_BYTES = 64 << 20
"""Up to this size the whole file is checked for damage when it is opened (about a second)."""


def connect(path: Path, checkpoint_pages: int = CHECKPOINT_PAGES, *, again: bool = False) -> sqlite3.Connection:
    """A connection to the journal at ``path``, which is created if there is none, or upgraded.

    A commit that leaves ``checkpoint_pages`` in the write-ahead log copies them to the journal's file. A file that is
    opened ``again`` is not checked for damage.

    Raises JournalError where the file is damaged, of a newer format, not a journal, or cannot be written; the file is
    then unchanged.
    """
    try:
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
    except (OSError, sqlite3.Error) as error:
        raise cannot_open(path, error) from error
    with _closed_on_error(connection, path):
        _recognise(connection, path, checks_all=not again)
        _set_up(connection)
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
    return connection


def connect_to_read(path: Path, *, again: bool = False) -> sqlite3.Connection:
    """A connection that only reads: it takes no lock that a writer waits for, and creates no file.

    An older format is read as it is. ``again`` as in ``connect``. Raises JournalError as ``connect`` does.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise no_journal(path) from None
    except OSError as error:
        raise cannot_open(path, error) from error
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise cannot_open(path, error) from error
    with _closed_on_error(connection, path):
        version = _recognise(connection, path, checks_all=not again)
        if version is None:
            raise no_journal(path)  # it is being created, or its creation was interrupted
        connection.execute("PRAGMA temp_store = MEMORY")
        for statement in VIEWS.get(version, ()):
            connection.execute(statement)
    return connection


@contextmanager
def _closed_on_error(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path, then="start again") from error
    except JournalError:
        connection.close()
        raise


def _make_private(path: Path) -> None:
    """Create the file for the bridge's user only: command lines in alerts hold secrets.

    A file that exists is not opened. Closing it would release the locks that SQLite holds on it for this process; the
    next process to close a connection would then take itself for the last one and delete the write-ahead log.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if stat.S_ISDIR(mode):
        raise IsADirectoryError


def _recognise(connection: sqlite3.Connection, path: Path, *, checks_all: bool) -> int | None:
    """The journal's format, or None for an empty file. Raises JournalError for a file that must not be written to."""
    connection.execute("BEGIN")  # one snapshot: another process may be creating the journal
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if tables and application != APPLICATION_ID:
        raise JournalError(
            f"{path} is an SQLite file, but not a journal of falco-bridge; nothing was changed. "
            "Set journal.path to another file"
        )
    if version > VERSION:
        raise JournalError(
            f"the journal {path} was written by a newer falco-bridge (format {version}; this version supports up to "
            f"{VERSION}); nothing was changed. Run that version, or set journal.path to another file"
        )
    if tables and version < OLDEST:
        raise JournalError(
            f"the journal {path} was written by a falco-bridge from before the first release (format {version}; this "
            f"version supports {OLDEST} to {VERSION}); nothing was changed. Let that version send the pending "
            "deliveries and move the file away, or set journal.path to another file"
        )
    if checks_all and path.stat().st_size <= _LARGEST_CHECKED_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise damaged(path, verdict)
    return version if tables else None


def _set_up(connection: sqlite3.Connection) -> None:
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")  # Database syncs what has to be durable
    connection.execute("PRAGMA foreign_keys = OFF")  # a delivery is only written with its alert
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in SCHEMA:
                connection.execute(statement)
        for version in range(connection.execute("PRAGMA user_version").fetchone()[0], VERSION):
            for statement in (*UPGRADES[version], f"PRAGMA user_version = {version + 1}"):
                connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:  # a full disk ends it
            connection.execute("ROLLBACK")
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite does not wait here for another process that does the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
