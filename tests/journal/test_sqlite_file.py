"""The journal's file: private, locked, and refused without a change where it is not a journal of ours."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bridge.journal import JournalError
from bridge.journal.file_lock import FileLock
from bridge.journal.opening import open_for_courier, open_for_router, open_to_read, open_to_write
from bridge.journal.records import RecordedAlert
from bridge.journal.sqlite.schema import VERSION
from tests.support.builders import entries
from tests.support.limits import largest_file, no_descriptors
from tests.support.other_user import as_other_user, open_to_others


def damage_the_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[16:4000] = os.urandom(3984)
    path.write_bytes(data)


def damage_a_page(path: Path) -> None:
    """SQLite describes it in two lines."""
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 4000] = b"\xff" * 4000
    path.write_bytes(data)


def with_format(version: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")

    change.__name__ = f"format {version}"
    return change


def another_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def no_database(path: Path) -> None:
    path.write_text("shopping list\n" * 400, encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        damage_the_header,
        damage_a_page,
        with_format(VERSION + 1),
        with_format(99),
        with_format(1),
        another_database,
        no_database,
    ],
    ids=lambda change: change.__name__,
)
def test_a_file_that_is_not_a_journal_of_ours_is_refused_unchanged(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """For every role, in one line that names the file."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal:
        journal.alerts.append("s", 0, entries(*range(50)))
    change(path)
    before = path.read_bytes()
    for open_it in (open_for_router, open_for_courier, open_to_write, open_to_read):
        with pytest.raises(JournalError, match=r"j\.db") as error:
            open_it(path)
        assert "\n" not in str(error.value)
        assert path.read_bytes() == before
    FileLock(tmp_path / "j.db.lock").acquire()  # it was released


def test_a_file_that_is_opened_again_is_not_read_as_a_whole(tmp_path: Path) -> None:
    """A page of the console or an operator's act must not read up to 64 MiB. What it reads itself is still checked."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal:
        journal.alerts.append("s", 0, entries(*range(50)))
    data = path.read_bytes()
    path.write_bytes(data[:-4000] + b"\xff" * 4000)  # a page that opening does not read
    for open_it in (open_to_write, open_to_read):
        with pytest.raises(JournalError, match="damaged"):
            open_it(path)
        open_it(path, again=True).close()
    damage_the_header(path)
    for open_it in (open_to_write, open_to_read):
        with pytest.raises(JournalError, match=r"j\.db"):
            open_it(path, again=True)


def test_only_the_bridges_user_may_read_the_files(tmp_path: Path) -> None:
    """Alerts hold secrets."""
    with closing(open_for_router(tmp_path / "j.db")) as journal, closing(open_for_courier(tmp_path / "j.db")):
        journal.alerts.append("s", 0, entries(1))
        for name in ("j.db", "j.db-wal", "j.db.lock", "j.db.courier.lock"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, name


def test_two_routers_cannot_share_a_journal(tmp_path: Path) -> None:
    """The error names the process that uses it; the lock is released when the journal is closed."""
    with closing(open_for_router(tmp_path / "j.db")), pytest.raises(JournalError, match=f"process {os.getpid()}"):
        open_for_router(tmp_path / "j.db")
    open_for_router(tmp_path / "j.db").close()


def test_a_second_courier_waits_for_the_first(tmp_path: Path) -> None:
    """Until it has closed the journal, or has died."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom bridge.journal.opening import open_for_courier\n"
        "print('waits', flush=True)\nopen_for_courier(Path(sys.argv[1]))\nprint('opened', flush=True)\n"
    )
    first = open_for_courier(tmp_path / "j.db")
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "j.db"], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waits\n"
        assert not select.select([other.stdout], [], [], 0.3)[0]
        first.close()
        assert other.stdout.readline() == "opened\n"


def test_a_lock_holds_on_a_full_disk(tmp_path: Path) -> None:
    """Only the process id in it cannot be written then."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with largest_file(0):
        assert first.try_acquire()
    assert not second.try_acquire()
    assert second.owner() == "unknown"
    first.release()
    assert second.try_acquire()


def test_a_file_system_without_locks_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS without its lock service. Nothing stays open."""

    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for open_it in (open_for_router, open_for_courier):
        with pytest.raises(JournalError, match=r"cannot lock the file .*j\.db.*lock: No locks available; set"):
            open_it(tmp_path / "j.db")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_deleted_lock_file_is_locked_again(tmp_path: Path) -> None:
    """With the process id in it, and as long as the journal is open only."""
    lock = tmp_path / "j.db.lock"
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        lock.unlink()
        with no_descriptors():
            journal.verify()  # it tries again
        assert not lock.exists()
        journal.verify()
        assert lock.read_text("utf-8") == f"{os.getpid()}\n"
        with pytest.raises(JournalError, match=f"another falco-bridge \\(process {os.getpid()}"):
            open_for_router(tmp_path / "j.db")
        journal.verify()
    lock.unlink()
    journal.verify()
    assert not lock.exists()
    open_for_router(tmp_path / "j.db").close()


