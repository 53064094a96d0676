"""Brings the tables of a journal to the format of this version, and refuses formats that this version cannot use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import sql

from bridge.journal.errors import JournalError
from bridge.journal.postgres.connection import PgConnection
from bridge.journal.postgres.faults import explain, no_journal
from bridge.journal.postgres.tables.migrations import MIGRATIONS, Migration

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('falco-bridge migrate ' || current_setting('search_path'), 0))"
_OLDEST_SERVER = 150000
UNFINISHED = 1_000_000
"""The oldest format that can read a journal that is being copied to a database: none."""


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a journal's tables."""

    version: int
    min_reader: int
    min_writer: int


def read_format(connection: PgConnection) -> Format | None:
    """The format of the journal in the first schema of the search_path; None if there is no journal."""
    if connection.execute("SELECT to_regclass('journal_format')").fetchone() == (None,):
        return None
    found = connection.execute("SELECT version, min_reader, min_writer FROM journal_format").fetchone()
    return None if found is None else Format(*(int(cast("int", each)) for each in found))


def check(connection: PgConnection, name: str, *, to_write: bool, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Raise JournalError where there is no journal, or one that this version must not use."""
    found = read_format(connection)
    if found is None:
        raise no_journal(name)
    known = len(migrations)
    least = found.min_writer if to_write else found.min_reader
    if least >= UNFINISHED:
        raise JournalError(
            f"the journal in {name} is an unfinished copy; run the same falco-bridge journal copy again, or drop its "
            "schema"
        )
    if known < least:
        raise JournalError(
            f"the journal in {name} was changed by a newer falco-bridge (format {found.version}; this version knows "
            f"{known}, and {least} is needed); nothing was changed. Run that version"
        )
    needed = _needed(migrations)
    if found.version < needed:
        raise JournalError(
            f"the journal in {name} has the older format {found.version}, and this version needs {needed}; run "
            "falco-bridge journal migrate as a role that may create tables, or start the bridge as such a role"
        )


def migrate(
    connection: PgConnection, name: str, *, contract: bool, migrations: Sequence[Migration] = MIGRATIONS
) -> tuple[int, int]:
    """Apply what is missing, in one transaction; what contracts only with ``contract``.

    Returns the formats before and after. Raises JournalError; nothing was changed then. Several processes may do this
    at once.
    """
    check_server(connection, name)
    try:
        before = read_format(connection)
        if before is not None and before.version >= len(migrations):
            return before.version, before.version
        with connection.transaction():
            connection.execute(_LOCK)
            schema = connection.execute("SELECT current_setting('search_path'), current_schema()").fetchone()
            assert schema is not None
            if schema[1] is None:
                first = str(schema[0]).split(",")[0].strip().strip('"')
                connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(first)))
            return _apply(connection, migrations, contract=contract)
    except psycopg.Error as error:
        raise explain(error, name, then="start again") from error


def _apply(connection: PgConnection, migrations: Sequence[Migration], *, contract: bool) -> tuple[int, int]:
    found = read_format(connection)
    if found is None:
        connection.execute(
            "CREATE TABLE journal_format (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, "
            "min_reader integer NOT NULL, min_writer integer NOT NULL)"
        )
        connection.execute("INSERT INTO journal_format (version, min_reader, min_writer) VALUES (0, 0, 0)")
        found = Format(0, 0, 0)
    before = found.version
    for number, each in enumerate(migrations[before:], before + 1):
        is_contracting = each.min_reader > found.min_reader or each.min_writer > found.min_writer
        if before and is_contracting and not contract:
            break
        for statement in each.statements:
            connection.execute(statement)
        found = Format(number, each.min_reader, each.min_writer)
    connection.execute(
        "UPDATE journal_format SET version = %s, min_reader = %s, min_writer = %s",
        (found.version, found.min_reader, found.min_writer),
    )
    return before, found.version


def _needed(migrations: Sequence[Migration]) -> int:
    """The number of the last migration that expands: this version works with or without those that contract."""
    needed = 1
    for number in range(2, len(migrations) + 1):
        before, each = migrations[number - 2], migrations[number - 1]
        if (each.min_reader, each.min_writer) == (before.min_reader, before.min_writer):
            needed = number
    return needed


def check_server(connection: PgConnection, name: str) -> None:
    """Raise JournalError where the server is too old."""
    version = connection.info.server_version
    if version < _OLDEST_SERVER:
        raise JournalError(
            f"the journal's database {name} is PostgreSQL {version // 10000}; the bridge needs 15 or newer"
        )
