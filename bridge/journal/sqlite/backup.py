"""Copies a journal that may be in use: one consistent state, without stopping its writers."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bridge.journal.errors import JournalError
from bridge.journal.sqlite.faults import explain
from bridge.journal.sqlite.file import connect_to_read

KEY_SUFFIXES = (".key", ".links.key")
"""The key of the clauses' state, and that of acknowledgement links."""


def backup(journal: Path, target: Path) -> list[Path]:
    """Write a copy of the journal to ``target``, and its keys beside it, each with mode 0600. Returns what was written.

    The copy is renamed to its name once it is complete and on the disk. Raises JournalError, also where ``target``
    exists.
    """
    for each in (target, *(target.with_name(target.name + suffix) for suffix in KEY_SUFFIXES)):
        if os.path.lexists(each):
            raise JournalError(f"{each} exists and was not changed; name another file, or remove it")
    part = target.with_name(target.name + ".part")
    written: list[Path] = []
    try:
        _copy(journal, part)
        for suffix in KEY_SUFFIXES:
            key = journal.with_name(journal.name + suffix)
            if key.exists():
                written.append(target.with_name(target.name + suffix))
                _copy_file(key, written[-1])
        part.replace(target)
        _sync(target.parent)
    except (OSError, JournalError) as error:
        with suppress(OSError):
            for each in (part, *written):
                each.unlink(missing_ok=True)
        if isinstance(error, JournalError):
            raise
        raise JournalError(f"cannot write {target}: {error.strerror}; check the folder and its free space") from error
    return [target, *written]


def _copy(journal: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    os.close(_create(part))
    with closing(connect_to_read(journal)) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        try:
            source.backup(copy)  # in one go: with several steps, each commit of the bridge would restart it
            copy.execute("PRAGMA journal_mode = DELETE")  # no other file belongs to it
            verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            raise explain(error, part, then="run this again") from error
    if verdict != "ok":
        raise JournalError(f"the copy of {journal} is damaged ({verdict}); check the disks, and run this again")
    _sync(part)


def _copy_file(source: Path, target: Path) -> None:
    with open(_create(target), "wb") as copy, source.open("rb") as original:  # a descriptor
        shutil.copyfileobj(original, copy)
        copy.flush()
        os.fsync(copy.fileno())


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
