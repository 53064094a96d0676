"""The state of clauses with memory, in SQLite."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from bridge.journal.errors import JournalError
from bridge.journal.records import SilenceRecord, StateRow
from bridge.journal.sqlite.database import Database
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.state import Change

_SECRET_BYTES = 32
_PAGE = 1000
_silence_decoder = msgspec.json.Decoder(SilenceRecord)


class _Row(NamedTuple):
    clause: int
    identity: str
    key: bytes
    row: bytes
    due_ns: int | None


class SqliteMemory:
    """Implements Memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = structlog.get_logger("journal")

    def load(self) -> Iterator[StateRow]:
        """As in Memory. Reads in pages."""
        after: tuple[int, bytes] = (0, b"")
        damaged = 0
        while rows := self._database.rows(
            _Row,
            "SELECT s.clause, c.identity, s.key, s.row, s.due_ns "
            "FROM state AS s JOIN clauses AS c ON c.number = s.clause "
            "WHERE (s.clause, s.key) > (?, ?) ORDER BY s.clause, s.key LIMIT ?",
            (*after, _PAGE),
        ):
            for row in rows:
                try:
                    yield StateRow(row.identity, row.key, decode_row(row.row), row.due_ns)
                except msgspec.MsgspecError:
                    damaged += 1
            after = (rows[-1].clause, rows[-1].key)
        if damaged:
            self._log.error("state of clauses lost: rows cannot be read", rows=damaged)

    def silences(self) -> list[SilenceRecord]:
        """As in Memory."""
        rows = self._database.rows(bytes, "SELECT body FROM silences ORDER BY created_ns, id")
        return [_silence_decoder.decode(row) for row in rows]

    def put_silence(self, silence: SilenceRecord) -> None:
        """As in Memory."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO silences VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (silence.id, silence.created_ns, msgspec.json.encode(silence)),
            )

    def remove_silences(self, ids: Collection[str]) -> None:
        """As in Memory."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM silences WHERE id = ?", [(each,) for each in ids])

    def secret(self) -> bytes:
        """As in Memory. The file has the journal's name and ends with ``.key``; only the bridge's user can read it."""
        path = self._database.path.with_name(self._database.path.name + ".key")
        try:
            found = _read_secret(path)
            if found is None:
                self._log.info("key for the state of clauses created; earlier state cannot be used", path=str(path))
                found = _create_secret(path)
        except OSError as error:
            raise JournalError(f"cannot read or create {path}: {error.strerror}") from error
        return found


def _read_secret(path: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        found = path.read_bytes()
        if len(found) == _SECRET_BYTES:
            return found
    return None


def _create_secret(path: Path) -> bytes:
    """Written to a temporary file and renamed, so that a crash leaves the old file or the whole new one."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, secret)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    return secret


def write_changes(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    """Store changed rows and delete removed ones, within the caller's transaction."""
    numbers = {identity: _number(connection, identity) for identity in {change.clause for change in changes}}
    connection.executemany(
        "INSERT INTO state VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET row = excluded.row, due_ns = excluded.due_ns",
        [
            (numbers[change.clause], change.key, encode_row(change.row), change.due_ns)
            for change in changes
            if change.row is not None
        ],
    )
    connection.executemany(
        "DELETE FROM state WHERE clause = ? AND key = ?",
        [(numbers[change.clause], change.key) for change in changes if change.row is None],
    )


def _number(connection: sqlite3.Connection, identity: str) -> int:
    connection.execute("INSERT INTO clauses (identity) VALUES (?) ON CONFLICT DO NOTHING", (identity,))
    (number,) = connection.execute("SELECT number FROM clauses WHERE identity = ?", (identity,)).fetchone()
    return int(number)
