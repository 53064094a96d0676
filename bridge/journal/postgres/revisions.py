"""What the bridges of a fleet exchange: counters of changes, and requests to a bridge."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bridge.journal.postgres.database import IS_ALIVE, Database
from bridge.journal.revisions import FleetSession, Revisions
from bridge.journal.sql.database import Connection
from bridge.journal.sql.memory import SqlMemory

SILENCES, PROGRAM = "silences", "program"
INCREMENT = "UPDATE revisions SET number = number + 1 WHERE name = ?"

FORGOTTEN = "DELETE FROM requests WHERE created < clock_timestamp() - interval '2 minutes'"
_TO_BRIDGES = -1
"""The number of a partition in the requests to bridges, which no owner reads."""
_MISSING = f"FROM members WHERE {IS_ALIVE} AND roles && ARRAY['intake', 'memory'] AND loaded <> ?"


class _Row(NamedTuple):
    name: str
    number: int
    value: str


class _Request(NamedTuple):
    id: int
    body: bytes


class _ToBridge(msgspec.Struct, frozen=True, array_like=True):
    bridge: str
    body: bytes


def _to_bridge(body: bytes) -> _ToBridge | None:
    """The request; None for one of a newer version that this one cannot read. The other bridge does not wait long."""
    try:
        return msgspec.msgpack.decode(body, type=_ToBridge)
    except msgspec.MsgspecError:
        return None


class PostgresMemory(SqlMemory):
    """Implements Memory. A change of silences waits for that of another bridge, and is noticed by all."""

    def _changing_silences(self, connection: Connection) -> None:
        connection.execute(INCREMENT, (SILENCES,))


def read_revisions(database: Database) -> Revisions:
    """The counters. Raises JournalError."""
    rows = {row.name: row for row in database.rows(_Row, "SELECT name, number, value FROM revisions")}
    return Revisions(rows[SILENCES].number, rows[PROGRAM].number, rows[PROGRAM].value)


def activate(database: Database, digest: str) -> bool:
    """As in FleetSession."""
    if waits_for(database, digest):
        return False
    with database.transaction() as statements:
        found = statements.execute("SELECT value FROM revisions WHERE name = ? FOR UPDATE", (PROGRAM,)).fetchone()
        if found is not None and found[0] == digest:
            return True
        if statements.execute(f"SELECT 1 {_MISSING} LIMIT 1", (digest,)).fetchone() is not None:
            return False
        statements.execute("UPDATE revisions SET number = number + 1, value = ? WHERE name = ?", (digest, PROGRAM))
    return True


def waits_for(database: Database, digest: str) -> list[str]:
    """As in FleetSession."""
    return database.rows(str, f"SELECT DISTINCT bridge {_MISSING} ORDER BY bridge", (digest,))


def fleet_session(database: Database) -> FleetSession:
    """The functions over a session."""

    def write(statement: str, parameters: tuple[object, ...]) -> None:
        with database.transaction(durable=False) as statements:
            statements.execute(statement, parameters)

    def ask(bridge: str, body: bytes) -> int:
        with database.transaction() as statements:
            statements.execute(FORGOTTEN)
            row = statements.execute(
                "INSERT INTO requests (partition, body) VALUES (?, ?) RETURNING id",
                (_TO_BRIDGES, msgspec.msgpack.encode(_ToBridge(bridge, body))),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def asked(bridge: str) -> list[tuple[int, bytes]]:
        rows = database.rows(
            _Request, "SELECT id, body FROM requests WHERE partition = ? AND answer IS NULL ORDER BY id", (_TO_BRIDGES,)
        )
        return [(row.id, each.body) for row in rows if (each := _to_bridge(row.body)) and each.bridge == bridge]

    def begin(request: int) -> bool:
        with database.transaction() as statements:
            return statements.execute(
                "UPDATE requests SET answer = '' WHERE id = ? AND answer IS NULL RETURNING id", (request,)
            ).fetchone() is not None  # fmt: skip

    def answer_of(request: int) -> bytes | None:
        found = database.rows(bytes, "SELECT answer FROM requests WHERE id = ? AND answer IS NOT NULL", (request,))
        return found[0] if found else None

    return FleetSession(
        read=lambda: read_revisions(database),
        activate=lambda digest: activate(database, digest),
        waits_for=lambda digest: waits_for(database, digest),
        ask=ask,
        asked=asked,
        begin=begin,
        answer=lambda request, body: write("UPDATE requests SET answer = ? WHERE id = ?", (body, request)),
        answer_of=answer_of,
        withdraw=lambda request: write("DELETE FROM requests WHERE id = ?", (request,)),
        close=database.close,
    )
