"""The write-ahead log of a router is copied beside its commits, and a commit waits for another writer only briefly."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.journal import JournalBusyError, JournalError
from bridge.journal.opening import open_for_courier, open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.sqlite import database, log_copier, log_space
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from tests.support.builders import entries
from tests.support.limits import no_threads
from tests.support.waiting import wait_until

_ROUNDS = 6
_PAGE_BYTES = log_space.BYTES_A_PAGE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture
def journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(log_copier, "COPIED_PAGES", 40)
    with closing(open_for_router(path)) as journal:
        yield journal


def in_the_file(path: Path) -> int:
    """The number of alerts that are in the journal's file, without its write-ahead log; 0 during a copy."""
    alone = path.with_name("alone.db")
    shutil.copyfile(path, alone)
    try:
        with closing(open_to_read(alone)) as journal:
            return journal.history.alert_count()
    except JournalError:
        return 0


def append_until_copied(path: Path, journal: Journal, first: int) -> int:
    """Append as many batches as cause a copy. Returns how many alerts are stored."""
    for number in range(first, first + 5):
        journal.alerts.append("s", 0, entries(number))
    wait_until(lambda: in_the_file(path) == first + 5, "the copy of the write-ahead log")
    return first + 5


def test_the_log_is_written_from_its_start_again_once_it_is_copied(path: Path, journal: Journal) -> None:
    """It does not grow with the rounds. On a busy machine a few transactions more are copied together."""
    log, stored, sizes = path.with_name("j.db-wal"), 0, list[int]()
    for _ in range(_ROUNDS):
        stored = append_until_copied(path, journal, stored)
        sizes.append(log.stat().st_size)
    assert max(sizes) < _ROUNDS / 2 * sizes[0]
    assert journal.history.alert_count() == stored


def test_commits_write_the_log_in_place_once_much_is_written(path: Path, journal: Journal) -> None:
    """A copy of the files, as a killed bridge leaves them, has all alerts: the reserved space is no part of the log."""
    log, appended = path.with_name("j.db-wal"), 0

    def is_reserved() -> bool:
        nonlocal appended
        journal.alerts.append("s", 0, entries(appended))
        appended += 1
        return log.stat().st_size >= 40 * log_copier.RESERVED_COPIES * _PAGE_BYTES

    wait_until(is_reserved, "the space for the write-ahead log")
    size = log.stat().st_size
    for number in range(appended, appended + 4):
        journal.alerts.append("s", 0, entries(number))
        assert log.stat().st_size == size
        left = path.with_name(f"left-{number}.db")
        shutil.copyfile(path, left)
        shutil.copyfile(log, left.with_name(left.name + "-wal"))
        with closing(open_for_router(left)) as again:
            assert again.history.alert_count() == number + 1


def test_a_commit_does_not_wait_for_a_reader(path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that has the write lock gives up where a reader needs what the log had before. It would wait for 5 s."""
    monkeypatch.setattr(log_copier, "_FIRST_LOCKED", 0)
    monkeypatch.setattr(database, "BUSY_SECONDS", 2.0)
    stored = append_until_copied(path, journal, 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM alerts").fetchone()[0] == stored
        for number in range(stored, stored + 40):
            journal.alerts.append("s", 0, entries(number))
        assert reader.execute("SELECT count(*) FROM alerts").fetchone()[0] == stored
    append_until_copied(path, journal, stored + 40)


def test_a_disk_that_is_nearly_full_is_left_as_it_is(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    append_until_copied(path, journal, 0)
    assert path.with_name("j.db-wal").stat().st_size < 80 * _PAGE_BYTES


def test_the_courier_copies_the_log_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows until the courier commits; then the router writes it from its start again."""
    monkeypatch.setattr(log_copier, "COPIED_PAGES", 10**9)
    log = path.with_name("j.db-wal")
    with closing(open_for_router(path)) as router, closing(open_for_courier(path)) as courier:
        batches = iter(range(10**6))
        while log.stat().st_size < 1200 * _PAGE_BYTES:
            router.alerts.append("s", 0, entries(*(1000 * next(batches) + number for number in range(1000))))
        courier.alerts.append("s", 0, entries(-1))
        grown = log.stat().st_size
        router.alerts.append("s", 0, entries(-2))
        assert log.stat().st_size == grown


def test_a_closed_journal_has_no_thread_and_no_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_copier, "COPIED_PAGES", 40)
    before = set(threading.enumerate())

    def copies() -> bool:
        return any(each.name == log_copier.THREAD_NAME for each in set(threading.enumerate()) - before)

    with closing(open_for_router(path)) as journal:
        for number in range(20):
            journal.alerts.append("s", 0, entries(number))
        assert copies()
    assert not copies()
    assert not path.with_name("j.db-wal").exists()
    with closing(open_to_read(path)) as journal:
        assert journal.history.alert_count() == 20


def test_a_commit_waits_until_another_writer_has_finished(path: Path, journal: Journal) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.1, lambda: other.execute("COMMIT"))
        release.start()
        journal.alerts.append("s", 0, entries(1))
        release.join()
    assert journal.history.alert_count() == 1


def test_a_writer_that_does_not_finish_is_reported(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is not stored, and the same call works later."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalBusyError, match="locked by another program"):
            journal.alerts.append("s", 0, entries(1))
        other.execute("COMMIT")
    journal.alerts.append("s", 0, entries(1))
    assert journal.history.alert_count() == 1


def test_transactions_in_a_row_do_not_switch_how_locks_are_waited_for(path: Path) -> None:
    """A query outside of one switches back: SQLite waits for the connection that restores the log. One inside leaves it alone."""
    with closing(connect(path)) as connection:
        opened, statements = Database(connection, path), list[str]()
        with opened.transaction():
            pass
        connection.set_trace_callback(statements.append)
        for _ in range(2):
            with opened.transaction():
                assert opened.number("SELECT count(*) FROM alerts") == 0
        assert not [each for each in statements if "busy_timeout" in each]
        assert opened.rows(int, "PRAGMA busy_timeout") == [database.BUSY_SECONDS * 1000]


def test_what_is_committed_is_no_failure_where_no_thread_is_left(path: Path, journal: Journal) -> None:
    """The log is copied later, once there is a thread for it."""
    with no_threads():
        for number in range(5):
            assert journal.alerts.append("s", 0, entries(number)) == 1
    append_until_copied(path, journal, 5)
