"""Makes one process the only router, or the only courier, of a database; or one of the members of a fleet.

A lock of the session keeps others out, and ends with the session. Each owner has a token; every transaction of an owner
checks it, so that a process that lost its session writes nothing once another one has taken over. The same row counts
the owner's commits: after a lost answer it shows whether the last one was made.

Members of a fleet share the lock of their role, so that no bridge without roles works beside them. Each has a lock and
a row of its own besides.
"""

from __future__ import annotations

import time
from typing import cast

from bridge.journal.errors import JournalBusyError, JournalError, JournalOwnedError
from bridge.journal.postgres.connection import PgConnection
from bridge.journal.postgres.tables.migrations import ROUTER

_LOCK = "hashtextextended('falco-bridge ' || current_schema() || ' ' || %s, 0)"
_HOLDER = (
    "SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket'), l.mode = 'ShareLock', "
    "count(*) OVER () FROM pg_locks AS l "
    "JOIN pg_stat_activity AS a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND "
    f"l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
    f"(l.classid::bigint << 32) | l.objid::bigint = {_LOCK} LIMIT 1"
)
_POLL_SECONDS = 0.05


class Ownership:
    """The role of one process; none before ``acquire``."""

    def __init__(self, role: str, member: str = "") -> None:
        """``member`` is the id of a member of a fleet; empty for the only one."""
        self.role = f"{role} {member}" if member else role
        self._shared = role if member else ""
        self._token = 0
        self._commits = 0
        self.outcome: bool | None = None
        """Whether the last transaction before the session was opened again was committed."""

    def acquire(self, connection: PgConnection, name: str, wait_seconds: float) -> None:
        """Acquire the lock, and a token unless there is one. Raises JournalError where another process has it."""
        deadline = time.monotonic() + wait_seconds
        while not self._locked(connection):
            if time.monotonic() >= deadline:
                if self._token:
                    self._verify(connection, name)  # the server has not noticed yet that our session was lost
                    raise JournalBusyError(str(self._held(connection, name)))
                raise self._held(connection, name)
            time.sleep(_POLL_SECONDS)
        if self._token:
            self._verify(connection, name)
            return
        self._register(connection)

    def register_again(self, connection: PgConnection) -> bool:
        """The row of this role is gone. Make another one, unless another process may have taken over.

        Another process never takes over the role of a member: others have only forgotten one that was away for long.
        """
        if self._shared:
            self._register(connection)
        return bool(self._shared)

    def next_commit(self) -> str:
        """The statement that fences and counts the next transaction: it changes one row, or the role was lost."""
        self._commits += 1
        role = self.role.replace("'", "''")  # it contains the name of the host
        return f"UPDATE owners SET commits = {self._commits} WHERE role = '{role}' AND token = {self._token}"

    def lost(self, name: str) -> JournalError:
        """The error of a process whose role another one has taken over."""
        return JournalError(f"another falco-bridge has taken over the journal {name}; this one stops")

    def _locked(self, connection: PgConnection) -> bool:
        found = connection.execute(f"SELECT pg_try_advisory_lock({_LOCK})", (self.role,)).fetchone()
        if found is None or not found[0]:
            return False
        if not self._shared:
            return True
        found = connection.execute(f"SELECT pg_try_advisory_lock_shared({_LOCK})", (self._shared,)).fetchone()
        return found is not None and bool(found[0])

    def _register(self, connection: PgConnection) -> None:
        found = connection.execute(
            "INSERT INTO owners (role, token, commits) VALUES (%s, 1, 0) "
            "ON CONFLICT (role) DO UPDATE SET token = owners.token + 1, commits = 0 RETURNING token",
            (self.role,),
        ).fetchone()
        assert found is not None
        self._token = int(cast("int", found[0]))

    def _verify(self, connection: PgConnection, name: str) -> None:
        found = connection.execute("SELECT token, commits FROM owners WHERE role = %s", (self.role,)).fetchone()
        if found is None and self.register_again(connection):
            self.outcome = False  # what is stored already is not stored twice
        elif found is None or found[0] != self._token:
            raise self.lost(name)
        else:
            self.outcome = found[1] == self._commits

    def _held(self, connection: PgConnection, name: str) -> JournalOwnedError:
        row = connection.execute(_HOLDER, (self._shared or self.role,)).fetchone()
        shown, is_fleet, count = ("", False, 1) if row is None else (f" ({row[0]}, from {row[1]})", row[2], row[3])
        noun = "falco-bridge" if self._shared or self.role == ROUTER else "courier"
        if self._shared:
            holder = f"a falco-bridge outside of the fleet{shown}"
            remedy = "stop it, or remove `roles: []` and `journal.standby` from its config"
        elif is_fleet:
            holder = f"a fleet of bridges ({count}, one of them{shown.replace(' (', ' ', 1)}"
            remedy = (
                "remove `roles: []` and `journal.standby` to join it, or give this one a database or a search_path "
            )
            remedy += "of its own"
        else:
            holder = f"another {noun}{shown}"
            remedy = "stop it, set journal.standby to wait for it, or give this one a database or a search_path of its "
            remedy += "own"
        return JournalOwnedError(holder, f"{holder} is using the journal {name}; {remedy}")


def exclusive_holder(connection: PgConnection, role: str) -> str:
    """The process that has this role alone, for people; empty if there is none, or members of a fleet share it."""
    row = connection.execute(_HOLDER, (role,)).fetchone()
    return "" if row is None or row[2] else f"{row[0]}, from {row[1]}"
