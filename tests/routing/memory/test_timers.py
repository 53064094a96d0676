"""The timers of a state: each is due once, however often it was set."""

from __future__ import annotations

from bridge.routing.memory.clauses.new import Sighting
from bridge.routing.state import State

ROW = Sighting(0)


def test_a_timer_that_was_set_several_times_is_due_once() -> None:
    """Otherwise more timers fire than were asked about silences."""
    state = State()
    table = state.table("clause")
    for due_ns in (100, 50):
        table.put(b"k", ROW, due_ns)
    assert state.pop_due(50) == (table, b"k")
    table.put(b"k", ROW, 200)
    table.put(b"l", ROW, 200)
    assert state.due(200, 2) == [(table, b"k"), (table, b"l")]
    assert state.due(200, 1) == [(table, b"k")]
    assert [state.pop_due(200) for _ in range(3)] == [(table, b"k"), (table, b"l"), None]


def test_a_timer_that_fires_stays_in_the_journal_until_its_row_changes() -> None:
    """If what it sends is not stored, it fires again after the next start."""
    state = State()
    table = state.table("clause")
    table.put(b"k", ROW, 100)
    assert state.pop_due(100) == (table, b"k")
    assert (table.due_ns(b"k"), table.timers()) == (None, 0)
    assert [change.due_ns for change in state.changes()] == [(100,)]
    table.put(b"k", ROW)
    assert [list(change.due_ns) for change in state.changes()] == [[None]]


def test_rows_with_and_without_timers_change_together() -> None:
    state = State()
    table = state.table("clause")
    table.put(b"k", ROW, 100)
    table.put(b"l", ROW)
    table.put(b"m", ROW, 50)
    table.remove(b"m")
    assert table.timers() == 1
    (change,) = state.changes()
    assert list(zip(change.keys, change.rows, change.due_ns, strict=True)) == [
        (b"k", ROW, 100), (b"l", ROW, None), (b"m", None, None),
    ]  # fmt: skip
    state.rename("clause", "renamed")
    assert (state.table("renamed").due_ns(b"k"), state.table("renamed").due_ns(b"l")) == (100, None)
