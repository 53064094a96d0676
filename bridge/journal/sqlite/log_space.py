"""Reserves space for the write-ahead log, so that commits write it in place."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BYTES_A_PAGE = 4096 + 24
"""A page in the write-ahead log."""
_CHUNK = bytes(1 << 20)
_FREE_PARTS = 16
"""Only a part of the free disk space is reserved."""


def reserve(connection: sqlite3.Connection, path: Path, pages: int, stopped: Callable[[], bool]) -> None:
    """Lengthen the write-ahead log of the journal at ``path`` with zeros until it has space for ``pages``.

    The sync of a file that has grown waits for the file system's own journal, and thereby for what other programs
    write. SQLite reads zeros as the end of the log. They are really written: a first write to space that was only
    allocated (``fallocate``) goes through the file system's journal too. If this fails, the log grows as it is used.

    ``connection`` takes the write lock for each part, because SQLite lengthens the log under that lock.
    """
    size = pages * BYTES_A_PAGE
    with suppress(OSError, sqlite3.Error):
        if shutil.disk_usage(path.parent).free < size * _FREE_PARTS:
            return
        log = os.open(path.with_name(path.name + "-wal"), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            while not stopped() and _lengthen(connection, log, size):
                os.fsync(log)
        finally:
            os.close(log)


def _lengthen(connection: sqlite3.Connection, log: int, size: int) -> bool:
    """Write one part of the zeros. Returns False if the file has its size."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        end = os.fstat(log).st_size
        return 0 < end < size and os.pwrite(log, _CHUNK[: size - end], end) > 0
    finally:
        connection.execute("ROLLBACK")
