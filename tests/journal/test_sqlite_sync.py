"""A durable transaction is synced before it returns, without the write lock."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.common.files.key_file import create_key
from bridge.delivery import Capacity
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.sqlite import database
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from bridge.journal.sqlite.opening import assemble
from tests.support.builders import entry, settlement
from tests.support.limits import no_descriptors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture
def connection(path: Path) -> sqlite3.Connection:
    return connect(path)


@pytest.fixture
def journal(path: Path, connection: sqlite3.Connection) -> Iterator[Journal]:
    with closing(assemble(Database(connection, path))) as journal:
        yield journal


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes that were synced."""
    inodes: list[int] = []

    def record(descriptor: int) -> None:
        inodes.append(os.fstat(descriptor).st_ino)
        os.fsync(descriptor)

    monkeypatch.setattr(database, "_sync", record)
    return inodes


def test_alerts_and_settlements_are_synced_and_claims_are_not(path: Path, journal: Journal, calls: list[int]) -> None:
    """Once each, in the write-ahead log."""
    log = path.with_name("j.db-wal").stat().st_ino
    journal.alerts.append("falco", 0, [entry(1, "chat")])
    assert calls == [log]
    journal.deliveries.claim(0, 10, {"chat": Capacity(1)})
    assert calls == [log]
    journal.deliveries.settle([settlement(1)])
    assert calls == [log] * 2


def test_the_names_of_new_files_are_synced_once(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    """Else a crash of the machine may leave a journal without its log, or none."""
    sync = os.fsync

    def record(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            calls.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    log, folder = path.with_name("j.db-wal").stat().st_ino, path.parent.stat().st_ino
    journal.alerts.append("falco", 0, [entry(1, "chat")])
    journal.alerts.append("falco", 0, [entry(2, "chat")])
    assert calls == [folder, log, log]
    calls.clear()
    create_key(path.with_name("key"))
    assert calls == [folder]


def test_a_machine_without_descriptors_is_not_a_deleted_log(path: Path, journal: Journal, tmp_path: Path) -> None:
    """The content is written to the journal's file instead."""
    with no_descriptors():
        journal.alerts.append("falco", 0, [entry(1, "chat")])
    shutil.copyfile(path, tmp_path / "without-log.db")
    with closing(open_to_read(tmp_path / "without-log.db")) as copy:
        assert len(list(copy.history.alerts())) == 1


def test_another_process_writes_during_a_sync(path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk delays its own transaction only."""
    times: list[int] = []

    def write(_descriptor: int) -> None:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            times.append(other.execute("SELECT count(*) FROM alerts").fetchone()[0])
            other.execute("COMMIT")

    monkeypatch.setattr(database, "_sync", write)
    journal.alerts.append("falco", 0, [entry(1, "chat")])
    assert times == [1]


def fail(_descriptor: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_after_a_failed_sync_the_content_is_in_the_journals_file(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel may have dropped what it failed to write, and report the next sync as a success."""
    monkeypatch.setattr(database, "_sync", fail)
    journal.alerts.append("falco", 0, [entry(1, "chat")])
    shutil.copyfile(path, tmp_path / "without-log.db")
    with closing(open_to_read(tmp_path / "without-log.db")) as copy:
        assert len(list(copy.history.alerts())) == 1


def test_a_disk_that_loses_what_it_accepted_is_a_fault(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged, and the same call is not repeated: it may be stored."""
    journal.alerts.append("falco", 0, [entry(1, "chat")])
    monkeypatch.setattr(database, "_SQLITE_WAITS", "PRAGMA busy_timeout = 0")
    monkeypatch.setattr(database, "_sync", fail)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM alerts").fetchall()  # no checkpoint can complete
        with pytest.raises(JournalError, match="failed to write what it had accepted") as raised:
            journal.alerts.append("falco", 0, [entry(2, "chat")])
    assert not isinstance(raised.value, JournalBusyError)


def test_a_deleted_write_ahead_log_is_noticed(path: Path) -> None:
    """What is written to it would be lost with the last process that has it open."""
    with closing(open_for_router(path)) as journal:
        journal.alerts.append("falco", 0, [entry(1, "chat")])
        path.with_name("j.db-wal").unlink()
        with pytest.raises(JournalError, match=r"j\.db-wal was deleted while the bridge ran"):
            journal.alerts.append("falco", 0, [entry(2, "chat")])
