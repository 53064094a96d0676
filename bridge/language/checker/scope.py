"""The names that a file can use: its own, those of imported files, and Falco's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.common.suggest import nearest
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules
from bridge.language.syntax.tree import (
    ListStatement,
    MacroStatement,
    ScheduleStatement,
    TemplateStatement,
    Word,
)


class NameKind(StrEnum):
    """The kinds of definitions."""

    LIST = "list"
    MACRO = "macro"
    SCHEDULE = "schedule"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Known:
    """Facts from outside the files: channels and labels of the config, Falco's rules. None means unknown."""

    channels: Collection[str] | None
    labels: Collection[str] | None
    rules: FalcoRules | None = None


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


Definition = ListStatement | MacroStatement | ScheduleStatement | TemplateStatement | FalcoMacro | Word
"""The definition of a name. A Word is a Falco list."""
Key = tuple[NameKind, str]


@dataclass(slots=True)
class Scope:
    """All names that a file can use."""

    known: Known
    used: set[Span]
    """The places of the definitions that are used. Shared by the scopes of all files."""
    broken: frozenset[str] = frozenset()
    incomplete: bool = False
    """Whether an import could not be read, so that unknown names may be its names."""
    rule_names: frozenset[str] | None = None
    """The names of Falco's rules. None if they are unknown."""
    added_fields: frozenset[str] = frozenset()
    """Output fields without a dot, which ``append_output`` in falco.yaml adds."""
    names: dict[Key, Word] = field(default_factory=dict)
    definitions: dict[Key, Definition] = field(default_factory=dict)
    raw_lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    falco: set[Key] = field(default_factory=set)

    def find(self, kind: NameKind, name: str) -> Definition | None:
        """The definition of a name, which is then marked as used. None if there is none."""
        found = self.definitions.get((kind, name))
        if found is not None:
            self.used.add(self.names[kind, name].span)
        return found

    def suggest(self, kind: NameKind, name: str) -> str:
        """``did you mean …?``, or an empty string. The suggested name then counts as used."""
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
    for word in words:
        named = None if word.quoted else scope.lists.get(word.text)
        if named is None:
            items.append(word)
        else:
            scope.find(NameKind.LIST, word.text)
            items += (Word(each.text, each.quoted, word.span) for each in named)
    return tuple(items)


def names_list(word: Word, lists: Collection[str]) -> bool:
    """Whether a word is the name of one of these lists."""
    return not word.quoted and word.text in lists
