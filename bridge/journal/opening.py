"""Opens a journal. The only place that chooses the storage engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from bridge.common.extras import install_command
from bridge.common.log_setup import log_to_standard_error
from bridge.journal.errors import JournalError
from bridge.journal.location import DatabaseLocation, Location
from bridge.journal.members import Member
from bridge.journal.partitions import Partitions, Requests
from bridge.journal.protocols import Journal
from bridge.journal.revisions import FleetSession
from bridge.journal.sql.copying import CopyResult, Store, copy_rows


def open_for_router(
    location: Location, on_wait: Callable[[str], None] | None = None, member: Member | None = None
) -> Journal:
    """The journal for the router, created if there is none. Raises JournalError, also where another router uses it.

    With ``on_wait`` it waits for a database that another router uses, and calls it once with a sentence. A ``member``
    of a fleet uses the database beside others.
    """
    log_to_standard_error()
    if isinstance(location, DatabaseLocation):
        return _postgres().open_for_router(location, on_wait, member)
    from bridge.journal.sqlite import opening

    return opening.open_for_router(location)


def open_for_courier(location: Location, member: Member | None = None) -> Journal:
    """The journal for the courier. Waits until no other courier uses it. Raises JournalError.

    A ``member`` of a fleet waits for none.
    """
    if isinstance(location, DatabaseLocation):
        return _postgres().open_for_courier(location, member)
    from bridge.journal.sqlite import opening

    return opening.open_for_courier(location)


def open_to_write(location: Location, *, again: bool = False) -> Journal:
    """The journal for a writer beside router and courier. Raises JournalError.

    ``again`` in a bridge that has it open: the whole file is not checked for damage another time.
    """
    log_to_standard_error()
    if isinstance(location, DatabaseLocation):
        return _postgres().open_to_write(location)
    from bridge.journal.sqlite import opening

    return opening.open_to_write(location, again=again)


def open_to_read(location: Location, *, again: bool = False) -> Journal:
    """The journal for a reader, whether a bridge runs or not. Creates no file. ``again`` as in ``open_to_write``.

    Raises JournalError.
    """
    log_to_standard_error()
    if isinstance(location, DatabaseLocation):
        return _postgres().open_to_read(location)
    from bridge.journal.sqlite import opening

    return opening.open_to_read(location, again=again)


def backup(journal: Location, target: Path) -> list[Path]:
    """Copy a journal that may be in use, with its keys. Returns the files that were written. Raises JournalError."""
    if isinstance(journal, DatabaseLocation):
        raise JournalError(
            f"the journal {journal} is a database; back it up with PostgreSQL's tools, or copy it to a file with "
            "falco-bridge journal copy"
        )
    from bridge.journal.sqlite import backup as sqlite_backup

    return sqlite_backup.backup(journal, target)


def migrate(location: Location, *, contract: bool) -> tuple[int, int]:
    """Create or upgrade the tables of a database. Returns the formats before and after. Raises JournalError."""
    if not isinstance(location, DatabaseLocation):
        raise JournalError(f"the journal {location} is a file, which is upgraded when the bridge starts")
    return _postgres().migrate_database(location, contract=contract)


def copy(source: Location, target: Location, at: Callable[[int, int], None]) -> CopyResult:
    """Copy a journal that no bridge uses to a new one, or continue an interrupted copy; the copy is compared.

    ``at`` is called with the rows that are done, of so many. Raises JournalError.
    """
    with closing(_source(source)) as one, closing(_target(target)) as other:
        return copy_rows(one, other, at)


def _source(location: Location) -> Store:
    if isinstance(location, DatabaseLocation):
        return _postgres().copy_source(location)
    from bridge.journal.sqlite.copying import SqliteStore

    return SqliteStore.source(location)


def _target(location: Location) -> Store:
    if isinstance(location, DatabaseLocation):
        return _postgres().copy_target(location)
    from bridge.journal.sqlite.copying import SqliteStore

    return SqliteStore.target(location)


def link_key(location: DatabaseLocation, first: bytes | None) -> bytes:
    """The key of acknowledgement links; if there is none it becomes ``first``, or a new one. Raises JournalError."""
    return _postgres().link_key(location, first)


def open_fleet_session(location: DatabaseLocation) -> FleetSession:
    """What every bridge of a database must notice soon. Raises JournalError."""
    return _postgres().open_fleet_session(location)


def examine(location: DatabaseLocation) -> None:
    """Raise JournalError where a bridge could not use this database. Changes nothing."""
    _postgres().examine(location)


def open_partitions(location: DatabaseLocation, member: Member) -> Partitions:
    """The partitions of a fleet's memory, for a member that may own some. Raises JournalError."""
    return _postgres().open_partitions(location, member)


def open_requests(location: DatabaseLocation) -> Requests:
    """What a member of a fleet asks the owners of partitions. Raises JournalError."""
    return _postgres().open_requests(location)


class _Postgres(Protocol):
    def open_for_router(
        self, location: DatabaseLocation, on_wait: Callable[[str], None] | None, member: Member | None
    ) -> Journal: ...
    def open_for_courier(self, location: DatabaseLocation, member: Member | None) -> Journal: ...
    def open_partitions(self, location: DatabaseLocation, member: Member) -> Partitions: ...
    def open_requests(self, location: DatabaseLocation) -> Requests: ...
    def open_to_write(self, location: DatabaseLocation) -> Journal: ...
    def open_to_read(self, location: DatabaseLocation) -> Journal: ...
    def link_key(self, location: DatabaseLocation, first: bytes | None) -> bytes: ...
    def open_fleet_session(self, location: DatabaseLocation) -> FleetSession: ...
    def examine(self, location: DatabaseLocation) -> None: ...
    def copy_source(self, location: DatabaseLocation) -> Store: ...
    def copy_target(self, location: DatabaseLocation) -> Store: ...
    def migrate_database(self, location: DatabaseLocation, *, contract: bool) -> tuple[int, int]: ...


def _postgres() -> _Postgres:
    """The engine. Raises JournalError where its driver is not installed."""
    try:
        from bridge.journal.postgres import opening
    except ImportError as error:
        if not (error.name or "").startswith("psycopg"):
            raise
        raise JournalError(
            f"a journal in PostgreSQL needs psycopg, which is not installed; run: {install_command('postgres')}"
        ) from error
    return opening
