"""Opens an SQLite journal and assembles its parts over one connection.

Router and courier open the file on their own. The write-ahead log lets each read while the other writes, and both keep
their write transactions short.
"""

from __future__ import annotations

from pathlib import Path

from bridge.common.files.presence import is_folder
from bridge.journal.errors import JournalError
from bridge.journal.file_lock import FileLock
from bridge.journal.protocols import Journal
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.dead_letters import SqlDeadLetterQueue
from bridge.journal.sql.history import SqlHistory
from bridge.journal.sql.memory import SqlMemory
from bridge.journal.sqlite.alert_log import SqliteAlertLog
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import CHECKPOINT_PAGES, connect, connect_to_read
from bridge.journal.sqlite.log_copier import LogCopier
from bridge.journal.sqlite.maintenance import SqliteMaintenance
from bridge.journal.sqlite.queue.delivery_queue import SqliteDeliveryQueue
from bridge.journal.sqlite.queue.order_keys import reopen
from bridge.journal.sqlite.secret_file import SecretFile

_ROUTER_CHECKPOINT_PAGES = 12_000
"""Where neither the courier nor the router's LogCopier could copy the write-ahead log, a commit does at 48 MB."""


def assemble(database: Database, lock: FileLock | None = None) -> Journal:
    """A journal over an open database. Closing it releases ``lock``."""

    def close() -> None:
        database.close()
        if lock is not None:
            lock.release()

    def verify() -> None:
        database.verify()
        if lock is not None:
            lock.verify()

    bodies = Bodies(database)
    return Journal(
        alerts=SqliteAlertLog(database, bodies),
        memory=SqlMemory(database, SecretFile(database.path)),
        deliveries=SqliteDeliveryQueue(database, bodies),
        dead_letters=SqlDeadLetterQueue(database, bodies, reopen),
        history=SqlHistory(database, bodies),
        maintenance=SqliteMaintenance(database, bodies),
        verify=verify,
        close=close,
    )


def open_for_router(path: Path) -> Journal:
    """As in `bridge.journal.opening`."""
    lock = FileLock(path.with_name(path.name + ".lock")) if is_folder(path.parent) else None
    if lock is not None and not lock.try_acquire():
        raise JournalError(
            f"another falco-bridge (process {lock.owner()}) is using the journal {path}; "
            "stop it, or give this one a journal.path of its own"
        )
    return _open_locked(path, lock, _ROUTER_CHECKPOINT_PAGES, LogCopier(path))


def open_for_courier(path: Path) -> Journal:
    """As in `bridge.journal.opening`."""
    lock = FileLock(path.with_name(path.name + ".courier.lock"))
    lock.acquire()
    return _open_locked(path, lock)


def open_to_write(path: Path, *, again: bool) -> Journal:
    """As in `bridge.journal.opening`."""
    return _open_locked(path, None, again=again)


def open_to_read(path: Path, *, again: bool) -> Journal:
    """As in `bridge.journal.opening`."""
    return assemble(Database(connect_to_read(path, again=again), path))


def _open_locked(
    path: Path,
    lock: FileLock | None,
    checkpoint_pages: int = CHECKPOINT_PAGES,
    copier: LogCopier | None = None,
    *,
    again: bool = False,
) -> Journal:
    try:
        return assemble(Database(connect(path, checkpoint_pages, again=again), path, copier), lock)
    except JournalError:
        if lock is not None:
            lock.release()
        raise
