"""Copies the write-ahead log to the journal's file in a thread of its own, so that no commit waits for it."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from bridge.journal.sqlite.log_space import reserve

COPIED_PAGES = 4000
"""About this many pages are copied together. A copy makes the syncs of commits slower, so few large ones are better."""
RESERVED_COPIES = 2
"""The log has space for so many copies. On a busy disk it grows by a half while one is made."""
_QUIET_COPIES = 4
"""A journal that has written less than this part of a copy since it was opened needs no reserved space."""
THREAD_NAME = "log copier"
_TRIES = 10
"""A copy is complete if nothing is committed meanwhile. Only then is the log written from its start again."""
_FIRST_LOCKED, _SHORT_SECONDS = 2, 0.003
"""From this try on, it takes the write lock, unless the try before took longer: the next commit waits for it."""
_COMMIT_SECONDS = 0.002
"""How long to wait for a commit before the next try."""
_PAGES_A_TRANSACTION, _ROWS_A_PAGE = 8, 4
"""An estimate: each transaction writes the last page of tables and indexes again."""
_COPY, _COPY_LOCKED = "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(FULL)"


class LogCopier:
    """Starts its thread once much is written. SQLite itself copies in a commit where this one cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._pages = 0
        self._wake = threading.Event()
        self._copies = False
        self._committed = threading.Event()
        """Set by each commit during a copy."""
        self._closed = False
        self._thread: threading.Thread | None = None

    def committed(self, rows: int) -> None:
        """A transaction was committed, after which the connection has changed ``rows`` rows in all."""
        self._pages += _PAGES_A_TRANSACTION + (rows - self._rows) // _ROWS_A_PAGE
        self._rows = rows
        if self._copies:
            self._committed.set()
        if self._pages >= COPIED_PAGES:
            self._pages = 0
            self._wake.set()
        elif self._thread is not None or self._pages < COPIED_PAGES // _QUIET_COPIES:
            return
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            with suppress(RuntimeError):  # no thread is left: a commit copies, and the next one tries again
                thread.start()
                self._thread = thread

    def close(self) -> None:
        """End the thread, after the copy that is in progress."""
        self._closed = True
        self._wake.set()
        self._committed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            reserve(connection, self._path, COPIED_PAGES * RESERVED_COPIES, lambda: self._closed)
            connection.execute("PRAGMA busy_timeout = 0")  # FULL would wait for readers while it has the write lock
            while self._wake.wait() and not self._closed:
                self._wake.clear()
                self._copies = True
                with suppress(sqlite3.Error):  # SQLite copies in a commit, which reports the cause
                    self._copy(connection)
                self._copies = False

    def _copy(self, connection: sqlite3.Connection) -> None:
        """Copy until the log is written from its start again, or nothing is committed any more.

        It starts again with a transaction that begins after a complete copy. A try right after a commit has the most
        time for one. With the write lock it is complete, unless a reader needs what the log had before.
        """
        before, unchanged, seconds = 0, 0, 0.0
        for number in range(_TRIES):
            locks = number >= _FIRST_LOCKED and seconds < _SHORT_SECONDS
            started = time.monotonic()
            busy, pages, _copied = connection.execute(_COPY_LOCKED if locks else _COPY).fetchone()
            seconds = time.monotonic() - started
            unchanged = unchanged + 1 if pages == before else 0
            if (locks and not busy) or pages < before or unchanged > 1 or self._closed:
                return
            before = pages
            self._committed.clear()
            self._committed.wait(_COMMIT_SECONDS)
