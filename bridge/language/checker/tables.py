"""Checks ``table`` statements: their names, their files, and the values that routes use as URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.alert.catalogue import families
from bridge.language.checker.files import RouteFile
from bridge.language.checker.table_file import TableFile, read_table
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.fields.kinds import field_kind
from bridge.language.program.link import url_problem
from bridge.language.program.table import Table
from bridge.language.syntax.tree import FieldName, TableStatement

if TYPE_CHECKING:
    from bridge.language.checker.scope import Scope

_RESERVED = frozenset({"label", "falco", "bridge"})
"""First words of fields that are not Falco's: labels, and the fields of internal alerts."""
_MOST_REPORTED = 20


def add_tables(scope: Scope, file: RouteFile, problems: list[Diagnostic]) -> None:
    """Read the tables that the file defines into its scope."""
    for statement in file.parsed.file.statements:
        if isinstance(statement, TableStatement) and statement.name.text not in scope.tables:
            scope.tables[statement.name.text] = _table(scope, file, statement, problems)


def _table(scope: Scope, file: RouteFile, statement: TableStatement, problems: list[Diagnostic]) -> TableFile | None:
    name, source = statement.name.text, file.tables.get(statement.name.text)
    if name in families() or name in _RESERVED:
        hint = f"choose a name that no field begins with, unlike `{name}.…`"
        problems.append(Diagnostic(Code.RESERVED_NAME, f"`{name}` cannot name a table", statement.name.span, hint))
        return None
    for channel in scope.known.channels or ():
        if channel.startswith(f"{name}."):
            hint = f"rename the table: `to {channel}` would mean a column of it"
            message = f"the channel `{channel}` begins with the table's name"
            problems.append(Diagnostic(Code.RESERVED_NAME, message, statement.name.span, hint))
            return None
    by = [each for each in statement.by if _is_key(scope, each, problems)]
    if source is None or len(by) < len(statement.by):
        return None
    return read_table(name, source, [each.text for each in by], statement.path.span, problems)


def _is_key(scope: Scope, written: FieldName, problems: list[Diagnostic]) -> bool:
    if scope.tables.keys() & {written.text.partition(".")[0]}:
        hint = "look tables up by fields of the alert"
        problems.append(Diagnostic(Code.UNKNOWN_FIELD, f"`{written.text}` belongs to a table", written.span, hint))
        return False
    if field_kind(written.text) is None and "." not in written.text:
        hint = "use a field, such as k8s.ns.name, or an attribute, such as hostname"
        problems.append(Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `{written.text}`", written.span, hint))
        return False
    return True


def all_tables(scopes: Mapping[str, Scope], problems: list[Diagnostic]) -> tuple[Table, ...]:
    """The tables of all files. Two files may not give one name to different tables: all alerts have both's columns."""
    found: dict[str, tuple[Table, Span]] = {}
    for scope in scopes.values():
        for (kind, name), word in scope.names.items():
            file = scope.tables.get(name) if kind.value == "table" else None
            if file is None:
                continue
            table, first = found.setdefault(name, (file.table, word.span))
            if table != file.table:
                related = (("first defined here", first),)
                message = f"table `{name}` is defined differently in another file"
                problems.append(Diagnostic(Code.DUPLICATE_NAME, message, word.span, "choose another name", related))
    return tuple(table for table, _ in found.values())


def wrong_urls(file: TableFile, used: FieldName) -> list[Diagnostic]:
    """The values of a column that are not URLs, although a ``link`` uses them."""
    place = file.table.columns.index(used.text)
    problems: list[Diagnostic] = []
    for row, span in zip(file.table.rows, file.spans, strict=True):
        problem = url_problem(row.values[place]) if row.values[place] else ""
        if problem and len(problems) < _MOST_REPORTED:
            message = f"`{row.values[place][:50]}`, which a `link` uses, {problem}"
            problems.append(Diagnostic(Code.BAD_LINK, message, span, "like https://wiki.example/shells"))
    return problems
