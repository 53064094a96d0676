"""Moves the state of a single bridge to the partitions of a fleet, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bridge.journal.errors import JournalError
from bridge.journal.postgres.database import Database
from bridge.journal.records import StateRow
from bridge.journal.sql.memory import SqlMemory
from bridge.routing.memory.rows import encode_row

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('falco-bridge partitions ' || current_schema(), 0))"
_JOIN = (
    "INSERT INTO state SELECT DISTINCT ON (clause, key) clause, key, row, due_ns FROM partition_state "
    "ORDER BY clause, key, partition ON CONFLICT (clause, key) DO NOTHING"
)
_ADD = (
    "INSERT INTO partition_state SELECT * FROM unnest(?::int2[], ?::int4[], ?::bytea[], ?::bytea[], ?::int8[]) "
    "ON CONFLICT (partition, clause, key) DO NOTHING"
)


class _Clause(NamedTuple):
    identity: str
    number: int


def divide(database: Database, memory: SqlMemory, place: Callable[[StateRow], Iterable[int]]) -> int:
    """Move what a single bridge has left to the partitions that ``place`` returns. Returns how many rows there were.

    A row without a partition is of a clause that no route has any more, and is forgotten. What a fleet remembers
    already is newer, and stays.
    """
    if not database.number("SELECT (SELECT count(*) FROM state) + (SELECT count(*) FROM state_log)"):
        return 0
    rows = [(partition, row) for row in SqlMemory.load(memory) for partition in place(row)]
    numbers = {each.identity: each.number for each in database.rows(_Clause, "SELECT identity, number FROM clauses")}
    with database.transaction() as statements:
        statements.execute(_LOCK)
        if (
            not statements.execute("SELECT 1 FROM state LIMIT 1").fetchall()
            and not statements.execute("SELECT 1 FROM state_log LIMIT 1").fetchall()
        ):
            return 0  # another member has done it
        found = [(partition, numbers[row.clause], row.key, encode_row(row.row), row.due_ns) for partition, row in rows]
        if found:
            statements.execute(_ADD, tuple(list(column) for column in zip(*found, strict=True)))
        statements.execute("DELETE FROM state")
        statements.execute("DELETE FROM state_log")
    return len(rows)


def join(database: Database) -> None:
    """Move what a fleet has left to where a single bridge has its state. Raises JournalError if it is too early."""
    if not database.number("SELECT (SELECT count(*) FROM partition_state) + (SELECT count(*) FROM matches)"):
        return
    waiting = database.number("SELECT count(*) FROM matches")
    if waiting:
        raise JournalError(
            f"{waiting} alerts in the journal {database.name} wait for a decision of a bridge of a fleet; start one "
            "with `roles: [memory]` until `falco-bridge status` shows none, then start this one"
        )
    with database.transaction() as statements:
        statements.execute(_JOIN)
        statements.execute("DELETE FROM partition_state")
        statements.execute("DELETE FROM partition_clocks")
        statements.execute("UPDATE clock SET steps_ns = 0")
