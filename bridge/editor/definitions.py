"""From a name to its definition, to every place that uses it, and to the edits that rename it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.editor.names import Kind, Name
from bridge.editor.project import EditedFile, Snapshot
from bridge.language.diagnostics.source import Span
from bridge.language.syntax.reserved import RESERVED

_DEFINED_IN_FILES = frozenset({Kind.LIST, Kind.MACRO, Kind.SCHEDULE, Kind.TEMPLATE, Kind.TABLE})
_RENAMED = _DEFINED_IN_FILES | {Kind.ROUTE}
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FALCO_KEYS = {Kind.LIST: "list", Kind.MACRO: "macro", Kind.RULE: "rule"}


@dataclass(frozen=True, slots=True)
class Edit:
    """The replacement of a range of a file."""

    path: str
    start: int
    end: int
    text: str


def name_at(file: EditedFile, offset: int) -> Name | None:
    """The name at a place, or the one that ends there."""
    touching = [name for name in file.names if name.span.start <= offset <= name.span.end]
    return min(touching, key=lambda name: (offset == name.span.end, name.span.end - name.span.start), default=None)


def definition(snapshot: Snapshot, path: str, name: Name) -> Span | None:
    """Where a name is defined: in a route file, in the config, or in a rules file of Falco. None if nowhere."""
    name = _table_of(snapshot, path, name)
    if name.kind is Kind.CHANNEL:
        return snapshot.channels.get(name.text)
    key = (name.kind, name.text)
    if name.kind is Kind.ROUTE:
        return next((file.defined[key] for file in same_group(snapshot, path) if key in file.defined), None)
    if name.kind in _DEFINED_IN_FILES:
        found = next((file.defined[key] for file in visible(snapshot, path) if key in file.defined), None)
        if found is not None:
            return found
    return _in_falco(snapshot, name)


def references(snapshot: Snapshot, path: str, name: Name) -> list[Span]:
    """Every place that names the same thing, with its definition, by file and place."""
    name = _table_of(snapshot, path, name)
    target = definition(snapshot, path, name)
    found = [
        _table_of(snapshot, file.source.path, each).span
        for file in snapshot.files.values()
        for each in file.names
        if (same := _table_of(snapshot, file.source.path, each)).kind is name.kind and same.text == name.text
        and (name.kind is Kind.FIELD or definition(snapshot, file.source.path, same) == target)
    ]  # fmt: skip
    return sorted(found, key=lambda span: (span.path, span.start))


def renamed(snapshot: Snapshot, path: str, name: Name, new: str) -> list[Edit] | str:
    """The edits that rename what a name names, or a sentence that says why it cannot be renamed."""
    name = _table_of(snapshot, path, name)
    target = definition(snapshot, path, name)
    if name.kind not in _RENAMED or target is None or target.path not in snapshot.files:
        return f"`{name.text}` is not defined in a .route file, so it cannot be renamed here"
    if name.kind is Kind.ROUTE:
        if '"' in new or "\\" in new or not new.strip():
            return "the name of a route is text without double quotes and backslashes"
    elif not _IDENTIFIER.fullmatch(new) or new in RESERVED:
        return f"`{new}` cannot be a name: use letters, digits and `_`, and no word of the language"
    twin = Name(name.kind, new, name.span)
    others = [path] if name.kind is Kind.ROUTE else snapshot.files
    if new != name.text and any(definition(snapshot, file, twin) is not None for file in others):
        return f"there is already a {name.kind} `{new}`"
    text = f'"{new}"' if name.kind is Kind.ROUTE else new
    return [Edit(span.path, span.start, span.end, text) for span in references(snapshot, path, name)]


def visible(snapshot: Snapshot, path: str) -> Iterator[EditedFile]:
    """A file and those that it imports, directly or through others."""
    waiting, seen = [path], set[str]()
    while waiting:
        at = waiting.pop(0)
        file = snapshot.files.get(at)
        if file is None or at in seen:
            continue
        seen.add(at)
        yield file
        waiting += file.imports


def same_group(snapshot: Snapshot, path: str) -> Iterator[EditedFile]:
    """The files among whose routes a name is unique: those of the file's group, or all if the config has no groups."""
    group = _group_of(snapshot, path)
    return (file for name, file in snapshot.files.items() if _group_of(snapshot, name) == group)


def _group_of(snapshot: Snapshot, path: str) -> str:
    return next((group.name for group in snapshot.known.groups if path in group.files), "")


def _table_of(snapshot: Snapshot, path: str, name: Name) -> Name:
    """The table's name, where a field or a channel is a column of a table: ``owners`` in ``owners.channel``."""
    table, dot, _ = name.text.partition(".")
    if not dot or name.kind not in {Kind.FIELD, Kind.CHANNEL}:
        return name
    if not any((Kind.TABLE, table) in file.defined for file in visible(snapshot, path)):
        return name
    span = name.span
    return Name(Kind.TABLE, table, Span(span.path, span.start, span.start + len(table), span.line, span.column))


def _in_falco(snapshot: Snapshot, name: Name) -> Span | None:
    """The line of a rules file that defines a list, macro or rule. The last one counts, as in Falco."""
    key = _FALCO_KEYS.get(name.kind)
    if key is None or snapshot.rules is None:
        return None
    pattern = re.compile(rf"^-\s+{key}:\s*([\"']?)(?P<name>{re.escape(name.text)})\1\s*(?:#.*)?$", re.MULTILINE)
    found = [(source, match) for source in snapshot.rules.sources for match in pattern.finditer(source.text)]
    if not found:
        return None
    source, match = found[-1]
    start, end = match.span("name")
    line, column = source.text.count("\n", 0, start) + 1, start - source.text.rfind("\n", 0, start)
    return Span(source.path, start, end, line, column)
