"""What is committed stays, what is damaged is told and left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.rejected import RejectedMessage
from bridge.delivery import Capacity, Delivery, DeliveryState, Settlement
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.sqlite import Entry, FileLock, Journal
from bridge.journal.sqlite.history import quarantined, recorded
from bridge.routing import Decision, Notification, Reason, Routed
from tests.support.limits import largest_file

ROUTED = Routed((Decision("r", Reason.SENT, ("c",)),), (Notification("c", ("r",), Priority.ERROR),))


def alert(number: int) -> Alert:
    return make_alert(
        time_ns=number, priority=Priority.ERROR, rule="r", source="syscall", hostname="h", tags=("t",), output="o" * 200,
        fields={"proc.cmdline": f"rm {number}"},
    )  # fmt: skip


def entries(*numbers: int) -> list[Entry]:
    return [Entry(alert(number), ROUTED) for number in numbers]


def claim(journal: Journal, now_ns: int, room: Capacity) -> list[Delivery]:
    """Everything that one claim took, in order."""
    return [each for send in journal.claim(now_ns, 100, {"c": room}) for each in send]


def test_an_alert_goes_in_once_and_comes_out_equal(tmp_path: Path) -> None:
    """Twice sent is once kept; decisions and checkpoint come along."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    assert journal.append("s", 5, entries(1, 2), [RejectedMessage("no alert", b"\xff")], {"f": "line 7"}) == 2
    assert journal.unknown([alert(1), alert(3), alert(3)]) == [alert(3)]
    assert [each.alert for each in recorded(journal)] == [alert(1), alert(2)]
    assert journal.checkpoint("s") == {"f": "line 7"}
    assert quarantined(journal) == [("s", "no alert", b"\xff")]
    for name in ("j.db", "j.db-wal", "j.db.lock"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, name


def test_a_claim_is_held_until_its_lease_ends_and_settled_once(tmp_path: Path) -> None:
    """Nobody else gets it meanwhile; what is settled stays settled."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    journal.append("s", 0, entries(1))
    (first,) = claim(journal, 0, Capacity(5))
    assert claim(journal, 50, Capacity(5)) == []
    (again,) = claim(journal, 200, Capacity(5))
    assert again.id == first.id
    journal.settle([Settlement(first.id, DeliveryState.DELIVERED, 201, 201, 200, "")])
    journal.settle([Settlement(first.id, DeliveryState.DEAD, 202, 202, 404, "late")])
    assert journal.undelivered() == 0
    assert claim(journal, 10**9, Capacity(5)) == []


def test_a_repeat_is_known_wherever_its_time_stands_and_after_a_restart(tmp_path: Path) -> None:
    """Among the latest, long before them, and in a batch larger than one question."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    numbers = range(0, 4000, 2)
    journal.append("s", 0, entries(*numbers))
    for _ in range(2):
        assert journal.unknown(alert(number) for number in range(4001)) == [
            *(alert(n) for n in range(1, 4000, 2)),
            alert(4000),
        ]
        journal.close()
        journal = Journal.open_for_router(tmp_path / "j.db")
    journal.close()


def test_an_alert_that_was_damaged_on_the_disk_is_named(tmp_path: Path) -> None:
    """The others can still be read up to there."""
    path = tmp_path / "j.db"
    journal = Journal.open_for_router(path)
    journal.append("s", 0, entries(1, 2))
    journal._connection.execute("UPDATE alerts SET body = substr(body, 1, 20) WHERE seq = 2")
    kept = recorded(journal)
    assert next(kept).alert == alert(1)
    with pytest.raises(JournalError, match=rf"j\.db is damaged: alert {alert(2).id}"):
        next(kept)


def test_a_refused_batch_leaves_nothing(tmp_path: Path) -> None:
    """All or nothing: the second alert is a duplicate, so the first is not kept either."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    journal.append("s", 0, entries(1))
    with pytest.raises(JournalError):
        journal.append("s", 0, entries(2, 1))
    assert journal.kept() == 1
    journal.append("s", 0, entries(2))
    assert journal.kept() == 2


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[16:4000] = os.urandom(3984)
    path.write_bytes(data)


def damaged_within(path: Path) -> None:
    """SQLite's own words for it fill two lines."""
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 4000] = b"\xff" * 4000
    path.write_bytes(data)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


