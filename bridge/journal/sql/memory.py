"""Reads the state of clauses with memory, and stores silences, with SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, Protocol

import msgspec
import structlog

from bridge.journal.records import SilenceRecord, StateRow
from bridge.journal.sql.database import Connection, Database
from bridge.journal.sql.state_log import LoggedChange, decode_log
from bridge.routing.memory.rows import decode_row

_PAGE = 1000
_SILENCES = "SELECT body FROM silences ORDER BY created_ns, id"
_HAS_STATE = "SELECT CASE WHEN EXISTS (SELECT 1 FROM state) OR EXISTS (SELECT 1 FROM state_log) THEN 1 ELSE 0 END"
_silence_decoder = msgspec.json.Decoder(SilenceRecord)


class _Row(NamedTuple):
    clause: int
    identity: str
    key: bytes
    row: bytes
    due_ns: int | None


class _Clause(NamedTuple):
    number: int
    identity: str


class Secrets(Protocol):
    """Where the secret of the hashes of keys is stored."""

    def stored(self) -> bytes | None:
        """The secret; None if there is none."""

    def get(self) -> bytes:
        """The secret, created if there is none. Raises JournalError."""


class SqlMemory:
    """Implements Memory."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets
        self._log = structlog.get_logger("journal")

    def load(self) -> Iterator[StateRow]:
        """As in Memory. Reads the log first: what is moved to the table meanwhile is then read twice, not missed."""
        logged = self._logged()
        damaged = 0
        after: tuple[int, bytes] = (0, b"")
        while rows := self._database.rows(
            _Row,
            "SELECT s.clause, c.identity, s.key, s.row, s.due_ns "
            "FROM state AS s JOIN clauses AS c ON c.number = s.clause "
            "WHERE (s.clause, s.key) > (?, ?) ORDER BY s.clause, s.key LIMIT ?",
            (*after, _PAGE),
        ):
            after = (rows[-1].clause, rows[-1].key)
            for row in rows:
                if (row.clause, row.key) in logged:
                    continue
                try:
                    yield StateRow(row.identity, row.key, decode_row(row.row), row.due_ns)
                except msgspec.MsgspecError:
                    damaged += 1
        clauses = self._database.rows(_Clause, "SELECT number, identity FROM clauses")
        identities = {each.number: each.identity for each in clauses}
        for each in logged.values():
            try:
                if not each.deleted and each.clause in identities:
                    yield StateRow(identities[each.clause], each.key, decode_row(each.row), each.due_ns)
            except msgspec.MsgspecError:
                damaged += 1
        if damaged:
            self._log.error("state of clauses lost: rows cannot be read", rows=damaged)

    def _logged(self) -> dict[tuple[int, bytes], LoggedChange]:
        """The latest change of each key in the log."""
        rows = self._database.rows(bytes, "SELECT changes FROM state_log ORDER BY number")
        return {(each.clause, each.key): each for data in rows for each in decode_log(data)}

    def silences(self) -> list[SilenceRecord]:
        """As in Memory."""
        rows = self._database.rows(bytes, _SILENCES)
        return [_silence_decoder.decode(row) for row in rows]

    def put_silence(self, silence: SilenceRecord) -> None:
        """As in Memory."""
        with self._database.transaction() as connection:
            self._changing_silences(connection)
            _put(connection, silence)

    def change_silences(self, change: Callable[[SilenceRecord], SilenceRecord | None]) -> list[SilenceRecord]:
        """As in Memory."""
        with self._database.transaction() as connection:
            self._changing_silences(connection)
            stored = [_silence_decoder.decode(body) for (body,) in connection.execute(_SILENCES).fetchall()]
            changed = [each for each in map(change, stored) if each is not None]
            for each in changed:
                _put(connection, each)
        return changed

    def remove_silences(self, ids: Collection[str]) -> None:
        """As in Memory."""
        with self._database.transaction() as connection:
            self._changing_silences(connection)
            connection.executemany("DELETE FROM silences WHERE id = ?", [(each,) for each in ids])

    def _changing_silences(self, connection: Connection) -> None:
        """Called first in each transaction that changes silences."""

    def stored_secret(self) -> bytes | None:
        """As in Memory."""
        return self._secrets.stored()

    def secret(self) -> bytes:
        """As in Memory."""
        if self._secrets.stored() is None and self._database.number(_HAS_STATE):
            self._log.warning(
                "key of the stored state lost; clauses with memory start again",
                remedy="stop the bridge and restore the key from a backup, if there is one",
            )
        return self._secrets.get()


def _put(connection: Connection, silence: SilenceRecord) -> None:
    connection.execute(
        "INSERT INTO silences VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (silence.id, silence.created_ns, msgspec.json.encode(silence)),
    )
