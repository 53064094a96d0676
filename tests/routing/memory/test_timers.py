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
