"""Brings the tables of a journal to the format of this version, and refuses formats that this version cannot use."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg import sql

from bridge.journal.errors import JournalBusyError, JournalError
from bridge.journal.postgres.connection import PgConnection
from bridge.journal.postgres.faults import explain, no_journal, one_line
from bridge.journal.postgres.tables.migrations import MIGRATIONS, Migration
from bridge.journal.postgres.tables.users import check_users

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('falco-bridge migrate ' || current_setting('search_path'), 0))"
_OLDEST_SERVER = 150000
WAIT_SECONDS = 30.0
_LOCK_MILLISECONDS = 900
"""How long a change of a table waits for those who use it, and all others behind it. Less than `deadlock_timeout`, so
that no transaction of a bridge is rolled back for it."""
_PAUSE_SECONDS = 0.5, 1.5
"""For as long they work before the next try."""
UNFINISHED = 1_000_000
"""The oldest format that can read a journal that is being copied to a database: none."""


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a journal's tables."""

    version: int
    min_reader: int
    min_writer: int


def read_format(connection: PgConnection, *, locked: bool = False) -> Format | None:
    """The format of the journal in the first schema of the search_path; None if there is no journal.

    ``locked`` waits for a migration that is being applied: it may not have seen the member that asks.
    """
    if connection.execute("SELECT to_regclass('journal_format')").fetchone() == (None,):
        return None
    lock = " FOR SHARE" if locked else ""
    found = connection.execute(f"SELECT version, min_reader, min_writer FROM journal_format{lock}").fetchone()
    return None if found is None else Format(*(int(cast("int", each)) for each in found))


def check(connection: PgConnection, name: str, *, to_write: bool, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Raise JournalError where there is no journal, or one that this version must not use."""
    found = read_format(connection, locked=to_write)
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
        remedy = "falco-bridge journal migrate as a role that may create tables, or start the bridge as such a role"
        if any(_contracts(migrations, each) for each in range(found.version + 1, needed + 1)):
            remedy = "falco-bridge journal migrate --contract, once no bridge of an older version runs"
        raise JournalError(
            f"the journal in {name} has the older format {found.version}, and this version needs {needed}; run {remedy}"
        )


def migrate(
    connection: PgConnection,
    name: str,
    *,
    contract: bool,
    migrations: Sequence[Migration] = MIGRATIONS,
    wait_seconds: float = WAIT_SECONDS,
) -> tuple[int, int]:
    """Apply what is missing, in one transaction; what contracts only with ``contract``.

    Returns the formats before and after. Raises JournalError; nothing was changed then. Several processes may do this
    at once, and bridges may work: for up to ``wait_seconds`` it tries again where they keep it from a table. What
    contracts is refused while a bridge works that cannot use the result.
    """
    check_server(connection, name)
    deadline = time.monotonic() + wait_seconds
    before: Format | None = None
    while True:
        try:
            before = read_format(connection)
            if before is not None and before.version >= len(migrations):
                return before.version, before.version
            with connection.transaction():
                _begin(connection)
                return _apply(connection, name, migrations, contract=contract)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() >= deadline:
                raise JournalBusyError(
                    f"the tables of the journal in {name} were in use for {wait_seconds:.0f} s, such as by pg_dump or "
                    "a long query; nothing was changed. Try again once that has ended"
                ) from error
        except psycopg.Error as error:
            if before is not None and isinstance(error, psycopg.errors.InsufficientPrivilege):
                raise JournalError(
                    f"the journal in {name} has the older format {before.version}, this version needs "
                    f"{_needed(migrations)}, and its role may not change the tables ({one_line(error)}); run "
                    "falco-bridge journal migrate as the role that owns them"
                ) from error
            raise explain(error, name, then="start again") from error
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311  # no secret


def _begin(connection: PgConnection) -> None:
    """Keep other migrations out, and make the schema where there is none."""
    connection.execute(_LOCK)
    connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_MILLISECONDS}ms'")
    if connection.execute("SELECT to_regclass('owners')").fetchone() != (None,):
        # Each transaction of a bridge uses it first. Thus none is open when others are locked, one after the other.
        connection.execute("LOCK TABLE owners IN ACCESS EXCLUSIVE MODE")
    schema = connection.execute("SELECT current_setting('search_path'), current_schema()").fetchone()
    assert schema is not None
    if schema[1] is None:
        first = str(schema[0]).split(",")[0].strip().strip('"')
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(first)))


def _apply(connection: PgConnection, name: str, migrations: Sequence[Migration], *, contract: bool) -> tuple[int, int]:
    found = read_format(connection)
    if found is None:
        connection.execute(
            "CREATE TABLE journal_format (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, "
            "min_reader integer NOT NULL, min_writer integer NOT NULL)"
        )
        connection.execute("INSERT INTO journal_format (version, min_reader, min_writer) VALUES (0, 0, 0)")
        found = Format(0, 0, 0)
    before = found.version
    last = _last(migrations, before, contract=contract)
    if last == before:
        return before, before
    now = Format(last, migrations[last - 1].min_reader, migrations[last - 1].min_writer)
    # Before the users are read: a bridge that joins after that waits for this row, and sees the new format.
    connection.execute(
        "UPDATE journal_format SET version = %s, min_reader = %s, min_writer = %s",
        (now.version, now.min_reader, now.min_writer),
    )
    if before and (now.min_reader, now.min_writer) != (found.min_reader, found.min_writer):
        check_users(connection, name, max(now.min_reader, now.min_writer))
    for each in migrations[before:last]:
        for statement in each.statements:
            connection.execute(statement)
    return before, last


def _last(migrations: Sequence[Migration], before: int, *, contract: bool) -> int:
    """The format that can be reached from ``before``."""
    if contract or not before:
        return len(migrations)
    contracting = (each for each in range(before + 1, len(migrations) + 1) if _contracts(migrations, each))
    return next(contracting, len(migrations) + 1) - 1


def _contracts(migrations: Sequence[Migration], number: int) -> bool:
    """Whether the migration to this format contracts."""
    if number == 1:
        return False
    before, each = migrations[number - 2], migrations[number - 1]
    return (each.min_reader, each.min_writer) != (before.min_reader, before.min_writer)


def _needed(migrations: Sequence[Migration]) -> int:
    """The number of the last migration that expands: this version works with or without those that contract."""
    return max(each for each in range(1, len(migrations) + 1) if not _contracts(migrations, each))


def check_server(connection: PgConnection, name: str) -> None:
    """Raise JournalError where the server is too old."""
    version = connection.info.server_version
    if version < _OLDEST_SERVER:
        raise JournalError(
            f"the journal's database {name} is PostgreSQL {version // 10000}; the bridge needs 15 or newer"
        )
