"""Adds the columns of tables to alerts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from msgspec.structs import replace

from bridge.alert import Alert
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Field, Kind
from bridge.language.program.fields.kinds import field_kind
from bridge.language.program.table import ANY, WILDCARDS, Row, Table
from bridge.matching.glob import glob_test
from bridge.matching.values import Read, read_text

_MAX_REMEMBERED = 10_000
"""Lookups with a wildcard that a table remembers: attackers choose the values."""
_NO_SPAN = Span("", 0, 0, 1, 1)

_Key = tuple[str | None, ...]


class Tables:
    """The compiled tables of a program."""

    def __init__(self, tables: Iterable[Table], labels: Mapping[str, str]) -> None:
        self._lookups = [_Lookup(each, labels) for each in tables]
        self._prefixes = tuple(f"{each.name}." for each in tables)

    def added(self, alert: Alert) -> Alert:
        """The alert with the columns of the rows that fit it. Its id stays.

        A field of the alert that has a column's name is removed: only the table gives it a value.
        """
        if not self._lookups:
            return alert
        fields = {name: value for name, value in alert.fields.items() if not name.startswith(self._prefixes)}
        for lookup in self._lookups:
            fields |= lookup.find(alert)
        return replace(alert, fields=fields)


class _Lookup:
    def __init__(self, table: Table, labels: Mapping[str, str]) -> None:
        self._reads = [_reader(name, labels) for name in table.by]
        self._columns = table.columns
        self._exact: dict[_Key, Mapping[str, str]] = {}
        patterns: list[tuple[Row, Callable[[_Key], bool]]] = []
        for row in table.rows:
            if row.is_exact:
                self._exact[row.key] = self._values(row)
            else:
                patterns.append((row, _fits(row)))
        patterns.sort(key=lambda each: each[0].precision, reverse=True)
        self._patterns = [(fits, self._values(row)) for row, fits in patterns]
        self._remembered: dict[_Key, Mapping[str, str]] = {}

    def find(self, alert: Alert) -> Mapping[str, str]:
        """The columns of the row that fits the alert best; empty if none does."""
        key = tuple([_text(read(alert)) for read in self._reads])
        found = self._exact.get(key)
        if found is None and self._patterns:
            found = self._remembered.get(key)
            if found is None:
                found = next((values for fits, values in self._patterns if fits(key)), {})
                self._remember(key, found)
        return found or {}

    def _remember(self, key: _Key, values: Mapping[str, str]) -> None:
        if len(self._remembered) >= _MAX_REMEMBERED:
            for old in list(islice(self._remembered, _MAX_REMEMBERED // 10)):
                del self._remembered[old]
        if sum(len(part or "") for part in key) < 1000:
            self._remembered[key] = values

    def _values(self, row: Row) -> Mapping[str, str]:
        return {column: value for column, value in zip(self._columns, row.values, strict=True) if value}


def _reader(name: str, labels: Mapping[str, str]) -> Read:
    return read_text(Field(name, field_kind(name) or Kind.UNKNOWN, _NO_SPAN), labels)


def _text(value: object) -> str | None:
    if value is None:
        return None
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _fits(row: Row) -> Callable[[_Key], bool]:
    """Whether the parts of a key fit those of the row. Only ``*`` fits a missing value."""
    tests = [_part_test(part) for part in row.key]
    return lambda key: all(test(part) for test, part in zip(tests, key, strict=True))


def _part_test(part: str) -> Callable[[str | None], bool]:
    if part == ANY:
        return lambda _value: True
    if WILDCARDS.isdisjoint(part):
        return lambda value: value == part
    test = glob_test(part, fold=False)
    return lambda value: value is not None and test(value)
