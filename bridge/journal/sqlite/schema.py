"""The journal's file: making it, knowing it again, and refusing what is not one without touching it."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.journal.errors import JournalBusyError, JournalError

APPLICATION_ID = 0x46427267
"""SQLite's application_id of a journal: ``FBrg``."""
VERSION = 3
"""Format 1, from before the first release, kept alerts uncompressed under random ids; format 2, how far files were
read in one text a source."""
_OLDEST = 2
"""Older ones are refused; what is between is brought up to date by ``_UPGRADES``."""
_BUSY_SECONDS = 30.0
_LOOK_SECONDS = 0.01
_CHECKED_WHOLE_BYTES = 64 << 20
"""Up to this size the whole file is checked at start (about a second)."""

_CHECKPOINTS = """
CREATE TABLE checkpoints (
    source TEXT NOT NULL,
    part TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (source, part)
) WITHOUT ROWID;
"""
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
{_CHECKPOINTS}
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    received_ns INTEGER NOT NULL,
    road TEXT NOT NULL,
    body BLOB NOT NULL,
    decisions BLOB NOT NULL
);
CREATE TABLE dictionaries (
    number INTEGER PRIMARY KEY,
    content BLOB NOT NULL
);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL REFERENCES alerts (seq),
    channel TEXT NOT NULL,
    lane INTEGER NOT NULL,
    notification BLOB NOT NULL,
    state TEXT NOT NULL,
    due_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ns INTEGER NOT NULL,
    settled_ns INTEGER,
    status INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    digest INTEGER
);
CREATE INDEX deliveries_open ON deliveries (channel, lane, id) WHERE state IN ('pending', 'claimed');
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 'dead';
CREATE INDEX deliveries_alert ON deliveries (alert);
CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    health BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    received_ns INTEGER NOT NULL,
    road TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw BLOB NOT NULL
);
"""

_FORGET_ATTEMPTS = """
CREATE TRIGGER forget_attempts AFTER DELETE ON deliveries
BEGIN
    DELETE FROM attempts WHERE delivery = OLD.id;
END
"""

_UPGRADES = {
    2: f"""
ALTER TABLE checkpoints RENAME TO whole_checkpoints;
{_CHECKPOINTS}
INSERT INTO checkpoints SELECT source, '', '' FROM whole_checkpoints;
INSERT INTO checkpoints SELECT source, key, value FROM whole_checkpoints, json_each(position);
DROP TABLE whole_checkpoints;
PRAGMA user_version = 3;
""",  # noqa: S608  # a constant
}
"""What makes the next format of each."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the journal at ``path``, made if there is none.

    Raises JournalError where the file is damaged, of a newer version, not a journal, or cannot be written; the
    file is then as it was.
    """
    try:
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
    except (OSError, sqlite3.Error) as error:
        raise _cannot_open(path, error) from error
    with _closed_where_it_fails(connection, path):
        _recognise(connection, path)
        _set_up(connection)
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads: it takes no lock that a writer would wait for, and makes no file.

    Raises JournalError as ``connect`` does.
    """
    if not path.exists():
        raise _none_yet(path)
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error
    with _closed_where_it_fails(connection, path):
        if not _recognise(connection, path):
            raise _none_yet(path)  # somebody is about to make it, or died over it
    return connection


@contextmanager
def _closed_where_it_fails(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path, then="start again") from error
    except JournalError:
        connection.close()
        raise


def explain(error: sqlite3.Error, path: Path, *, then: str = "the bridge goes on by itself") -> JournalError:
    """The sentence for a fault of SQLite, and whether the same call may work later; ``then``, once it is mended."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    match primary:
        case sqlite3.SQLITE_FULL:
            return JournalBusyError(f"the disk that holds the journal {path} is full; free some space, and {then}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusyError(
                f"the journal {path} has been locked by another program for {_BUSY_SECONDS:.0f} s; "
                "close whatever has it open for writing"
            )
        case sqlite3.SQLITE_IOERR:
            return JournalBusyError(
                f"the disk that holds the journal {path} does not take writes ({error}); "
                f"look at the disk and its quota, and {then}"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return JournalError(
                f"the journal {path} is damaged ({error}); nothing was changed. Move it aside to start anew, and "
                f"recover what it holds with: sqlite3 {path} .recover"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalError(
                f"the journal {path} cannot be written ({error}); give the user that runs the bridge write access "
                f"to the file and to its folder {path.parent}"
            )
        case _:
            return JournalError(f"the journal {path} cannot be used: {error}")


def _make_private(path: Path) -> None:
    """Alerts hold command lines, and those hold secrets: only the bridge's user may read the journal.

    One that is there is not opened: closing it would end the locks that SQLite holds on it for this process, and then
    whoever closes a connection next takes himself for the last and deletes the log that we write to.
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


def _cannot_open(path: Path, error: Exception) -> JournalError:
    if isinstance(error, FileNotFoundError):
        return JournalError(f"the journal's folder {path.parent} does not exist; create it, or set journal.path")
    if isinstance(error, IsADirectoryError):
        return JournalError(f"the journal {path} is a folder; set journal.path to a file in it")
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return JournalError(f"the journal {path} is a symbolic link; set journal.path to the file that it leads to")
    why = error.strerror if isinstance(error, OSError) else str(error)
    return JournalError(
        f"cannot open the journal {path}: {why}; give the user that runs the bridge write access to the file and "
        f"to its folder {path.parent}"
    )


def _recognise(connection: sqlite3.Connection, path: Path) -> bool:
    """Refuse a file that this version must not write to, before anything is written. Whether it holds a journal yet."""
    connection.execute("BEGIN")  # all of one moment, for somebody may be making it
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if tables and application != APPLICATION_ID:
        raise JournalError(
            f"{path} is an SQLite file, but not a journal of falco-bridge; nothing was changed. "
            "Set journal.path to another file"
        )
    if version > VERSION:
        raise JournalError(
            f"the journal {path} was written by a newer falco-bridge (format {version}, this one knows {VERSION}); "
            "nothing was changed. Run that version, or set journal.path to another file"
        )
    if tables and version < _OLDEST:
        raise JournalError(
            f"the journal {path} was written by a falco-bridge from before the first release (format {version}, this "
            f"one knows {_OLDEST} to {VERSION}); nothing was changed. Let that version deliver what waits and move the "
            "file aside, or set journal.path to another file"
        )
    if path.stat().st_size <= _CHECKED_WHOLE_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise JournalError(
                f"the journal {path} is damaged ({' '.join(verdict.split())}); nothing was changed. "
                f"Move it aside to start anew, and recover what it holds with: sqlite3 {path} .recover"
            )
    return bool(tables)


def _none_yet(path: Path) -> JournalError:
    return JournalError(f"there is no journal {path}: no bridge has run with it yet")


def _set_up(connection: sqlite3.Connection) -> None:
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = OFF")  # deliveries are only ever written beside their alert
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in (*_SCHEMA.split(";"), _FORGET_ATTEMPTS):
                connection.execute(statement)
        for version in range(connection.execute("PRAGMA user_version").fetchone()[0], VERSION):
            for statement in _UPGRADES[version].split(";"):
                connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite itself does not wait for whoever does the same at this moment."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
