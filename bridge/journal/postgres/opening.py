"""Opens a journal in PostgreSQL and assembles its parts over one session.

Router and courier own a role each (`ownership.py`); operators and readers have sessions of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import psycopg

from bridge.common.files.presence import is_folder
from bridge.journal.errors import JournalError, JournalOwnedError
from bridge.journal.file_lock import FileLock
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import Member
from bridge.journal.membership import Membership
from bridge.journal.postgres.appending.alert_log import PostgresAlertLog
from bridge.journal.postgres.connection import PgConnection, connect, first_connect, settings_of_member
from bridge.journal.postgres.copying import PostgresStore
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.faults import explain
from bridge.journal.postgres.leases import PostgresLeases, read_facts, read_lag, read_members
from bridge.journal.postgres.maintenance import PostgresMaintenance
from bridge.journal.postgres.ownership import Ownership
from bridge.journal.postgres.partitions.conversion import join
from bridge.journal.postgres.partitions.history import PostgresHistory
from bridge.journal.postgres.partitions.requests import PostgresRequests
from bridge.journal.postgres.partitions.store import PostgresPartitions
from bridge.journal.postgres.partitions.stored_rows import PartitionedMemory
from bridge.journal.postgres.queue.delivery_queue import PostgresDeliveryQueue
from bridge.journal.postgres.queue.placement import reopen
from bridge.journal.postgres.revisions import fleet_session
from bridge.journal.postgres.secret_row import SecretRow
from bridge.journal.postgres.tables.migrate import check, check_server, migrate, read_format
from bridge.journal.postgres.tables.migrations import COURIER, ROUTER
from bridge.journal.protocols import Journal
from bridge.journal.revisions import FleetSession
from bridge.journal.secret_names import LINKS, STATE_KEYS
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.dead_letters import SqlDeadLetterQueue

_ROUTER_SECONDS = 5.0
"""How long a router waits for the lock: the session of a killed one may not have ended yet."""
_COURIER_SECONDS = 86_400.0
_AGAIN_SECONDS = 5.0
_RETRY_SECONDS = 1.0


def assemble(
    database: Database, location: DatabaseLocation, lock: FileLock | None = None,
    membership: Membership | None = None,
) -> Journal:  # fmt: skip
    """A journal over an open database. Closing it leaves the fleet, and releases ``lock``."""

    def close() -> None:
        if membership is not None:
            membership.close()
        database.close()
        if lock is not None:
            lock.release()

    def verify() -> None:  # a lost session is noticed when it is used
        if lock is not None:
            lock.verify()

    bodies = Bodies(database)
    member = "" if membership is None else membership.member.id
    return Journal(
        alerts=PostgresAlertLog(database, bodies, member),
        memory=PartitionedMemory(database, SecretRow(database, STATE_KEYS)),
        deliveries=PostgresDeliveryQueue(database, bodies, member),
        dead_letters=SqlDeadLetterQueue(database, bodies, reopen),
        history=PostgresHistory(database, bodies),
        maintenance=PostgresMaintenance(database, bodies, partial(read_database, location)),
        verify=verify,
        close=close,
        membership=membership,
        members=partial(read_members, database),
        lag=partial(read_lag, database),
        database_facts=partial(read_facts, database),
    )


def open_for_router(
    location: DatabaseLocation, on_wait: Callable[[str], None] | None = None, member: Member | None = None
) -> Journal:
    """As in `bridge.journal.opening`."""
    files = location.files
    lock = FileLock(files.with_name(files.name + ".lock")) if is_folder(files.parent) else None
    if lock is not None and not lock.try_acquire():
        raise JournalError(
            f"another falco-bridge (process {lock.owner()}) uses the local files {files}; stop it, or give this one a "
            "journal.path of its own"
        )
    try:
        database, membership = _awaited(location, on_wait, member)
        if member is None:
            _join(database)
    except JournalError:
        if lock is not None:
            lock.release()
        raise
    return assemble(database, location, lock, membership)


def _awaited(
    location: DatabaseLocation, on_wait: Callable[[str], None] | None, member: Member | None
) -> tuple[Database, Membership | None]:
    """The database once no other router has it. The first wait is reported; after it, a lost connection is no error."""
    waits = False
    while True:
        try:
            return _joined(location, ROUTER, _ROUTER_SECONDS, member)
        except JournalOwnedError as error:
            if on_wait is None:
                raise
            if not waits:
                on_wait(str(error))
            waits = True
        except JournalError:
            if not waits:
                raise
            time.sleep(_RETRY_SECONDS)


def open_for_courier(location: DatabaseLocation, member: Member | None = None) -> Journal:
    """As in `bridge.journal.opening`."""
    database, membership = _joined(location, COURIER, _COURIER_SECONDS, member)
    return assemble(database, location, membership=membership)


def open_member_session(location: DatabaseLocation, role: str, member: Member) -> Database:
    """A further session of a member that writes, with a count of commits of its own. Raises JournalError."""
    return _owned(location, role, _ROUTER_SECONDS, member)


def _joined(
    location: DatabaseLocation, role: str, wait_seconds: float, member: Member | None
) -> tuple[Database, Membership | None]:
    """The database, and the membership of a member of a fleet, which has joined."""
    if member is None:
        return _owned(location, role, wait_seconds), None
    settings = settings_of_member(member.lease_seconds) + "; SET synchronous_commit = off"
    connect_again = partial(connect, location, "lease", settings=settings)
    connection = first_connect(location, "lease", settings=settings)
    _prepare(connection, location)
    membership = Membership(PostgresLeases(Database(connection, connect_again, str(location)), member), member)
    try:
        membership.join()
        database = _owned(location, role, wait_seconds, member)
    except JournalError:
        membership.close()
        raise
    membership.start()
    return database, membership


def _join(database: Database) -> None:
    """A single bridge has the state from now on. Closes the database if it raises JournalError."""
    try:
        join(database)
    except JournalError:
        database.close()
        raise


def open_partitions(location: DatabaseLocation, member: Member) -> PostgresPartitions:
    """As in `bridge.journal.opening`."""
    return PostgresPartitions(open_member_session(location, "memory", member), member.id, member.lease_seconds)


def open_requests(location: DatabaseLocation) -> PostgresRequests:
    """As in `bridge.journal.opening`."""
    open_again = partial(connect, location, "operator")
    return PostgresRequests(Database(first_connect(location, "operator"), open_again, str(location)))


def open_to_write(location: DatabaseLocation) -> Journal:
    """As in `bridge.journal.opening`."""
    connection = first_connect(location, "operator")
    _prepare(connection, location)
    return assemble(Database(connection, partial(connect, location, "operator"), str(location)), location)


def open_to_read(location: DatabaseLocation) -> Journal:
    """As in `bridge.journal.opening`."""
    return assemble(read_database(location), location)


def read_database(location: DatabaseLocation) -> Database:
    """A session that only reads. Raises JournalError, also where there is no journal."""
    connection = first_connect(location, "reader", read_only=True)
    try:
        check(connection, str(location), to_write=False)
    except psycopg.Error as error:
        connection.close()
        raise explain(error, str(location)) from error
    except JournalError:
        connection.close()
        raise
    return Database(connection, partial(connect, location, "reader", read_only=True), str(location))


def open_fleet_session(location: DatabaseLocation) -> FleetSession:
    """As in `bridge.journal.opening`."""
    database = Database(first_connect(location, "fleet"), partial(connect, location, "fleet"), str(location))
    return fleet_session(database)


def examine(location: DatabaseLocation) -> None:
    """As in `bridge.journal.opening`."""
    with first_connect(location, "check", read_only=True) as connection:
        try:
            check_server(connection, str(location))
            if read_format(connection) is not None:
                check(connection, str(location), to_write=False)
        except psycopg.Error as error:
            raise explain(error, str(location)) from error


def link_key(location: DatabaseLocation, first: bytes | None) -> bytes:
    """The key of acknowledgement links; if there is none it becomes ``first``, or a new one. Raises JournalError."""
    connection = first_connect(location, "links")
    _prepare(connection, location)
    with closing(Database(connection, partial(connect, location, "links"), str(location))) as database:
        return SecretRow(database, LINKS).get(first)


def copy_source(location: DatabaseLocation) -> PostgresStore:
    """As in `PostgresStore.source`."""
    return PostgresStore.source(location)


def copy_target(location: DatabaseLocation) -> PostgresStore:
    """As in `PostgresStore.target`."""
    return PostgresStore.target(location)


def migrate_database(location: DatabaseLocation, *, contract: bool) -> tuple[int, int]:
    """Create or upgrade the tables. Returns the formats before and after. Raises JournalError."""
    with first_connect(location, "migrate") as connection:
        return migrate(connection, str(location), contract=contract)


def _owned(location: DatabaseLocation, role: str, wait_seconds: float, member: Member | None = None) -> Database:
    name, ownership = str(location), Ownership(role, "" if member is None else member.id)
    settings = "" if member is None else settings_of_member(member.lease_seconds)
    connection = first_connect(location, role, settings=settings)
    _prepare(connection, location)
    try:
        ownership.acquire(connection, name, wait_seconds)
    except psycopg.Error as error:
        connection.close()
        raise explain(error, name) from error
    except JournalError:
        connection.close()
        raise

    def open_again() -> PgConnection:
        again = connect(location, role, settings=settings)
        try:
            ownership.acquire(again, name, _AGAIN_SECONDS)
        except (psycopg.Error, JournalError):
            again.close()
            raise
        return again

    return Database(connection, open_again, name, ownership)


def _prepare(connection: PgConnection, location: DatabaseLocation) -> None:
    """Create or upgrade the tables where that is needed. Closes the connection if it raises JournalError."""
    try:
        migrate(connection, str(location), contract=False)
        check(connection, str(location), to_write=True)
    except JournalError:
        connection.close()
        raise
