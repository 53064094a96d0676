"""What clauses remember: a bounded table of rows for each clause, and which rows have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from bridge.alert import Alert

KEYS_PER_TABLE = 100_000
KEYS_IN_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Timer:
    """Time has passed: timers may be due."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    """Stored alerts by id, redacted, that silences are asked about. A missing one counts as not silenced."""
    limit: int = 1000
    """How many timers fire at most."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row to write in the transaction of the alert that changed it."""

    clause: str
    """The identity of the clause: the route's name and the clause's text."""
    key: bytes
    row: Any
    """What to store, or None to delete the row."""
    due_ns: int | None = None
    """When the row's timer fires, in nanoseconds since the epoch; None without a timer."""


@dataclass(slots=True)
class Table:
    """The rows of one clause by key, the longest unused first."""

    clause: str
    state: State
    rows: dict[bytes, Any] = field(default_factory=dict)
    due: dict[bytes, int] = field(default_factory=dict)

    def get(self, key: bytes) -> Any | None:
        """The row of a key, or None."""
        return self.rows.get(key)

    def put(self, key: bytes, row: Any, due_ns: int | None = None) -> None:
        """Replace the row of a key, and its timer."""
        rows = self.rows
        if rows.pop(key, None) is None:
            self.state.size += 1
        rows[key] = row
        self._set_timer(key, due_ns)
        self.state.mark(self, key)

    def replace(self, key: bytes, row: Any, due_ns: int | None) -> None:
        """Replace the row of a key without using it: it stays as long unused as it was."""
        if row != self.rows[key] or due_ns != self.due.get(key):
            self.rows[key] = row
            self._set_timer(key, due_ns)
            self.state.mark(self, key)

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        if self.rows.pop(key, None) is not None:
            self.state.size -= 1
            self._set_timer(key, None)
            self.state.mark(self, key)

    def oldest(self) -> bytes:
        """The longest unused key."""
        return next(iter(self.rows))

    def _set_timer(self, key: bytes, due_ns: int | None) -> None:
        if due_ns is None:
            self.due.pop(key, None)
        elif self.due.get(key) != due_ns:
            self.due[key] = due_ns
            heappush(self.state.timers, (due_ns, self.clause, key))


@dataclass(slots=True)
class State:
    """The tables of all clauses. ``step`` changes it; ``changes`` says what to store."""

    keys_per_table: int = KEYS_PER_TABLE
    keys_in_all: int = KEYS_IN_ALL
    tables: dict[str, Table] = field(default_factory=dict)
    timers: list[tuple[int, str, bytes]] = field(default_factory=list)
    """A heap of due time, clause and key. Entries that no longer agree with the tables are skipped."""
    size: int = 0
    """Rows in all tables."""
    evicted: dict[str, int] = field(default_factory=dict)
    """By clause, how many rows were evicted."""
    _dirty: dict[tuple[str, bytes], None] = field(default_factory=dict)

    def table(self, clause: str) -> Table:
        """The table of a clause."""
        found = self.tables.get(clause)
        if found is None:
            found = self.tables[clause] = Table(clause, self)
        return found

    def load(self, clause: str, key: bytes, row: Any, due_ns: int | None) -> None:
        """Add a stored row, at start. Rows come in any order."""
        table = self.table(clause)
        table.rows[key] = row
        self.size += 1
        if due_ns is not None:
            table.due[key] = due_ns
            heappush(self.timers, (due_ns, clause, key))

    def forget(self, clause: str) -> int:
        """Remove all rows of a clause, and return how many there were."""
        table = self.tables.get(clause)
        keys = [] if table is None else list(table.rows)
        for key in keys:
            self.tables[clause].remove(key)
        self.tables.pop(clause, None)
        return len(keys)

    def next_due(self) -> int | None:
        """When the earliest timer fires, in nanoseconds since the epoch."""
        while self.timers:
            due_ns, clause, key = self.timers[0]
            table = self.tables.get(clause)
            if table is not None and table.due.get(key) == due_ns:
                return due_ns
            heappop(self.timers)
        return None

    def pop_due(self, now_ns: int) -> tuple[Table, bytes] | None:
        """Take the earliest timer that is due, or None."""
        due_ns = self.next_due()
        if due_ns is None or due_ns > now_ns:
            return None
        _, clause, key = heappop(self.timers)
        table = self.tables[clause]
        table.due.pop(key, None)
        return table, key

    def overflowing(self) -> Iterator[Table]:
        """Tables from which the longest unused key must go, until the state is within its bounds."""
        while self.size > self.keys_in_all:
            yield max(self.tables.values(), key=lambda table: len(table.rows))

    def mark(self, table: Table, key: bytes) -> None:
        """Note that a row changed."""
        self._dirty[table.clause, key] = None

    def changes(self) -> tuple[Change, ...]:
        """The rows that changed since the last call."""
        if not self._dirty:
            return ()
        dirty, self._dirty = self._dirty, {}
        found = []
        for clause, key in dirty:
            table = self.tables.get(clause)
            row = None if table is None else table.rows.get(key)
            found.append(Change(clause, key, row, None if table is None else table.due.get(key)))
        return tuple(found)
