"""Finds the bridges that use a journal and cannot use its next format."""

from __future__ import annotations

from bridge.journal.errors import JournalError
from bridge.journal.postgres.connection import PgConnection
from bridge.journal.postgres.database import IS_ALIVE
from bridge.journal.postgres.ownership import exclusive_holder
from bridge.journal.postgres.tables.migrations import COURIER, ROUTER

_OLDER = (
    "SELECT bridge, max(version) FROM members "
    f"WHERE {IS_ALIVE} AND coalesce((info->>'format')::integer, 0) < %s GROUP BY bridge ORDER BY bridge"
)
"""A bridge that does not say which format it knows is older than those that do."""


def check_users(connection: PgConnection, name: str, least: int) -> None:
    """Raise JournalError while a bridge works that does not know the format ``least``, or may not know it."""
    if connection.execute("SELECT to_regclass('members')").fetchone() != (None,):
        found = connection.execute(_OLDER, (least,)).fetchall()
        if found:
            shown = ", ".join(f"{bridge} ({version})" for bridge, version in found)
            raise JournalError(
                f"the journal in {name} was not changed: bridges of an older version use it: {shown}. Upgrade or stop "
                "them, and run this again"
            )
    for role in (ROUTER, COURIER):
        holder = exclusive_holder(connection, role)
        if holder:
            raise JournalError(
                f"the journal in {name} was not changed: a bridge outside of a fleet uses it ({holder}). Stop it, and "
                "run this again"
            )
