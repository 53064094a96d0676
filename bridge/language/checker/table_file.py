"""Reads the CSV file of a ``table`` statement, and reports what is wrong with it at its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.common.suggest import did_you_mean
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.table import Row, Table

MAX_SIZE = 4 << 20
"""Characters of a file."""
MAX_ROWS = 100_000
MAX_GLOBS = 500
"""Rows with a wildcard: these are compared one by one."""
MAX_COLUMNS = 30
MAX_CELL = 1000
_MOST_REPORTED = 20
"""Lines of a file whose problems are reported."""


@dataclass(slots=True)
class TableFile:
    """A table with the places of its rows."""

    table: Table
    spans: list[Span] = field(default_factory=list)
    """The line of each row."""


def read_table(
    name: str, source: SourceText, by: Sequence[str], span: Span, problems: list[Diagnostic]
) -> TableFile | None:
    """The table of a file with a header. None after an error; at least one is then added to ``problems``."""
    reader = _Reader(name, source, tuple(by), span)
    found = reader.read()
    problems += reader.problems[:_MOST_REPORTED]
    return None if reader.problems else found


class _Reader:
    def __init__(self, name: str, source: SourceText, by: tuple[str, ...], span: Span) -> None:
        self._name = name
        self._source = source
        self._by = by
        self._span = span
        self.problems: list[Diagnostic] = []

    def read(self) -> TableFile | None:
        """The table, as far as it is valid."""
        if len(self._source.text) > MAX_SIZE:
            self._report(
                self._span, f"{self._source.path} is too large", f"at most {MAX_SIZE >> 20} million characters"
            )
            return None
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            self._report(self._span, f"{self._source.path} is empty", f"the first line is: {','.join(self._by)},COLUMN")
            return None
        header, cells = first
        columns = [cell for cell in cells if cell not in self._by]
        if not self._header_is_valid(header, cells, columns):
            return None
        return self._rows(lines, cells, columns)

    def _lines(self) -> Iterator[tuple[Span, list[str]]]:
        """The cells of every line that is not blank. A cell cannot contain a line break."""
        at = 0
        for number, line in enumerate(self._source.text.split("\n"), 1):
            span = Span(self._source.path, at, at + max(len(line.rstrip("\r")), 1), number, 1)
            at += len(line) + 1
            if not line.strip():
                continue
            try:
                (cells,) = csv.reader([line.rstrip("\r")], strict=True, skipinitialspace=True)
            except (csv.Error, ValueError) as error:
                self._report(span, f"the line is not CSV: {error}", "close the quotes; a cell has no line break")
                continue
            yield span, [cell.strip() for cell in cells]

    def _header_is_valid(self, span: Span, cells: Sequence[str], columns: Sequence[str]) -> bool:
        for field_name in self._by:
            if field_name not in cells:
                hint = (
                    did_you_mean(field_name, cells)
                    or f"its columns are {', '.join(cells)[:200]}; they are separated by commas"
                )
                self._report(span, f"the header has no column `{field_name}`, which `by` names", hint)
        if self.problems:
            return False
        for column in columns:
            if not column.isascii() or not column.replace("_", "a").isalnum() or not column[0].isalpha():
                hint = "letters, digits and _; the first is a letter"
                self._report(span, f"`{column[:50]}` cannot be a column: it is not a word", hint)
        if len(set(cells)) < len(cells):
            twice = next(cell for cell in cells if cells.count(cell) > 1)
            self._report(span, f"the column `{twice[:50]}` occurs twice", "rename one of them")
        if not columns:
            self._report(span, "the table has no column besides its key", f"like {','.join(self._by)},team,channel")
        if len(columns) > MAX_COLUMNS:
            self._report(span, f"the table has {len(columns)} columns", f"at most {MAX_COLUMNS}")
        return not self.problems

    def _rows(self, lines: Iterator[tuple[Span, list[str]]], header: list[str], columns: list[str]) -> TableFile:
        keys = [header.index(each) for each in self._by]
        places = [header.index(each) for each in columns]
        first: dict[tuple[str, ...], int] = {}
        rows: list[Row] = []
        spans: list[Span] = []
        globs = 0
        for span, cells in lines:
            if not self._row_is_valid(span, cells, header):
                continue
            row = Row(tuple(cells[place] for place in keys), tuple(cells[place] for place in places))
            if (earlier := first.setdefault(row.key, span.line)) != span.line:
                self._report(span, f"the key {', '.join(row.key)[:100]} occurs twice", f"first in line {earlier}")
            elif not all(row.key):
                self._report(span, "the key is empty", "for any value write *")
            globs += not row.is_exact
            if globs > MAX_GLOBS or len(rows) >= MAX_ROWS:
                hint = f"at most {MAX_GLOBS} rows with a wildcard, and {MAX_ROWS} in all"
                self._report(span, "the table has too many rows", hint)
                break
            rows.append(row)
            spans.append(span)
        named = tuple(f"{self._name}.{column}" for column in columns)
        return TableFile(Table(self._name, self._by, named, tuple(rows)), spans)

    def _row_is_valid(self, span: Span, cells: Sequence[str], header: Sequence[str]) -> bool:
        if len(cells) != len(header):
            hint = "quote a value with a comma" if len(cells) > len(header) else "write an empty value as ,,"
            self._report(span, f"the line has {len(cells)} values, the header has {len(header)}", hint)
            return False
        for cell in cells:
            if len(cell) > MAX_CELL or not cell.isprintable():
                self._report(
                    span, f"`{cell[:30]!r}` is no value of a table", f"printable, at most {MAX_CELL} characters"
                )
                return False
        return True

    def _report(self, span: Span, message: str, hint: str) -> None:
        if len(self.problems) < _MOST_REPORTED:
            self.problems.append(Diagnostic(Code.BAD_TABLE, message, span, hint))
