"""What clauses remember: a bounded table of rows for each clause, and which rows have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from bridge.alert import Alert

KEYS_PER_TABLE = 100_000
KEYS_IN_ALL = 1_000_000
NEVER_NS = 1 << 63
"""When a row without a timer is due."""
NO_ENTRY: tuple[None, int] = (None, NEVER_NS)
"""What a table has of an unknown key."""
_OLDEST = 512
_FEW_TIMERS = 1000
_EVICTED_OF_LARGEST = 64
"""How many rows of the largest table go before the largest one is looked for again."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Time has passed: timers may be due."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    """Stored alerts by id, redacted, that silences are asked about. A missing one counts as not silenced."""
    limit: int = 1000
    """How many timers fire at most."""


class Change(NamedTuple):
    """Rows of one clause, to write in the transaction of the alerts that changed them."""

    clause: str
    """The identity of the clause: the route's name and the clause's text."""
    keys: Sequence[bytes]
    rows: Sequence[Any]
    """For each key what to store, or None to delete the row."""
    due_ns: Sequence[int | None]
    """For each key when its timer fires, in nanoseconds since the epoch; None without a timer."""


Entry = tuple[Any, int]
"""A row, and when its timer fires, in nanoseconds since the epoch; ``NEVER_NS`` without a timer."""


@dataclass(slots=True, eq=False)
class Table:
    """The rows of one clause by key, the longest unused first."""

    clause: str
    state: State
    limit: int = KEYS_PER_TABLE
    """How many rows it may have."""
    entries: dict[bytes, Entry] = field(default_factory=dict)
    """The rows with their timers: a lookup finds both, as most tables are too large for the processor's caches."""
    changed: dict[bytes, Entry] = field(default_factory=dict)
    """The rows that changed since ``State.changes``, by key; ``NO_ENTRY`` for one that was removed."""
    _oldest: list[tuple[bytes, Entry]] = field(default_factory=list)
    """Candidates for ``oldest``, the longest unused last. Those whose entry is another one by now were used since."""

    def get(self, key: bytes) -> Any | None:
        """The row of a key, or None."""
        return self.entries.get(key, NO_ENTRY)[0]

    def due_ns(self, key: bytes) -> int | None:
        """When the timer of a key fires, in nanoseconds since the epoch; None without one."""
        due_ns = self.entries.get(key, NO_ENTRY)[1]
        return None if due_ns == NEVER_NS else due_ns

    def rows(self) -> Iterator[tuple[bytes, Any]]:
        """All keys with their rows."""
        return ((key, row) for key, (row, _) in self.entries.items())

    def timers(self) -> int:
        """How many rows have a timer. Callable while another thread changes the table."""
        return sum(map(NEVER_NS.__ne__, map(itemgetter(1), list(self.entries.values()))))

    def put(self, key: bytes, row: Any, due_ns: int = NEVER_NS) -> None:
        """Replace the row of a key, and its timer."""
        entries = self.entries
        before = entries.pop(key, None)
        entries[key] = entry = (row, due_ns)
        if before is None:
            self.state.size += 1
            if len(entries) > self.limit:
                self.state.too_large[self.clause] = self
            if due_ns != NEVER_NS:
                heappush(self.state.timers, (due_ns, self.clause, key))
        elif due_ns < before[1]:  # else the heap has an entry that is due no later
            heappush(self.state.timers, (due_ns, self.clause, key))
        changed = self.changed
        if not changed:
            self.state.changed.append(self)
        changed[key] = entry

    def replace(self, key: bytes, row: Any, due_ns: int) -> None:
        """Replace the row of a key without using it: it stays as long unused as it was."""
        before, entry = self.entries[key], (row, due_ns)
        if entry != before:
            self.entries[key] = entry
            self._oldest.clear()
            if due_ns < before[1]:
                heappush(self.state.timers, (due_ns, self.clause, key))
            self._mark(key, entry)

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        if self.entries.pop(key, None) is not None:
            self.state.size -= 1
            self._mark(key, NO_ENTRY)

    def take_timer(self, key: bytes) -> None:
        """The timer of a key fires: it is no longer set. The journal has it until the row changes."""
        self.entries[key] = (self.entries[key][0], NEVER_NS)

    def oldest(self) -> bytes:
        """The longest unused key. There must be one.

        A dict finds its first key slowly once many were removed before it, so the next ones are found with it.
        """
        while True:
            if not self._oldest:
                self._oldest = list(islice(self.entries.items(), _OLDEST))
                self._oldest.reverse()
            key, entry = self._oldest[-1]
            if self.entries.get(key) is entry:
                return key
            self._oldest.pop()

    def take_oldest(self) -> tuple[bytes, Any]:
        """Remove the longest unused key, and return it with its row. There must be one."""
        key = self.oldest()
        self._oldest.pop()
        row = self.entries[key][0]
        self.remove(key)
        return key, row

    def keep_oldest(self) -> None:
        """Count the longest unused key as used now. There must be one."""
        key = self.oldest()
        self._oldest.pop()
        self.entries[key] = self.entries.pop(key)

    def _mark(self, key: bytes, entry: Entry) -> None:
        if not self.changed:
            self.state.changed.append(self)
        self.changed[key] = entry


