"""The interface between shared parts and an engine: a database that takes SQL with ``?`` for each parameter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

_Row = TypeVar("_Row")


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""

    def fetchone(self) -> Any:
        """The next row; None after the last one."""

    def fetchall(self) -> Sequence[Any]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Executes statements within a transaction."""

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Execute one statement."""

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Execute a statement once for each row of parameters."""


class Database(Protocol):
    """Used by one thread at a time. Methods raise JournalError; JournalBusyError where the same call may work later."""

    @property
    def name(self) -> str:
        """The journal in messages, without secrets."""

    @property
    def contains(self) -> str:
        """SQL for whether ``{column}`` contains the bytes of a parameter."""

    def rows(self, row: type[_Row], statement: str, parameters: Sequence[object] = ()) -> list[_Row]:
        """The rows of a query, each converted to a ``row``: a NamedTuple or a plain type for queries of one column."""

    def number(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """The number that a query of one row and one column returns."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A durable write transaction: all or nothing."""


class Reader(Database, Protocol):
    """A connection that one caller opens and closes."""

    def close(self) -> None:
        """Release the connection."""
