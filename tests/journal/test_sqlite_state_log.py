"""The log of the state in SQLite: bounded, and the state is what was last written wherever a row lies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.journal.errors import JournalError
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite
from bridge.journal.sql import state_log
from bridge.routing.memory.clauses.new import Sighting
from bridge.routing.state import Change

Writes = list[list[tuple[str, int, int | None]]]
writes = st.lists(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 99))), max_size=8),
    max_size=20,
)
"""Transactions: clause, key, and the row's content; None removes it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.db"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a dozen changes."""
    monkeypatch.setattr(state_log, "_MOST_CHANGES", 12)
    monkeypatch.setattr(state_log, "_CHANGES_A_ROW", 5)


def write(journal: Journal, changes: list[tuple[str, int, int | None]]) -> None:
    found = [Change(clause, [bytes((key,))], [what and Sighting(what)], [due(what)]) for clause, key, what in changes]
    journal.alerts.append("s", 0, [], memory=MemoryWrite(tuple(found)))


def due(what: int | None) -> int | None:
    return what if what is not None and what % 2 else None


def loaded(journal: Journal) -> dict[tuple[str, int], tuple[int, int | None]]:
    found = [((each.clause, each.key[0]), (each.row.last_ns, each.due_ns)) for each in journal.memory.load()]
    assert len(found) == len(dict(found))
    return dict(found)


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@given(writes, st.sets(st.integers(0, 20)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_the_state_is_what_was_last_written(
    tmp_path_factory: pytest.TempPathFactory, transactions: Writes, restarts: set[int]
) -> None:
    """Over restarts, for the router and for a reader."""
    path = tmp_path_factory.mktemp("log") / "j.db"
    expected: dict[tuple[str, int], tuple[int, int | None]] = {}
    journal = open_for_router(path)
    for number, changes in enumerate(transactions):
        if number in restarts:
            journal.close()
            journal = open_for_router(path)
        write(journal, changes)
        for clause, key, what in changes:
            expected.pop((clause, key), None)
            if what is not None:
                expected[clause, key] = (what, due(what))
        assert loaded(journal) == expected
    with closing(open_to_read(path)) as reader:
        assert loaded(reader) == expected
    journal.close()


def test_a_busy_key_is_written_to_the_log_only(path: Path) -> None:
    """The log stays short, and only a key that does not change any more reaches the table."""
    with closing(open_for_router(path)) as journal:
        write(journal, [("a", 1, 1), ("a", 2, 1)])
        for number in range(2, 99):
            write(journal, [("a", 1, number)])
        assert rows(path, "state") == 1
        assert rows(path, "state_log") <= 12
        assert loaded(journal) == {("a", 1): (98, None), ("a", 2): (1, 1)}


def test_after_a_failed_transaction_the_log_continues(path: Path) -> None:
    """What was rolled back is written again, and nothing else is lost."""
    with closing(open_for_router(path)) as journal:
        write(journal, [("a", key, 1) for key in range(9)])
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TRIGGER broken BEFORE INSERT ON checkpoints BEGIN SELECT raise(ABORT, 'no'); END")
            changes = MemoryWrite((Change("new", [bytes((key,)) for key in range(9)], [Sighting(2)] * 9, [None] * 9),))
            with pytest.raises(JournalError):
                journal.alerts.append("s", 0, [], (), {"part": "1"}, changes)
            other.execute("DROP TRIGGER broken")
            other.commit()
        assert len(loaded(journal)) == 9
        journal.alerts.append("s", 0, [], (), {"part": "1"}, changes)
        assert len(loaded(journal)) == 18


def test_a_damaged_row_of_the_log_costs_its_changes_only(path: Path) -> None:
    """It is applied as if it were empty."""
    with closing(open_for_router(path)) as journal:
        write(journal, [("a", 1, 1)])
        write(journal, [("a", 2, 2)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE state_log SET changes = x'C1' WHERE number = 1")
    with closing(open_for_router(path)) as journal:
        assert loaded(journal) == {("a", 2): (2, None)}
        for number in range(20):
            write(journal, [("a", 3, number + 1)])
        assert loaded(journal) == {("a", 2): (2, None), ("a", 3): (20, None)}


def test_a_lost_key_is_logged_where_there_is_state(path: Path) -> None:
    """A first start needs a new key as well, and says nothing."""
    key = path.with_name(path.name + ".key")
    with capture_logs() as logs, closing(open_for_router(path)) as journal:
        journal.memory.secret()
        write(journal, [("a", 1, 1)])
    assert logs == []
    with capture_logs() as logs, closing(open_for_router(path)) as journal:
        journal.memory.secret()
    assert logs == []
    key.unlink()
    with capture_logs() as logs, closing(open_for_router(path)) as journal:
        journal.memory.secret()
    assert [each["event"] for each in logs] == ["key of the stored state lost; clauses with memory start again"]
