"""Copies the write-ahead log to the journal's file in a thread of its own, so that no commit waits for it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from bridge.journal.sqlite.log_space import reserve

COPIED_PAGES = 4000
"""About this many pages are copied together. A copy makes the syncs of commits slower, so few large ones are better."""
RESERVED_COPIES = 2
"""The log has space for so many copies. On a busy disk it grows by a half while one is made."""
_QUIET_COPIES = 16
"""A journal that has written less than this part of a copy since it was opened needs no reserved space."""
THREAD_NAME = "log copier"
_TRIES = 24
"""A copy is complete if nothing is committed meanwhile. Only then is the log written from its start again."""
_COMMIT_SECONDS = 0.002
"""How long to wait for a commit before the next try."""
_PAGES_A_TRANSACTION, _ROWS_A_PAGE = 8, 4
"""An estimate: each transaction writes the last page of tables and indexes again."""


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
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()

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
            while self._wake.wait() and not self._closed:
                self._wake.clear()
                self._copies = True
                with suppress(sqlite3.Error):  # SQLite copies in a commit, which reports the cause
                    self._copy(connection)
                self._copies = False

    def _copy(self, connection: sqlite3.Connection) -> None:
        """Copy until the log is written from its start again, or nothing is committed any more.

        That takes a transaction which begins after a complete copy. A try right after a commit has the most time.
        """
        before, unchanged = 0, 0
        for _ in range(_TRIES):
            _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            unchanged = unchanged + 1 if pages == before else 0
            if pages < before or unchanged > 1 or self._closed:
                return
            before = pages
            self._committed.clear()
            self._committed.wait(_COMMIT_SECONDS)