def older(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def no_database(path: Path) -> None:
    path.write_text("shopping list\n" * 400, encoding="utf-8")


def test_of_a_checkpoint_only_what_changed_is_written(tmp_path: Path) -> None:
    """A part that is not named stays, None forgets one, and another source's are its own."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    journal.append("s", 0, [], (), {"1": "a", "2": "b", "3": "c"})
    journal.append("t", 0, [], (), {"1": "theirs"})
    journal.append("s", 0, [], (), {"2": "further", "3": None, "9": None})
    journal.append("s", 0, [])
    assert journal.checkpoint("s") == {"1": "a", "2": "further"}
    assert journal.checkpoint("t") == {"1": "theirs"}


def test_a_journal_of_the_format_before_is_brought_up_to_date(tmp_path: Path) -> None:
    """It kept a source's position in one text; a reader takes it as it is, for a bridge may never have run since."""
    path = tmp_path / "j.db"
    Journal.open_for_router(path).close()
    with closing(sqlite3.connect(path)) as old:
        old.executescript("""
            DROP TABLE checkpoints;
            CREATE TABLE checkpoints (source TEXT PRIMARY KEY, position TEXT NOT NULL, updated_ns INTEGER NOT NULL)
            WITHOUT ROWID;
            INSERT INTO checkpoints VALUES ('a', '[["/a.1", 1, 2], ["/a", 1, 3]]', 7), ('none yet', '[]', 8);
            PRAGMA user_version = 2;
        """)
    reader = Journal.open_to_read(path)
    assert reader.kept() == 0
    reader.close()
    for _ in range(2):
        journal = Journal.open_for_router(path)
        assert journal.checkpoint("a") == {"": "", "0": '["/a.1",1,2]', "1": '["/a",1,3]'}
        assert journal.checkpoint("none yet") == {"": ""}
        journal.close()


@pytest.mark.parametrize("harm", [damaged, damaged_within, newer, older, foreign, no_database])
def test_what_is_no_journal_of_ours_is_told_and_left_alone(tmp_path: Path, harm: object) -> None:
    """The message names the file, and not one byte of it is changed."""
    path = tmp_path / "j.db"
    journal = Journal.open_for_router(path)
    journal.append("s", 0, entries(*range(50)))
    journal.close()
    assert callable(harm)
    harm(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"j\.db") as told:
        Journal.open_for_router(path)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before


def test_two_bridges_cannot_share_a_journal(tmp_path: Path) -> None:
    """The second is told which process has it."""
    first = Journal.open_for_router(tmp_path / "j.db")
    with pytest.raises(JournalError, match=f"process {os.getpid()}"):
        Journal.open_for_router(tmp_path / "j.db")
    first.close()
    Journal.open_for_router(tmp_path / "j.db").close()


def test_a_lock_holds_on_a_full_disk(tmp_path: Path) -> None:
    """What cannot be written then is only the number in it."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with largest_file(0):
        assert first.try_acquire()
    assert not second.try_acquire()
    assert second.owner() == "unknown"
    first.release()


def test_a_journal_that_is_a_symbolic_link_is_told(tmp_path: Path) -> None:
    """It might lead anywhere."""
    (tmp_path / "j.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(JournalError, match="is a symbolic link; set"):
        Journal.open_for_router(tmp_path / "j.db")
    assert not (tmp_path / "elsewhere.db").exists()


_OPEN = """
import sys
from pathlib import Path
from bridge.journal.sqlite import Journal
path = Path(sys.argv[1])
print(flush=True)
while not path.parent.exists():
    pass
Journal.open(path).close()
"""
"""Opens a journal as soon as its folder is there."""


def test_a_second_look_of_ours_does_not_let_others_delete_the_log(tmp_path: Path) -> None:
    """A process that opens the journal twice keeps its locks when it closes one: what it commits then is found."""
    path = tmp_path / "j.db"
    ours = Journal.open_for_router(path)
    Journal.open(path).close()
    subprocess.run([sys.executable, "-c", _OPEN, path], check=True)
    ours.append("s", 0, entries(1), [], {})
    with closing(Journal.open_to_read(path)) as theirs:
        assert theirs.kept() == 1


def test_many_that_make_the_journal_at_once_all_have_it(tmp_path: Path) -> None:
    """As a bridge, its courier and a demo that looks may."""
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


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """Not made in some odd place."""
    with pytest.raises(JournalError, match="none"):
        Journal.open_for_router(tmp_path / "none" / "j.db")


def test_a_full_disk_is_waited_for_and_the_same_append_works_later(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands for the disk's."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    journal._connection.execute("PRAGMA max_page_count = 20")
    with pytest.raises(JournalBusyError, match="is full"):
        journal.append("s", 0, entries(*range(1000)))
    assert journal.kept() == 0
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    journal.append("s", 0, entries(*range(1000)))
    assert journal.kept() == 1000


WRITER = """
import sys
from pathlib import Path
from bridge.journal.sqlite import Journal
from tests.journal.test_journal import entries
journal = Journal.open_for_router(Path(sys.argv[1]))
number = journal.kept()
while True:
    journal.append("s", 0, entries(number, number + 1))
    number += 2
    print(number, flush=True)
"""


def test_what_append_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    """Killed amid appends, again and again: nothing acknowledged is missing, and no batch is half there."""
    path = tmp_path / "j.db"
    for kept in (40, 100, 160):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged = 0
            while acknowledged < kept:
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        journal = Journal.open_for_router(path)
        assert journal.kept() >= acknowledged
        assert journal.kept() % 2 == 0
        journal.close()


def test_a_reader_needs_no_lock_and_makes_no_file(tmp_path: Path) -> None:
    """A look goes on while a writer holds the journal, and a wrong name stays one."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    journal.append("s", 0, entries(1))
    journal._connection.execute("BEGIN IMMEDIATE")
    reader = Journal.open_to_read(tmp_path / "j.db")
    assert reader.kept() == 1
    with pytest.raises(JournalError):
        reader.append("s", 0, entries(2))
    reader.close()
    journal._connection.execute("ROLLBACK")
    with pytest.raises(JournalError):
        Journal.open_to_read(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_journal_that_was_never_finished_is_none_yet(tmp_path: Path) -> None:
    """Killed while it was being made: a reader is told so in a sentence, and the next bridge makes it."""
    path = tmp_path / "j.db"
    begun = sqlite3.connect(path)
    begun.execute("PRAGMA journal_mode = WAL")
    begun.close()
    assert path.stat().st_size > 0
    with pytest.raises(JournalError, match="no bridge has run with it yet"):
        Journal.open_to_read(path)
    journal = Journal.open_for_router(path)
    journal.append("s", 0, entries(1))
    journal.close()
    reader = Journal.open_to_read(path)
    assert reader.kept() == 1
    reader.close()
