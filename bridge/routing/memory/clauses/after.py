"""``after N [distinct F] in D [by …]``: passes the N-th match, or the N-th value of F, in a sliding window."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Any

import msgspec

from bridge.language.program.clauses import After
from bridge.routing.memory.clauses.passage import Passage, pack, unpack
from bridge.routing.memory.clauses.stage import LATENESS_NS, StageResult
from bridge.routing.memory.keys import HASH_SIZE
from bridge.routing.memory.moments import moment
from bridge.routing.reason import Reason
from bridge.routing.state import NO_ENTRY, Table


class Window(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The matches of a key in the window."""

    newest_ns: int
    """The newest event time of the key."""
    packed: msgspec.Raw
    """The latest match: the passage, packed."""
    times: tuple[int, ...] = ()
    """Event times in ascending order; not used with ``distinct``."""
    values: dict[bytes, int] = {}  # msgspec copies the default
    """With ``distinct``: the newest event time of each value, by the value's hash."""

    @property
    def last(self) -> Passage:
        """The latest match."""
        return unpack(self.packed)


class Released(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """When an evicted key was last let through, in processing time."""

    at_ns: int


_BELOW = Reason.BELOW_THRESHOLD
"""In Python 3.11, reading a member of an enumeration calls a function."""
_NO_VALUES: dict[bytes, int] = {}
"""Shared by all windows without ``distinct``. It is never changed."""
RELEASED = b"released"
"""The key of that row. No other key has this length."""


class AfterStage:
    """Counts matches. The window is ``(newest - D, newest]``; a late match counts if it is in it."""

    def __init__(self, clause: After, held_ns: int = 0) -> None:
        """``held_ns``: how long clauses before this one may hold an alert."""
        self._count = clause.count
        self._window_ns = clause.window_ns
        self._kept_ns = clause.window_ns + held_ns + LATENESS_NS
        self._distinct = clause.distinct is not None

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        """Pass the N-th match and empty the window. With ``distinct``, the key ends with the hash of F."""
        if self._distinct:
            return self._enter_distinct(table, passage, key, now_ns)
        row: Window | None = table.entries.get(key, NO_ENTRY)[0]
        times = (passage.event_ns,) if row is None else self._times(row, passage.event_ns)
        if len(times) < self._count:
            return self._wait(table, key, Window(times[-1], pack(passage), times, _NO_VALUES), times[0], now_ns)
        table.remove(key)
        return _counted(passage, len(times), times[0], times[-1])

    def _enter_distinct(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage | StageResult:
        key, value = key[:-HASH_SIZE], key[-HASH_SIZE:]
        row: Window | None = table.entries.get(key, NO_ENTRY)[0]
        newest = passage.event_ns if row is None else max(row.newest_ns, passage.event_ns)
        values = self._values(row, passage, newest, value)
        if len(values) < self._count:
            return self._wait(table, key, Window(newest, pack(passage), (), values), min(values.values()), now_ns)
        table.remove(key)
        return _counted(passage, len(values), min(values.values()), max(values.values()))

    def _wait(self, table: Table, key: bytes, row: Window, first_ns: int, now_ns: int) -> StageResult:
        """Store the window, which is not full."""
        table.put(key, row, row.newest_ns + self._kept_ns)
        found = len(row.values) or len(row.times)
        return StageResult((), _BELOW, f"{found} of {self._count} since {moment(first_ns, now_ns)}")

    def wake(self, table: Table, key: bytes, _now_ns: int) -> StageResult:
        """The window is over: nothing in it can count any more."""
        table.remove(key)
        return StageResult()

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002  # of the contract
        """Pass the latest match of one evicted key per window, so that a flood of keys cannot silence the route."""
        if isinstance(row, Released):
            table.put(RELEASED, row)
            return StageResult()
        return release(table, row.last, self._window_ns, now_ns)

    def _times(self, row: Window, event_ns: int) -> tuple[int, ...]:
        """The event times in the window with this one, ascending."""
        if event_ns >= row.newest_ns and row.times[0] > event_ns - self._window_ns:  # in order, all in the window
            return (*row.times, event_ns)
        times = list(row.times)
        insort(times, event_ns)
        return tuple(times[bisect_right(times, max(row.newest_ns, event_ns) - self._window_ns) :])

    def _values(self, row: Window | None, passage: Passage, newest: int, value: bytes) -> dict[bytes, int]:
        """The newest event time of each value in the window."""
        values = {} if row is None else dict(row.values)
        values[value] = max(values.get(value, passage.event_ns), passage.event_ns)
        oldest = newest - self._window_ns
        return {each: at for each, at in values.items() if at > oldest}


def _counted(passage: Passage, count: int, first_ns: int, last_ns: int) -> Passage:
    return msgspec.structs.replace(passage, count=count, first_ns=first_ns, last_ns=last_ns)


def release(table: Table, passage: Passage, window_ns: int, now_ns: int) -> StageResult:
    """Pass what an evicted key held, for one key per window."""
    last: Released | None = table.get(RELEASED)
    if last is not None and abs(now_ns - last.at_ns) < window_ns:
        return StageResult()
    table.put(RELEASED, Released(now_ns))
    return StageResult((passage,), Reason.STATE_EVICTED)
