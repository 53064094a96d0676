"""Turns SQLite's errors into journal errors that say what to do next."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from bridge.journal.errors import JournalBusyError, JournalError, NoJournalError

BUSY_SECONDS = 30.0
"""How long SQLite waits for a lock."""


def explain(error: sqlite3.Error, path: Path, *, then: str = "the bridge continues") -> JournalError:
    """The journal error for an error of SQLite; ``then`` is what follows once the cause is fixed."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    match primary:
        case sqlite3.SQLITE_FULL:
            return JournalBusyError(f"the disk that holds the journal {path} is full; free some space, and {then}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusyError(
                f"the journal {path} has been locked by another program for {BUSY_SECONDS:.0f} s; "
                "close the program that has it open for writing"
            )
        case sqlite3.SQLITE_IOERR:
            return JournalBusyError(
                f"the disk that holds the journal {path} does not accept writes ({error}); "
                f"check the disk and its quota, and {then}"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalError(
                f"the journal {path} cannot be written ({error}); give the user that runs the bridge write access "
                f"to the file and to its folder {path.parent}"
            )
        case _:
            return JournalError(f"the journal {path} cannot be used: {error}")


def damaged(path: Path, detail: str) -> JournalError:
    """The error for a journal whose content cannot be read."""
    return JournalError(
        f"the journal {path} is damaged ({' '.join(detail.split())}); nothing was changed. "
        f"Move it away to start with an empty one, and recover its content with: sqlite3 {path} .recover"
    )


def lost(path: Path, what: str) -> JournalError:
    """The error for a journal that was deleted, or replaced by another file, while it was open."""
    return JournalError(
        f"the journal {path} was {what} while the bridge ran; alerts are no longer acknowledged. "
        "Put it back before the bridge starts again, otherwise it starts with what is there"
    )


def not_durable(path: Path, error: OSError) -> JournalError:
    """The error for a transaction that the disk may have lost although it accepted it."""
    return JournalError(
        f"the disk that holds the journal {path} failed to write what it had accepted ({error.strerror}); "
        "check the disk, and start the bridge again"
    )


def no_journal(path: Path) -> NoJournalError:
    """The error for a reader where no journal is, or only the beginning of one."""
    return NoJournalError(f"there is no journal {path}: no bridge has run with it yet")


def cannot_open(path: Path, error: Exception) -> JournalError:
    """The error for a file that cannot be opened or created."""
    if isinstance(error, FileNotFoundError):
        return JournalError(f"the journal's folder {path.parent} does not exist; create it, or set journal.path")
    if isinstance(error, IsADirectoryError):
        return JournalError(f"the journal {path} is a folder; set journal.path to a file in it")
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return JournalError(f"the journal {path} is a symbolic link; set journal.path to the file it points to")
    why = error.strerror if isinstance(error, OSError) else str(error)
    return JournalError(
        f"cannot open the journal {path}: {why}; give the user that runs the bridge write access to the file and "
        f"to its folder {path.parent}"
    )
