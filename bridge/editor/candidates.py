"""The names and values that exist for completion, by what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.alert import Priority
from bridge.alert.catalogue import alert_sources, catalogue, value_names
from bridge.editor.definitions import same_group, visible
from bridge.editor.hover import field_line
from bridge.editor.names import Kind
from bridge.editor.project import EditedFile, Snapshot
from bridge.language.program.condition import Operator
from bridge.language.program.fields.kinds import ATTRIBUTES, LABEL, LIST_OPERATORS, allows, field_kind
from bridge.language.syntax.tree import TableStatement

_BARE_WORD = re.compile(r"[^\s(){}=,\"'#]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be written."""

    label: str
    kind: Kind | str
    """What it names; ``keyword``, ``operator``, ``value`` or ``function`` if it is no name."""
    detail: str = ""
    text: str = ""
    """What is inserted, if that is not the label."""


def fields(snapshot: Snapshot, file: EditedFile) -> Iterator[Item]:
    """Attributes, labels, fields and columns of tables."""
    known = (*ATTRIBUTES, *(f"{LABEL}{label}" for label in snapshot.known.labels or ()), *catalogue())
    emitted = frozenset[str]()
    if snapshot.rules is not None:
        emitted = emitted.union(*(rule.fields for rule in snapshot.rules.rules.values()))
    for name in known:
        line = field_line(name)
        yield Item(name, Kind.FIELD, f"{line}; in the rules' outputs" if name in emitted else line)
    yield from (Item(column, Kind.FIELD, "column of a table") for column in _columns(snapshot, file))


def _columns(snapshot: Snapshot, file: EditedFile) -> Iterator[str]:
    """The columns of the tables that a file can use, which are the first line of a table's file."""
    for each in visible(snapshot, file.source.path):
        for statement in each.parsed.file.statements:
            if isinstance(statement, TableStatement):
                wanted = statement.path.text.rpartition("/")[2]
                texts = (source.text for path, source in snapshot.sources.items() if path.endswith(f"/{wanted}"))
                header = next(texts, "").partition("\n")[0]
                yield from (f"{statement.name.text}.{column.strip()}" for column in header.split(",") if column.strip())


def channels(snapshot: Snapshot, file: EditedFile) -> Iterator[Item]:
    """The channels of the config, and columns of tables that may name them."""
    yield from (Item(name, Kind.CHANNEL, "channel") for name in sorted(snapshot.known.channels or ()))
    yield from (Item(column, Kind.CHANNEL, "column of a table") for column in _columns(snapshot, file))


def names(snapshot: Snapshot, file: EditedFile, kind: Kind) -> Iterator[Item]:
    """The names of one kind that a file can use."""
    for each in visible(snapshot, file.source.path):
        where = "" if each is file else f"from {each.source.path.rpartition('/')[2]}"
        yield from (
            Item(name.text, kind, where or kind.value) for name in each.names if name.defines and name.kind is kind
        )
    if snapshot.rules is not None and kind in {Kind.MACRO, Kind.LIST}:
        falco = snapshot.rules.macros if kind is Kind.MACRO else snapshot.rules.lists
        yield from (Item(name, kind, f"{kind} of Falco's rules") for name in falco)


def routes(snapshot: Snapshot, file: EditedFile) -> Iterator[Item]:
    """The names of the routes that a test of the file can name."""
    for each in same_group(snapshot, file.source.path):
        own = (name.text for name in each.names if name.defines and name.kind is Kind.ROUTE)
        yield from (Item(text, Kind.ROUTE, "route", _quoted(text)) for text in own)


def operators(field: str) -> Iterator[Item]:
    """The operators that the field's values have."""
    kind = field_kind(field)
    for operator in Operator:
        if kind is None or allows(kind, operator):
            detail = "takes a list" if operator in LIST_OPERATORS else ""
            yield Item(operator.value, "operator", detail)


def severities() -> Iterator[Item]:
    """Falco's priorities, which severities use too."""
    return (Item(each.word, "value", "severity") for each in Priority)


def values(snapshot: Snapshot, field: str) -> Iterator[Item]:
    """The known values of a field."""
    if field == "priority":
        yield from severities()
    elif field == "source":
        yield from (Item(each, "value", "alert source") for each in sorted(alert_sources()))
    elif field == "rule" and snapshot.rules is not None:
        yield from (Item(name, Kind.RULE, "rule", _quoted(name)) for name in snapshot.rules.rules)
    yield from (Item(each, "value", field, _quoted(each)) for each in sorted(value_names().get(field, ())))


def _quoted(text: str) -> str:
    """The text as a value of the language."""
    if _BARE_WORD.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
