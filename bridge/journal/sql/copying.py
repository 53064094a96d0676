"""Copies a journal from one engine to another: in pages, so that it can be continued, and compared at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.journal.errors import JournalError

PAGE = 2000

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that every engine has."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    """As PostgreSQL names them."""
    key: int = 1
    """How many of the first columns are the key."""
    is_paged: bool = True
    """Whether it is copied in pages, in the order of its key; small tables are copied again as a whole."""


def _table(name: str, columns: str, key: int = 1, *, is_paged: bool = True) -> Table:
    pairs = [each.split(":") for each in columns.split()]
    return Table(name, tuple(column for column, _ in pairs), tuple(kind for _, kind in pairs), key, is_paged)


TABLES = (
    _table("dictionaries", "number:int4 content:bytea", is_paged=False),
    _table("clauses", "number:int4 identity:text", is_paged=False),
    _table("checkpoints", "source_name:text part:text position:text", 2, is_paged=False),
    _table("channels", "name:text health:bytea", is_paged=False),
    _table("silences", "id:text created_ns:int8 body:bytea", is_paged=False),
    _table("alerts", "seq:int8 id:bytea received_ns:int8 source_name:text body:bytea decisions:bytea"),
    _table(
        "deliveries",
        "id:int8 alert_seq:int8 channel:text order_key:int8 notification:bytea state:text due_ns:int8 attempts:int4 "
        "created_ns:int8 settled_ns:int8 status:int4 reason:text digest_id:int8",
    ),
    _table("attempts", "delivery_id:int8 number:int4 attempted_ns:int8 status:int4 reason:text", 2),
    _table("dead_letter_acts", "delivery_id:int8 acted_ns:int8 action:text actor:text", 2),
    _table("quarantine", "seq:int8 received_ns:int8 source_name:text reason:text raw:bytea"),
    _table("state", "clause:int4 key:bytea row:bytea due_ns:int8", 2),
    _table("state_log", "number:int8 changes:bytea"),
)
"""In an order in which they can be inserted. Which deliveries are blocked follows from the rest."""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What a copy holds."""

    alerts: int
    deliveries: int
    copied: int
    """The rows that this run has copied; less than all where an earlier run was interrupted."""


class Store(Protocol):
    """A journal that nothing else uses while it is copied."""

    @property
    def name(self) -> str:
        """The journal in messages."""

    def rows(self, table: Table, after: Row | None, limit: int | None) -> list[Row]:
        """Rows in the order of the key, after this key."""

    def last(self, table: Table) -> Row | None:
        """The greatest key; None if the table is empty."""

    def count(self, table: Table) -> int:
        """How many rows there are."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows in one transaction."""

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """Replace all rows in one transaction."""

    def secrets(self) -> dict[str, bytes]:
        """The secrets of the journal by their names in `bridge.journal.secret_names`."""

    def finish(self, secrets: Mapping[str, bytes]) -> None:
        """Make the copy a journal that can be used."""

    def close(self) -> None:
        """Release the journal."""


def copy_rows(source: Store, target: Store, at: Callable[[int, int], None]) -> CopyResult:
    """Copy what the target does not have yet, compare everything, and finish the target.

    ``at`` is called with the rows that are done, of so many. Raises JournalError.
    """
    counts = {table: source.count(table) for table in TABLES}
    total, done, copied = 2 * sum(counts.values()), 0, 0
    for table in TABLES:
        if not table.is_paged:
            target.replace(table, source.rows(table, None, None))
            done += counts[table]
            continue
        after = target.last(table)
        done += target.count(table)
        while page := source.rows(table, after, PAGE):
            target.insert(table, page)
            after = page[-1][: table.key]
            done += len(page)
            copied += len(page)
            at(done, total)
    _compare(source, target, lambda compared: at(done + compared, total))
    target.finish(source.secrets())
    return CopyResult(counts[_named("alerts")], counts[_named("deliveries")], copied)


def _compare(source: Store, target: Store, at: Callable[[int], None]) -> None:
    compared = 0
    for table in TABLES:
        after: Row | None = None
        while True:
            wanted, found = source.rows(table, after, PAGE), target.rows(table, after, PAGE)
            if list(map(_storable, wanted)) != list(map(_storable, found)):
                raise JournalError(
                    f"the copy in {target.name} differs from {source.name} in the table {table.name}: it was begun "
                    "from another journal, or one of them was changed. Remove the copy, and run this again"
                )
            if not wanted:
                break
            after = wanted[-1][: table.key]
            compared += len(wanted)
            at(compared)


def _named(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)


def _storable(row: Row) -> Row:
    """PostgreSQL stores no NUL in a text."""
    return tuple(each.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(each, str) else each for each in row)


def select(table: Table, after: Row | None, limit: int | None, collate: str) -> tuple[str, Row]:
    """The query for ``Store.rows``; ``collate`` is appended to keys that are texts."""
    keys = [f"{column}{collate}" if kind == "text" else column
            for column, kind in zip(table.columns[: table.key], table.types, strict=False)]  # fmt: skip
    statement = f"SELECT {', '.join(table.columns)} FROM {table.name}"
    parameters: Row = ()
    if after is not None:
        statement += f" WHERE ({', '.join(keys)}) > ({', '.join('?' * table.key)})"
        parameters = after
    statement += f" ORDER BY {', '.join(keys)}"
    return (statement, parameters) if limit is None else (f"{statement} LIMIT {limit}", parameters)
