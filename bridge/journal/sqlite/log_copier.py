"""Copies the write-ahead log to the journal's file in a thread of its own, so that no commit waits for it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

COPIED_PAGES = 4000
"""About this many pages are copied together. A copy makes the syncs of commits slower, so few large ones are better."""
THREAD_NAME = "log copier"
_TRIES = 4
"""A copy is complete if nothing is committed meanwhile. Only then is the log written from its start again."""
_PAGES_A_TRANSACTION, _ROWS_A_PAGE = 8, 4
"""An estimate: each transaction writes the last page of tables and indexes again."""


class LogCopier:
    """Starts its thread once there is something to copy. SQLite itself copies in a commit where this one cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._pages = 0
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def committed(self, rows: int) -> None:
        """A transaction was committed, after which the connection has changed ``rows`` rows in all."""
        self._pages += _PAGES_A_TRANSACTION + (rows - self._rows) // _ROWS_A_PAGE
        self._rows = rows
        if self._pages < COPIED_PAGES:
            return
        self._pages = 0
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, after the copy that is in progress."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            while self._wake.wait() and not self._closed:
                self._wake.clear()
                with suppress(sqlite3.Error):  # SQLite copies in a commit, which reports the cause
                    _copy(connection)


def _copy(connection: sqlite3.Connection) -> None:
    """Copy until nothing was committed meanwhile: only then is the log written from its start again."""
    before = -1
    for _ in range(_TRIES):
        _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages == before:
            return
        before = pages
