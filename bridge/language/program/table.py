"""Tables: rows of a CSV file whose columns become fields of the alerts that they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

ANY = "*"
"""A key that every value fits, and a missing one."""
WILDCARDS = frozenset("*?[")

Value = Callable[[str], str | None]
"""From a field's name to its value in an alert; None if it is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    key: tuple[str, ...]
    """A value, a glob or ``*`` for each field of the key."""
    values: tuple[str, ...]
    """A value for each column; empty if there is none."""

    @property
    def is_exact(self) -> bool:
        """Whether its key has no wildcard."""
        return all(WILDCARDS.isdisjoint(part) for part in self.key)

    @property
    def precision(self) -> tuple[int, int]:
        """The more specific of two rows has the greater one: exact parts, then letters that are no wildcard."""
        exact = sum(WILDCARDS.isdisjoint(part) for part in self.key)
        return exact, sum(letter not in WILDCARDS for part in self.key for letter in part)


@dataclass(frozen=True, slots=True)
class Table:
    """A checked table."""

    name: str
    by: tuple[str, ...]
    """The fields that the rows are looked up by."""
    columns: tuple[str, ...]
    """As fields: ``owners.team``."""
    rows: tuple[Row, ...]

    @property
    def default(self) -> Row | None:
        """The row whose key is ``*``."""
        return next((row for row in self.rows if all(part == ANY for part in row.key)), None)

    def values(self, column: str) -> frozenset[str]:
        """All values of a column."""
        place = self.columns.index(column)
        return frozenset(row.values[place] for row in self.rows if row.values[place])


@dataclass(frozen=True, slots=True)
class TableChannel:
    """``to owners.channel else CHANNEL``."""

    column: str
    channels: frozenset[str]
    """The channels that the table names. No other value of the column is used."""
    otherwise: tuple[str, ...]

    def chosen(self, value: Value) -> tuple[str, ...]:
        """The channels for an alert."""
        named = value(self.column)
        return (named,) if named in self.channels else self.otherwise

    @property
    def every(self) -> tuple[str, ...]:
        """All channels that it can choose."""
        return (*sorted(self.channels), *self.otherwise)


def destinations(fixed: tuple[str, ...], tables: Iterable[TableChannel], value: Value) -> tuple[str, ...]:
    """The channels for an alert: the fixed ones, and those that tables name; each once."""
    return tuple(dict.fromkeys((*fixed, *(channel for each in tables for channel in each.chosen(value)))))