class _Tables(dict[str, Table]):
    """Tables by clause. One that is asked for is added."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, clause: str) -> Table:
        limit = self._state.keys_per_clause.get(clause, self._state.keys_per_table)
        found = self[clause] = Table(clause, self._state, limit)
        return found


@dataclass(slots=True)
class State:
    """The tables of all clauses. ``step`` changes it; ``changes`` says what to store."""

    keys_per_table: int = KEYS_PER_TABLE
    keys_in_all: int = KEYS_IN_ALL
    keys_per_clause: Mapping[str, int] = field(default_factory=dict)
    """Other bounds than ``keys_per_table``, by clause."""
    tables: dict[str, Table] = field(init=False)
    """By clause. Reading the table of a clause that has none adds one; ``get`` does not."""
    timers: list[tuple[int, str, bytes]] = field(default_factory=list)
    """A heap of time, clause and key, with an entry for every timer that is not later than the timer.

    Entries of timers that were removed are swept out before they are the most.
    """
    size: int = 0
    """Rows in all tables."""
    evicted: dict[str, int] = field(default_factory=dict)
    """By clause, how many rows were evicted."""
    too_large: dict[str, Table] = field(default_factory=dict)
    """Tables that may have more rows than their limit."""
    changed: list[Table] = field(default_factory=list)
    """Tables with rows that changed since ``changes``."""

    def __post_init__(self) -> None:
        self.tables = _Tables(self)

    def table(self, clause: str) -> Table:
        """The table of a clause."""
        return self.tables[clause]

    def load(self, clause: str, key: bytes, row: Any, due_ns: int | None) -> None:
        """Add a stored row, at start. Rows come in any order."""
        table = self.table(clause)
        if key not in table.entries:
            self.size += 1
        table.entries[key] = (row, NEVER_NS if due_ns is None else due_ns)
        if due_ns is not None:
            heappush(self.timers, (due_ns, clause, key))
        if len(table.entries) > table.limit:
            self.too_large[clause] = table

    def use_limits(self, keys_per_clause: Mapping[str, int]) -> None:
        """Bound the tables by these from now on, as if the state had been made with them."""
        self.keys_per_clause = keys_per_clause
        for clause, table in self.tables.items():
            table.limit = keys_per_clause.get(clause, self.keys_per_table)
            if len(table.entries) > table.limit:
                self.too_large[clause] = table

    def forget(self, clause: str) -> int:
        """Remove all rows of a clause, and return how many there were."""
        table = self.tables.pop(clause, None)
        keys = [] if table is None else list(table.entries)
        for key in keys:
            table.remove(key)  # type: ignore[union-attr]  # there are no keys without a table
        return len(keys)

    def rename(self, clause: str, renamed: str) -> None:
        """Move the rows of a clause to another identity; rows that are there already stay."""
        before = self.tables[clause]
        entries = list(before.entries.items())
        self.forget(clause)
        table = self.table(renamed)
        for key, (row, due_ns) in entries:
            if key not in table.entries:
                table.put(key, row, due_ns)

    def next_due(self) -> int | None:
        """When the earliest timer fires, in nanoseconds since the epoch."""
        timers = self.timers
        while timers:
            entry_ns, clause, key = timers[0]
            table = self.tables.get(clause)
            due_ns = NEVER_NS if table is None else table.entries.get(key, NO_ENTRY)[1]
            if due_ns == entry_ns:
                return due_ns
            if due_ns == NEVER_NS or due_ns < entry_ns:  # removed, or there is an earlier entry
                heappop(timers)
            else:
                heapreplace(timers, (due_ns, clause, key))
        return None

    def pop_due(self, now_ns: int) -> tuple[Table, bytes] | None:
        """Take the earliest timer that is due, or None."""
        due_ns = self.next_due()
        if due_ns is None or due_ns > now_ns:
            return None
        _, clause, key = heappop(self.timers)
        table = self.tables[clause]
        table.take_timer(key)
        return table, key

    def due(self, now_ns: int, limit: int) -> list[tuple[Table, bytes]]:
        """The next timers that fire, at most ``limit``. They stay set."""
        entries: dict[tuple[int, str, bytes], None] = {}  # a timer that was set twice may have two entries
        while len(entries) < limit and (due_ns := self.next_due()) is not None and due_ns <= now_ns:
            entries[heappop(self.timers)] = None
        for entry in entries:
            heappush(self.timers, entry)
        return [(self.tables[clause], key) for _, clause, key in entries]

    def overflowing(self) -> Iterator[Table]:
        """Tables from which the longest unused key must go, until the state is within its bounds.

        Rows that say something of a clause itself come back when they are evicted. Where only those are left, the
        state stays too large.
        """
        while self.too_large:
            clause, table = next(iter(self.too_large.items()))
            yield from _until_smaller(table, len(table.entries) - table.limit)
            self.too_large.pop(clause, None)
        while self.size > self.keys_in_all:
            largest = max(self.tables.values(), key=lambda table: len(table.entries))
            rows = len(largest.entries)
            yield from _until_smaller(largest, min(self.size - self.keys_in_all, _EVICTED_OF_LARGEST))
            if len(largest.entries) >= rows:
                return

    @property
    def is_too_large(self) -> bool:
        """Whether rows must be evicted."""
        return bool(self.too_large) or self.size > self.keys_in_all

    def changes(self) -> tuple[Change, ...]:
        """The rows that changed since the last call. Also bounds the heap of timers."""
        if not self.changed:
            return ()
        if len(self.timers) > 2 * self.size + _FEW_TIMERS:
            self._sweep_timers()
        changed, self.changed = self.changed, []
        found = []
        for table in changed:
            keys = list(table.changed)
            rows, due_ns = zip(*table.changed.values(), strict=True)
            table.changed = {}
            timers = [None if each == NEVER_NS else each for each in due_ns] if NEVER_NS in due_ns else due_ns
            found.append(Change(table.clause, keys, rows, timers))
        return tuple(found)

    def _sweep_timers(self) -> None:
        """Remove the entries of timers that were removed or moved on."""
        tables = self.tables.values()
        self.timers = [
            (due_ns, table.clause, key)
            for table in tables
            for key, (_, due_ns) in table.entries.items()
            if due_ns != NEVER_NS
        ]
        heapify(self.timers)


def _until_smaller(table: Table, count: int) -> Iterator[Table]:
    """The table for each row that is to be evicted, until it has ``count`` rows fewer or each row was tried."""
    wanted = max(0, len(table.entries) - count)
    for _ in range(len(table.entries)):
        if len(table.entries) <= wanted:
            return
        yield table