def test_a_bridge_stops_where_another_one_was_faster(tmp_path: Path) -> None:
    """The lock file was deleted, and a second bridge has locked a new one: one of them must end."""
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        (tmp_path / "j.db.lock").unlink()
        with closing(open_for_router(tmp_path / "j.db")) as other:
            with pytest.raises(JournalError, match=r"j\.db\.lock was deleted .* \(process \d+\) has started"):
                journal.verify()
            other.verify()


def test_a_lock_file_that_is_deleted_before_it_is_locked_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes would each hold the lock of another file."""
    path = tmp_path / "lock"
    flock, deleted = fcntl.flock, iter([True, False])

    def delete_first(descriptor: int, operation: int) -> None:
        if next(deleted):
            path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", delete_first)
    assert FileLock(path).try_acquire()
    monkeypatch.undo()
    assert not FileLock(path).try_acquire()


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """It might point anywhere."""
    (tmp_path / "j.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(JournalError, match="is a symbolic link; set"):
        open_for_router(tmp_path / "j.db")
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_missing_folder_is_not_created(tmp_path: Path) -> None:
    """The path may be a typing error."""
    with pytest.raises(JournalError, match="none does not exist"):
        open_for_router(tmp_path / "none" / "j.db")
    assert not (tmp_path / "none").exists()


_OPEN = """
import sys
from pathlib import Path
from bridge.journal.opening import open_to_write
path = Path(sys.argv[1])
print(flush=True)
while not path.parent.exists():
    pass
open_to_write(path).close()
"""
"""Opens a journal as soon as its folder exists."""


def test_closing_a_second_connection_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Otherwise another process would delete the log that this one writes to, and its commits would be lost."""
    path = tmp_path / "j.db"
    ours = open_for_router(path)
    open_to_write(path).close()
    subprocess.run([sys.executable, "-c", _OPEN, path], check=True)
    ours.alerts.append("s", 0, entries(1))
    with closing(open_to_read(path)) as theirs:
        assert theirs.history.alert_count() == 1


def test_processes_that_create_the_journal_at_once_all_open_it(tmp_path: Path) -> None:
    """As a bridge, its courier and the demo may."""
    for number in range(10):
        folder = tmp_path / str(number)
        command = [sys.executable, "-c", _OPEN, folder / "j.db"]
        with ExitStack() as stack:
            makers = [stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE)) for _ in range(6)]
            for maker in makers:
                assert maker.stdout is not None
                maker.stdout.readline()
            folder.mkdir()
        assert [maker.returncode for maker in makers] == [0] * 6


def test_a_reader_needs_no_lock(tmp_path: Path) -> None:
    """It opens and reads while another process holds the write lock."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal, closing(sqlite3.connect(path, isolation_level=None)) as writer:
        journal.alerts.append("s", 0, entries(1))
        writer.execute("BEGIN IMMEDIATE")
        with closing(open_to_read(path)) as reader:
            assert reader.history.alert_count() == 1


def test_a_journal_whose_creation_was_interrupted_does_not_exist_yet(tmp_path: Path) -> None:
    """A reader gets this error; the next bridge creates it."""
    path = tmp_path / "j.db"
    with closing(sqlite3.connect(path)) as started:
        started.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size > 0
    with pytest.raises(JournalError, match="no bridge has run with it yet"):
        open_to_read(path)
    with closing(open_for_router(path)) as journal:
        journal.alerts.append("s", 0, entries(1))
    with closing(open_to_read(path)) as reader:
        assert reader.history.alert_count() == 1


def test_a_row_of_the_wrong_type_is_reported(tmp_path: Path) -> None:
    """With the file's name and what to do. Earlier alerts can still be read."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal, closing(sqlite3.connect(path)) as other:
        journal.alerts.append("s", 0, entries(*range(600)))
        other.execute("UPDATE alerts SET received_ns = 'noon' WHERE seq = 550")
        other.commit()
        read: list[RecordedAlert] = []
        with pytest.raises(JournalError, match=r"j\.db is damaged .*recover its content with"):
            read.extend(journal.history.alerts())
        assert len(read) >= 500


def error_of_opening(path: Path) -> str:
    try:
        open_for_router(path).close()
    except JournalError as error:
        return str(error)
    return "no error"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """With its path and the rights that are missing; no file is created."""
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o755)
    open_to_others(tmp_path)
    message = as_other_user(lambda: error_of_opening(folder / "j.db"))
    assert str(folder) in message
    assert "write access" in message
    assert list(folder.iterdir()) == []
