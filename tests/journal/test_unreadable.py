"""Rows that cannot be read: each becomes a dead letter or is skipped, and the others are used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.delivery import Capacity, Circuit, Health
from bridge.journal.opening import open_for_router
from tests.courier.working import Answering, entry, working
from tests.support import builders
from tests.support.waiting import wait_until

COLUMNS = {"alerts": "body", "deliveries": "notification"}
KEY = {"alerts": "seq", "deliveries": "id"}


def flip(path: Path, table: str, number: int, at: int = 0) -> None:
    """Flip one bit of a row."""
    column, key = COLUMNS[table], KEY[table]
    with closing(sqlite3.connect(path)) as connection:
        (content,) = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (number,)).fetchone()
        content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (content, number))
        connection.commit()


@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("batch_size", [1, 10])
def test_the_others_are_sent(tmp_path: Path, table: str, batch_size: int) -> None:
    """One flipped bit in the middle of the queue, with one order key for all."""
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    journal.alerts.append("s", 1, [entry(str(n), "c") for n in range(5)])
    journal.close()
    flip(path, table, 3)
    channel = Answering("c", batch_size=batch_size)
    with working(tmp_path, [channel]) as work:
        wait_until(lambda: work.undelivered == 0, "every delivery to be settled")
        (dead,) = work.journal.dead_letters.letters()
        assert work.journal.dead_letters.unreadable_count() == 1
    assert sorted(text for send in channel.sent for text in send) == ["0", "1", "3", "4"]
    assert dead.id == 3
    assert dead.reason.startswith("unreadable: ")
    assert "cannot be read" in dead.reason


def test_history_skips_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    journal.alerts.append("s", 1, [builders.entry(builders.alert(n), "c") for n in range(5)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alerts SET decisions = x'00' WHERE seq = 2")
        connection.commit()
    flip(path, "alerts", 4)
    numbers = [each.alert.time_ns for each in journal.history.alerts()]
    assert numbers == [0, 2, 4]
    ids = [builders.alert(n).id for n in range(5)]
    assert set(journal.history.alerts_of(ids)) == {ids[0], ids[1], ids[2], ids[4]}  # of the second, no decision is read
    journal.close()


def test_a_channel_whose_health_cannot_be_read_starts_without_one(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    journal.deliveries.settle([], {"a": Health(circuit=Circuit.OPEN), "b": Health(circuit=Circuit.OPEN)})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE channels SET health = x'ff' WHERE name = 'a'")
        connection.commit()
    assert journal.deliveries.health() == {"a": Health(), "b": Health(circuit=Circuit.OPEN)}
    journal.close()


def test_a_retried_one_is_a_dead_letter_again(tmp_path: Path) -> None:
    """It blocks nothing, however often an operator tries."""
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    journal.alerts.append("s", 1, [builders.entry(builders.alert(n), "c") for n in range(2)])
    flip(path, "alerts", 1)
    for _ in range(2):
        sends = journal.deliveries.claim(2, 1, {"c": Capacity(5)})
        assert [each.id for send in sends for each in send] in ([2], [])
        assert journal.dead_letters.retry([1], 2) == [1]
    journal.close()
