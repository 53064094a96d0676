"""Reads the state of partitions as it is stored, which any member of a fleet may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import structlog

from bridge.journal.postgres.revisions import PostgresMemory
from bridge.journal.records import StateRow
from bridge.journal.sql.database import Database
from bridge.routing.memory.rows import decode_row

_PAGE = 5000
_ROWS = (
    "SELECT s.partition, s.clause, c.identity, s.key, s.row, s.due_ns FROM partition_state AS s "
    "JOIN clauses AS c ON c.number = s.clause WHERE {wanted} AND (s.partition, s.clause, s.key) > (?, ?, ?) "
    "ORDER BY s.partition, s.clause, s.key LIMIT ?"
)
EVERYTHING = "true"
INCIDENTS = "position(chr(10) || 'incident' IN c.identity) > 0"


class _Row(NamedTuple):
    partition: int
    clause: int
    identity: str
    key: bytes
    row: bytes
    due_ns: int | None


def one_partition(number: int) -> str:
    """The condition for the rows of one partition."""
    return f"s.partition = {int(number)}"


def stored_rows(database: Database, wanted: str = EVERYTHING) -> Iterator[tuple[int, StateRow]]:
    """The rows that are ``wanted``, by one of the conditions, each with its partition."""
    after: tuple[int, int, bytes] = (-1, 0, b"")
    damaged = 0
    while rows := database.rows(_Row, _ROWS.format(wanted=wanted), (*after, _PAGE)):
        after = (rows[-1].partition, rows[-1].clause, rows[-1].key)
        for row in rows:
            try:
                yield row.partition, StateRow(row.identity, row.key, decode_row(row.row), row.due_ns)
            except msgspec.MsgspecError:
                damaged += 1
    if damaged:
        structlog.get_logger("journal").error("state of clauses lost: rows cannot be read", rows=damaged)


class PartitionedMemory(PostgresMemory):
    """As PostgresMemory. The state is that of a single bridge, or of the partitions of a fleet."""

    def load(self) -> Iterator[StateRow]:
        """As in Memory."""
        yield from super().load()
        for _, row in stored_rows(self._database):
            yield row
