"""Writes the state of clauses with memory: first as a log, then, unless it changed again meanwhile, as rows.

A key that is busy changes with every alert. A row of the log holds all changes of a transaction, so writing them takes
one page instead of one for each key. The oldest rows of the log are applied to the table ``state`` by the transactions
that follow; a change that a later one replaced is skipped. The state is the table with the log over it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count, repeat
from operator import eq
from typing import NamedTuple

import msgspec
import structlog
import zstandard

from bridge.journal.sql.database import Connection
from bridge.routing.memory.rows import encode_changes
from bridge.routing.state import Change

_MOST_CHANGES = 100_000
_MOST_BYTES = 16 << 20
"""How long the log may become."""
_CHANGES_A_ROW = 2000
_NIL = b"\xc0"
"""A row that was removed: nil in MessagePack."""


class LoggedChange(NamedTuple):
    """One change in the log."""

    clause: int
    key: bytes
    row: bytes
    """MessagePack; nil if the row was removed."""
    due_ns: int | None

    @property
    def deleted(self) -> bool:
        """Whether the row was removed."""
        return self.row == _NIL


_Group = tuple[int, list[bytes], list[msgspec.Raw], list[int | None]]
"""The changes of a clause, as ``encode_changes`` writes them: its number, the keys, their rows and timers."""


class _LogRow(NamedTuple):
    """A row of the log, without what it says of its keys."""

    number: int
    keys: list[tuple[int, Sequence[bytes]]]
    """The numbers of clauses, each with the keys that changed."""
    changes: int
    bytes: int


_groups_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
_group_decoder = msgspec.msgpack.Decoder(_Group)
_compress = zstandard.ZstdCompressor(level=1).compress
"""Keys, ids and times occur in several rows of one alert."""


def decode_log(data: bytes) -> list[LoggedChange]:
    """The changes in a row of the log; none if it is damaged."""
    return [
        LoggedChange(clause, key, bytes(row), due)
        for clause, keys, rows, due_ns in _groups(data)
        for key, row, due in zip(keys, rows, due_ns, strict=True)
    ]


def _groups(data: bytes, wanted: Iterable[object] = repeat(True)) -> list[_Group]:
    """The changes of each clause whose place in ``wanted`` is true; none if the row of the log is damaged."""
    try:
        groups = _groups_decoder.decode(zstandard.ZstdDecompressor().decompress(data))
        return [_group_decoder.decode(each) for each in compress(groups, wanted)]
    except (msgspec.MsgspecError, zstandard.ZstdError, MemoryError):
        structlog.get_logger("journal").error("state of clauses lost: a row of the log cannot be read")
        return []


class StateLog:
    """Used within the transactions of one writer. After a transaction that failed it reads the log again."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        """The number of each clause that was written."""
        self._last = -1
        """The number of the newest row of the log."""
        self._logged: deque[_LogRow] = deque()
        """The rows of the log, the oldest first."""
        self._latest: defaultdict[int, dict[bytes, int]] = defaultdict(dict)
        """For each clause and key in the log, the number of the row with its latest change."""
        self._changes = 0
        self._bytes = 0

    def write(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Store changed rows, within the caller's transaction."""
        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM state_log").fetchone()
        if last != self._last:
            self._read(connection, last)
        some: list[Change] = []
        gathered = 0
        for change in _split(changes):
            some.append(change)
            gathered += len(change.keys)
            if gathered >= _CHANGES_A_ROW:
                self._append(connection, some)
                some, gathered = [], 0
        if some:
            self._append(connection, some)
        while len(self._logged) > 1 and (self._changes > _MOST_CHANGES or self._bytes > _MOST_BYTES):
            self._apply_oldest(connection)

    def _read(self, connection: Connection, last: int) -> None:
        self._numbers.clear()
        self._logged.clear()
        self._latest.clear()
        self._changes = self._bytes = 0
        self._last = last
        for number, data in connection.execute("SELECT number, changes FROM state_log ORDER BY number"):
            self._add(number, [(clause, keys) for clause, keys, _, _ in _groups(data)], len(data))

    def _append(self, connection: Connection, changes: Sequence[Change]) -> None:
        self._last += 1
        numbered = []
        for identity, keys, rows, due_ns in changes:
            number = self._numbers.get(identity)
            if number is None:
                number = self._numbers[identity] = _number(connection, identity)
            numbered.append((number, keys, rows, due_ns))
        data = _compress(encode_changes(numbered))
        connection.execute("INSERT INTO state_log VALUES (?, ?)", (self._last, data))
        self._add(self._last, [(clause, keys) for clause, keys, _, _ in numbered], len(data))

    def _add(self, number: int, keys: list[tuple[int, Sequence[bytes]]], size: int) -> None:
        """A row of the log has the latest change of these keys, by the number of their clause."""
        for clause, changed in keys:
            self._latest[clause].update(zip(changed, repeat(number)))
        row = _LogRow(number, keys, sum([len(changed) for _, changed in keys]), size)
        self._logged.append(row)
        self._changes += row.changes
        self._bytes += row.bytes

    def _apply_oldest(self, connection: Connection) -> None:
        """Move the oldest row of the log to the table. Its order is the table's, so neighbours share a page."""
        row = self._logged.popleft()
        self._changes -= row.changes
        self._bytes -= row.bytes
        current = [
            list(compress(count(), map(eq, map(self._latest[clause].get, keys), repeat(row.number))))
            for clause, keys in row.keys
        ]
        if any(current):  # it is read only where something of it is still the latest
            self._apply(connection, row.number, current)
        connection.execute("DELETE FROM state_log WHERE number = ?", (row.number,))

    def _apply(self, connection: Connection, number: int, current: Sequence[Sequence[int]]) -> None:
        """Move the latest changes: for each clause of the row the places of their keys."""
        (data,) = connection.execute("SELECT changes FROM state_log WHERE number = ?", (number,)).fetchone()
        changes: dict[tuple[int, bytes], LoggedChange] = {}
        groups, wanted = _groups(data, current), filter(None, current)
        for (clause, keys, rows, due_ns), places in zip(groups, wanted, strict=False):  # none if it is damaged
            for place in places:
                changes[clause, keys[place]] = LoggedChange(clause, keys[place], bytes(rows[place]), due_ns[place])
        for clause, key in changes:
            del self._latest[clause][key]
        in_order = [changes[place] for place in sorted(changes)]
        connection.executemany(
            "INSERT INTO state VALUES (?, ?, ?, ?) "
            "ON CONFLICT (clause, key) DO UPDATE SET row = excluded.row, due_ns = excluded.due_ns",
            [each for each in in_order if not each.deleted],
        )
        connection.executemany(
            "DELETE FROM state WHERE clause = ? AND key = ?",
            [(each.clause, each.key) for each in in_order if each.deleted],
        )


def _split(changes: Sequence[Change]) -> Iterator[Change]:
    """The same changes, none of them longer than a row of the log."""
    for change in changes:
        if len(change.keys) <= _CHANGES_A_ROW:
            yield change
            continue
        for start in range(0, len(change.keys), _CHANGES_A_ROW):
            part = slice(start, start + _CHANGES_A_ROW)
            yield Change(change.clause, change.keys[part], change.rows[part], change.due_ns[part])


def _number(connection: Connection, identity: str) -> int:
    connection.execute("INSERT INTO clauses (identity) VALUES (?) ON CONFLICT DO NOTHING", (identity,))
    (number,) = connection.execute("SELECT number FROM clauses WHERE identity = ?", (identity,)).fetchone()
    return int(number)
