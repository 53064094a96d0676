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
from bridge.journal.postgres.migrations import ROUTER

_LOCK = "hashtextextended('falco-bridge ' || current_schema() || ' ' || %s, 0)"
_HOLDER = (
    "SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket') FROM pg_locks AS l "
    "JOIN pg_stat_activity AS a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND "
    f"l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
    f"(l.classid::bigint << 32) | l.objid::bigint = {_LOCK}"
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
                    raise JournalBusyError(self._held(connection, name))
                raise JournalOwnedError(self._held(connection, name))
            time.sleep(_POLL_SECONDS)
        if self._token:
            self._verify(connection, name)
            return
        found = connection.execute(
            "INSERT INTO owners (role, token, commits) VALUES (%s, 1, 0) "
            "ON CONFLICT (role) DO UPDATE SET token = owners.token + 1, commits = 0 RETURNING token",
            (self.role,),
        ).fetchone()
        assert found is not None
        self._token = int(cast("int", found[0]))

    def next_commit(self) -> str:
        """The statement that fences and counts the next transaction: it changes one row, or the role was lost."""
        self._commits += 1
        return (
            f"UPDATE owners SET commits = {self._commits} "  # numbers and a constant
            f"WHERE role = '{self.role}' AND token = {self._token}"
        )

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

    def _verify(self, connection: PgConnection, name: str) -> None:
        found = connection.execute("SELECT token, commits FROM owners WHERE role = %s", (self.role,)).fetchone()
        if found is None or found[0] != self._token:
            raise self.lost(name)
        self.outcome = found[1] == self._commits

    def _held(self, connection: PgConnection, name: str) -> str:
        holder = connection.execute(_HOLDER, (self._shared or self.role,)).fetchone()
        who = "" if holder is None else f" ({holder[0]}, from {holder[1]})"
        if self._shared:
            return (
                f"a falco-bridge without `roles`{who} is using the journal {name}; stop it, or set `roles` in its "
                "config too"
            )
        noun = "falco-bridge" if self.role == ROUTER else "courier"
        return (
            f"another {noun}{who} is using the journal {name}; stop it, set journal.standby to wait for it, or give "
            "this one a database or a search_path of its own"
        )
