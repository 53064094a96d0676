"""The session with a journal's database, its transactions and its rows. Shared by the parts of one journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from operator import is_
from typing import Any, TypeVar, cast

import msgspec
import psycopg
import structlog

from bridge.journal.errors import JournalBusyError, JournalError
from bridge.journal.postgres.connection import PgConnection
from bridge.journal.postgres.faults import BUSY_SECONDS, explain
from bridge.journal.postgres.ownership import Ownership

NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"
"""The time of the database, in nanoseconds since the epoch."""
FAR_AHEAD = "interval '2 minutes'"
IS_ALIVE = (
    f"expires BETWEEN clock_timestamp() AND clock_timestamp() + {FAR_AHEAD} AND NOT jsonb_exists(info, 'stopped')"
)
"""Of a member. One that expires later was last alive before the clock of the database was set back. No lease is so
long. One that has left is not alive either then."""
_RETRY_SECONDS = 0.2

_Row = TypeVar("_Row")
_Result = TypeVar("_Result")


class UnknownOutcomeError(JournalBusyError):
    """The database does not say whether a transaction was committed."""


@dataclass(slots=True)
class _Doubt:
    """A call whose COMMIT was not answered."""

    arguments: tuple[object, ...]
    result: object
    was_committed: bool | None = None
    """Known once there is a session again."""


class Database:
    """Used by one thread at a time. Methods raise JournalError; JournalBusyError where the same call may work later.

    A session that was lost is opened again by the next call. Where this process owns a role, the lock is then acquired
    again, and the token of the role shows whether another process had it meanwhile.
    """

    contains = "position(? in {column}) > 0"

    def __init__(
        self, connection: PgConnection, open_again: Callable[[], PgConnection], name: str,
        ownership: Ownership | None = None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._open_again = open_again
        self._name = name
        self.ownership = ownership
        self._log = structlog.get_logger("journal")
        self._closed = False
        self.session = 0
        """How often the session was replaced. After a failover the database may lack what it had acknowledged."""
        self._doubt: _Doubt | None = None

    @property
    def name(self) -> str:
        """The database, for messages."""
        return self._name

    def close(self) -> None:
        """End the session, and with it its locks."""
        self._closed = True
        self._connection.close()

    def rows(self, row: type[_Row], statement: str, parameters: Sequence[object] = ()) -> list[_Row]:
        """The rows of a query, each converted to a ``row``: a NamedTuple or a plain type for queries of one column."""
        fetched = self._read(statement, parameters)
        try:
            if issubclass(row, tuple):
                return [msgspec.convert(each, row) for each in fetched]
            return [msgspec.convert(each, row) for (each,) in fetched]
        except msgspec.ValidationError as error:
            raise JournalError(f"the journal's database {self._name} contains unexpected data: {error}") from error

    def number(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The number that a query of one row and one column returns."""
        return int(self._read(statement, parameters)[0][0])

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        """The rows. A session that was lost is replaced once: reading again changes nothing."""
        try:
            return self._fetch(statement, parameters)
        except psycopg.Error as error:
            if not self._is_lost:
                raise explain(error, self._name) from error
        self._reconnect(0.0)
        try:
            return self._fetch(statement, parameters)
        except psycopg.Error as error:
            raise explain(error, self._name) from error

    def _fetch(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        return self._connection.execute(marks(statement), parameters, binary=True).fetchall()

    def run(self, arguments: tuple[object, ...], work: Callable[[Statements], _Result], *, durable: bool = True
            ) -> _Result:  # fmt: skip
        """Do ``work`` in a transaction, and return its result.

        A call whose outcome is unknown raises UnknownOutcomeError. The same call, with the same objects as arguments,
        may then be repeated: where the first one was committed, it returns the result of that.
        """
        if self._doubt is not None:
            if self._is_lost:
                self._reconnect(0.0)
            doubt, self._doubt = self._doubt, None
            if doubt.was_committed and all(map(is_, doubt.arguments, arguments)):
                return cast("_Result", doubt.result)
        done: list[_Result] = []
        try:
            with self.transaction(durable=durable) as statements:
                done.append(work(statements))
        except UnknownOutcomeError:
            self._doubt = _Doubt(arguments, done[0])
            raise
        return done[0]

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Statements]:
        """A write transaction: all or nothing. One that is not ``durable`` may be lost with the server's machine.

        Where the answer to a COMMIT is lost, it waits for the database and finds out whether it was committed.
        """
        try:
            self._begin(durable=durable)
            yield Statements(self._connection)
        except psycopg.Error as error:
            self._roll_back()
            raise explain(error, self._name) from error
        except BaseException:
            self._roll_back()
            raise
        self._commit()

    def _begin(self, *, durable: bool) -> None:
        """Begin a transaction, in a new session where this one was lost."""
        statement = "BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit = off"
        if self._is_lost:
            self._reconnect(0.0)
        if self.ownership is None:
            self._execute_first(statement)
            return
        if self._counted(statement, self.ownership):
            return
        self._connection.execute("ROLLBACK")
        if not self.ownership.register_again(self._connection) or not self._counted(statement, self.ownership):
            raise self.ownership.lost(self._name)

    def _counted(self, statement: str, ownership: Ownership) -> bool:
        """Begin, and count the transaction. False where the role is not this process's any more."""
        cursor = self._execute_first(f"{statement}; {ownership.next_commit()}")
        while cursor.nextset():
            pass
        return cursor.rowcount == 1

    def _execute_first(self, statement: str) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement)
        except psycopg.Error:
            if not self._is_lost:
                raise
            self._reconnect(0.0)  # nothing was changed yet
            return self._connection.execute(statement)

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")  # PostgreSQL applies no statement_timeout while it waits for a standby
        except psycopg.Error as error:
            if not self._is_lost:
                self._roll_back()
                raise explain(error, self._name) from error
            if self.ownership is None:
                raise JournalError(
                    f"the connection to the journal's database {self._name} was lost during a change; it may have been "
                    "made. Check, and repeat it where it was not"
                ) from error
            if not self._was_committed():
                raise explain(error, self._name) from error

    def _was_committed(self) -> bool:
        """Whether the transaction was committed whose COMMIT was not answered. Raises JournalBusyError if unknown."""
        assert self.ownership is not None
        try:
            self._reconnect(BUSY_SECONDS)
        except JournalBusyError as error:
            raise UnknownOutcomeError(str(error)) from error
        self._log.info("connection lost during a commit", committed=self.ownership.outcome)
        return bool(self.ownership.outcome)

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):
            self._connection.execute("ROLLBACK")

    @property
    def _is_lost(self) -> bool:
        return self._connection.closed or self._connection.broken

    def _reconnect(self, seconds: float) -> None:
        """Open the session again; try for so long. Raises JournalError, JournalBusyError where it does not answer."""
        if self._closed:
            raise JournalError(f"the journal {self._name} is closed")
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = self._open_again()
                break
            except psycopg.Error as error:
                if time.monotonic() >= deadline:
                    raise explain(error, self._name) from error
            except JournalBusyError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_RETRY_SECONDS)
        with suppress(psycopg.Error):
            self._connection.close()
        self._connection = connection
        self.session += 1
        if self._doubt is not None and self._doubt.was_committed is None and self.ownership is not None:
            self._doubt.was_committed = self.ownership.outcome  # other transactions may follow before it is repeated


class Statements:
    """Executes statements within a transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        """Execute one statement."""
        return self._connection.execute(marks(statement), parameters, binary=True)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]], /) -> None:
        """Execute a statement once for each row, in one round trip."""
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(marks(statement), rows)

    def copy(self, table: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows by a binary COPY."""
        if not rows:
            return
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


@lru_cache(512)
def marks(statement: str) -> str:
    """The statement with the marks of psycopg for its parameters."""
    return statement.replace("%", "%%").replace("?", "%s")


def storable(text: str) -> str:
    """The text without what PostgreSQL does not store: NUL, and half a surrogate pair, as of a file name."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
