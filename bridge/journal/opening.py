"""Opens a journal. The only place that chooses the storage engine."""

from __future__ import annotations

from pathlib import Path

from bridge.journal.protocols import Journal


def open_for_router(path: Path) -> Journal:
    """The journal for the router, created if there is none. Raises JournalError, also where another router uses it."""
    from bridge.journal.sqlite import opening

    return opening.open_for_router(path)


def open_for_courier(path: Path) -> Journal:
    """The journal for the courier. Waits until no other courier uses it. Raises JournalError."""
    from bridge.journal.sqlite import opening

    return opening.open_for_courier(path)


def open_to_write(path: Path) -> Journal:
    """The journal for a writer beside router and courier. Raises JournalError."""
    from bridge.journal.sqlite import opening

    return opening.open_to_write(path)


def open_to_read(path: Path) -> Journal:
    """The journal for a reader, whether a bridge runs or not. Creates no file. Raises JournalError."""
    from bridge.journal.sqlite import opening

    return opening.open_to_read(path)


def backup(journal: Path, target: Path) -> list[Path]:
    """Copy a journal that may be in use, with its keys. Returns the files that were written. Raises JournalError."""
    from bridge.journal.sqlite import backup as sqlite_backup

    return sqlite_backup.backup(journal, target)
