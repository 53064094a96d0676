"""The state of clauses with memory, in SQLite."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec
import structlog

from bridge.common.key_file import create_key, read_key
from bridge.journal.errors import JournalError
from bridge.journal.records import SilenceRecord, StateRow
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.state_log import LoggedChange, decode_log
from bridge.routing.memory.rows import decode_row

_PAGE = 1000
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


class SqliteMemory:
    """Implements Memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
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
        identities = {each.number: each.identity for each in self._database.rows(_Clause, "SELECT * FROM clauses")}
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

    def stored_secret(self) -> bytes | None:
        """As in Memory."""
        try:
            return read_key(self._database.path.with_name(self._database.path.name + ".key"))
        except OSError:
            return None

    def secret(self) -> bytes:
        """As in Memory. The file has the journal's name and ends with ``.key``; only the bridge's user can read it."""
        path = self._database.path.with_name(self._database.path.name + ".key")
        try:
            found = read_key(path)
            if found is None:
                self._log.info("key for the state of clauses created; earlier state cannot be used", path=str(path))
                found = create_key(path)
        except OSError as error:
            raise JournalError(f"cannot read or create {path}: {error.strerror}") from error
        return found
