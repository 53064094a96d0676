"""The names that a file can use: its own, those of imported files, and Falco's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.common.suggest import did_you_mean, nearest
from bridge.language.checker.table_file import TableFile
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules
from bridge.language.program.group import RouteGroup
from bridge.language.syntax.tree import (
    ListStatement,
    MacroStatement,
    ScheduleStatement,
    TableStatement,
    TemplateStatement,
    Word,
)


class NameKind(StrEnum):
    """The kinds of definitions."""

    LIST = "list"
    MACRO = "macro"
    SCHEDULE = "schedule"
    TEMPLATE = "template"
    TABLE = "table"
    ROUTE = "route"
    """Only tests name routes."""


@dataclass(frozen=True, slots=True)
class Known:
    """Facts from outside the files: channels and labels of the config, Falco's rules. None means unknown."""

    channels: Collection[str] | None
    labels: Collection[str] | None
    rules: FalcoRules | None = None
    retention_ns: int | None = None
    """How long the journal stores alerts."""
    groups: tuple[RouteGroup, ...] = ()
    """The groups of route files; empty if all files act together."""
    group: str = ""
    """The name of the group whose files are checked."""
    forbidden: frozenset[str] = frozenset()
    """Channels of the config that this group may not use."""
    confined: bool = False
    """Whether the group has a `where`: it may then not change what others see."""


FALCO_MACRO_PREFIX = "Falco's macro "
"""The prefix of the path of a source that is the text of a Falco macro."""


@dataclass(frozen=True, slots=True)
class FalcoMacro:
    """A Falco macro. Its text is parsed when it is used."""

    name: Word
    text: str

    @property
    def source(self) -> SourceText:
        """The text as a source, so that diagnostics can point into it."""
        return SourceText(FALCO_MACRO_PREFIX + self.name.text, self.text)


Definition = ListStatement | MacroStatement | ScheduleStatement | TemplateStatement | TableStatement | FalcoMacro | Word
"""The definition of a name. A Word is a Falco list."""
Key = tuple[NameKind, str]


@dataclass(slots=True)
class Reads:
    """What a check asked of a scope. Its outcome holds as long as the scope gives the same answers."""

    names: set[Key] = field(default_factory=set)
    """The names that were looked up, defined or not. A kind with an empty name means all names of the kind."""
    used: set[Key] = field(default_factory=set)
    """The defined names that are used."""
    macros: set[str] = field(default_factory=set)
    """The macros that were expanded."""

    def add(self, others: Reads) -> None:
        """Add what a part of the check asked."""
        self.names |= others.names
        self.used |= others.used
        self.macros |= others.macros


@dataclass(slots=True)
class Scope:
    """All names that a file can use. What is looked up is recorded in ``reads``."""

    known: Known
    broken: frozenset[str] = frozenset()
    incomplete: bool = False
    """Whether an import could not be read, so that unknown names may be its names."""
    rule_names: frozenset[str] | None = None
    """The names of Falco's rules. None if they are unknown."""
    added_fields: frozenset[str] = frozenset()
    """Output fields without a dot, which ``append_output`` in falco.yaml adds."""
    tables: dict[str, TableFile | None] = field(default_factory=dict)
    """The tables by name; None for one with an error."""
    names: dict[Key, Word] = field(default_factory=dict)
    definitions: dict[Key, Definition] = field(default_factory=dict)
    raw_lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    falco: set[Key] = field(default_factory=set)
    reads: Reads = field(default_factory=Reads)

    def find(self, kind: NameKind, name: str) -> Definition | None:
        """The definition of a name, which is then marked as used. None if there is none."""
        key = kind, name
        self.reads.names.add(key)
        found = self.definitions.get(key)
        if found is not None:
            self.reads.used.add(key)
        return found

    def defines(self, kind: NameKind, name: str) -> bool:
        """Whether there is a definition of a name, which is not marked as used."""
        self.reads.names.add((kind, name))
        return (kind, name) in self.definitions

    def items(self, name: str) -> tuple[Word, ...] | None:
        """The items of a list, with those of the lists in it. None if there is no such list."""
        self.reads.names.add((NameKind.LIST, name))
        return self.lists.get(name)

    def nearest_list(self, name: str) -> str | None:
        """The list with the most similar name, if there is one."""
        self.reads.names.add((NameKind.LIST, ""))
        return nearest(name, self.lists)

    def table_of(self, name: str) -> str | None:
        """The table that a field belongs to by its first word; it is then marked as used. None if there is none."""
        first, dot, _ = name.partition(".")
        key = NameKind.TABLE, first
        if not dot or key not in self.definitions:
            return None
        self.reads.used.add(key)
        return first

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of all tables, each with the fields of its key."""
        tables = [file.table for file in self.tables.values() if file is not None]
        return {column: table.by for table in tables for column in table.columns}

    def column_problem(self, name: str, span: Span) -> Diagnostic | None:
        """What is wrong with a field of a table: it has no such column."""
        table = self.tables.get(self.table_of(name) or "")
        if table is None or name in table.table.columns:
            return None
        hint = did_you_mean(name, table.table.columns) or f"its columns are {', '.join(table.table.columns)}"
        return Diagnostic(Code.UNKNOWN_COLUMN, f"`{name}` is not a column of the table", span, hint)

    def suggest(self, kind: NameKind, name: str) -> str:
        """``did you mean …?``, or an empty string. The suggested name then counts as used."""
        self.reads.names.add((kind, ""))
        found = nearest(name, self.all(kind))
        if found is None:
            return ""
        self.find(kind, found)
        return f"did you mean `{found}`?"

    def lacks(self, words: Sequence[Word]) -> bool:
        """Whether one of the items is a list with an error."""
        return any(names_list(word, self.broken) for word in words)

    def all(self, kind: NameKind) -> list[str]:
        """All names of a kind."""
        return [name for of, name in self.definitions if of is kind]


def expand(scope: Scope, words: Sequence[Word]) -> tuple[Word, ...]:
    """The items, with names of lists replaced by their items."""
    items: list[Word] = []
    names, used, lists = scope.reads.names, scope.reads.used, scope.lists
    for word in words:
        if word.quoted:
            items.append(word)
            continue
        key = NameKind.LIST, word.text
        names.add(key)
        named = lists.get(word.text)
        if named is None:
            items.append(word)
        else:
            used.add(key)
            items += (Word(each.text, each.quoted, word.span) for each in named)
    return tuple(items)


def names_list(word: Word, lists: Collection[str]) -> bool:
    """Whether a word is the name of one of these lists."""
    return not word.quoted and word.text in lists
