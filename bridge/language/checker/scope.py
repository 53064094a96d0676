"""The names that a file knows: its own, those of the files it imports, and Falco's where its rules are imported."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from bridge.common.suggest import did_you_mean
from bridge.language.checker.files import RouteFile
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules
from bridge.language.syntax.escapes import BadEscape, unquote
from bridge.language.syntax.reserved import RESERVED
from bridge.language.syntax.tree import (
    ListStatement,
    MacroStatement,
    ScheduleStatement,
    Statement,
    TemplateStatement,
    Word,
)

_MOST_ITEMS = 100_000
_MOST_ITEMS_TOGETHER = 1_000_000
"""Of all lists that one file knows, each with the items of those that it names."""
_QUOTES = frozenset("\"'")


class NameKind(StrEnum):
    """What a name may stand for."""

    LIST = "list"
    MACRO = "macro"
    SCHEDULE = "schedule"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the files: the config's channels and labels, Falco's rules; None where nobody said."""

    channels: Collection[str] | None
    labels: Collection[str] | None
    rules: FalcoRules | None = None


FALCOS = "Falco's macro "
"""What the name of the source of such a macro begins with."""


@dataclass(frozen=True, slots=True)
class FalcoMacro:
    """A macro of Falco's: text, parsed only where it is used."""

    name: Word
    text: str

    @property
    def source(self) -> SourceText:
        """The text by a name of its own, for places within it."""
        return SourceText(FALCOS + self.name.text, self.text)


Definition = ListStatement | MacroStatement | ScheduleStatement | TemplateStatement | FalcoMacro | Word
"""What a name stands for; a Word is a list of Falco's."""
_Key = tuple[NameKind, str]


@dataclass(slots=True)
class Scope:
    """Every name that one file knows."""

    known: Known
    used: set[Span]
    """Where the names that were used are defined; shared by the scopes of all files."""
    broken: frozenset[str] = frozenset()
    rule_names: frozenset[str] | None = None
    """Falco's rules, where they are known."""
    names: dict[_Key, Word] = field(default_factory=dict)
    definitions: dict[_Key, Definition] = field(default_factory=dict)
    raw_lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    falco: set[_Key] = field(default_factory=set)

    def find(self, kind: NameKind, name: str) -> Definition | None:
        """What the name stands for here, if anything; it then counts as used."""
        found = self.definitions.get((kind, name))
        if found is not None:
            self.used.add(self.names[kind, name].span)
        return found

    def lacks(self, words: Sequence[Word]) -> bool:
        """Whether one of the items is a list that could not be read."""
        return any(_names(word, self.broken) for word in words)

    def all(self, kind: NameKind) -> list[str]:
        """Every name of a kind."""
        return [name for of, name in self.definitions if of is kind]


def make_scopes(files: Sequence[RouteFile], known: Known) -> tuple[dict[str, Scope], list[Diagnostic]]:
    """The scope of each file, by path; files come after those that they import."""
    scopes: dict[str, Scope] = {}
    problems: list[Diagnostic] = []
    used: set[Span] = set()
    broken = frozenset[str]().union(*(file.parsed.broken_names for file in files))
    for file in files:
        scope = scopes[file.source.path] = Scope(known, used, broken)
        for statement, imported in file.imports:
            _merge(scope, scopes[imported.source.path], statement.span, problems)
        if file.rules is not None:
            _add_falco(scope, file.rules, file.source.path)
        _add_own(scope, file.parsed.file.statements, problems)
        _resolve_lists(scope, problems)
    return scopes, problems


def join(scopes: Mapping[str, Scope], known: Known, span: Span, problems: list[Diagnostic]) -> Scope:
    """What several files know together, for a condition at ``span`` that stands in none of them."""
    joint = Scope(known, set())
    for scope in scopes.values():
        joint.broken |= scope.broken
        _merge(joint, scope, span, problems)
    _resolve_lists(joint, problems)
    return joint


def expand(scope: Scope, words: Sequence[Word]) -> tuple[Word, ...]:
    """The items, with every list's name replaced by the list's items."""
    items: list[Word] = []
    for word in words:
        named = None if word.quoted else scope.lists.get(word.text)
        if named is None:
            items.append(word)
        else:
            scope.find(NameKind.LIST, word.text)
            items += (Word(each.text, each.quoted, word.span) for each in named)
    return tuple(items)


def unused(files: Sequence[RouteFile], scopes: dict[str, Scope]) -> list[Diagnostic]:
    """Names that nothing uses. A file that others import may well hold more than they take."""
    shared = {imported.source.path for file in files for _, imported in file.imports}
    return [
        Diagnostic(Code.UNUSED_NAME, f"{kind} `{name}` is never used", word.span, "use it or remove it")
        for file in files
        if file.source.path not in shared
        for (kind, name), word in scopes[file.source.path].names.items()
        if word.span.path == file.source.path and (kind, name) not in scopes[file.source.path].falco
        and word.span not in scopes[file.source.path].used
    ]  # fmt: skip


def _merge(scope: Scope, imported: Scope, span: Span, problems: list[Diagnostic]) -> None:
    for key, word in imported.names.items():
        mine = scope.names.get(key)
        if mine is not None and mine.span == word.span:
            continue
        if mine is not None and key not in scope.falco and key not in imported.falco:
            problems.append(_defined_twice(key, span, mine.span))
        elif mine is None or key in scope.falco:
            _define(scope, key, word, imported.definitions[key], falco=key in imported.falco)
            if key[0] is NameKind.LIST:
                scope.raw_lists[key[1]] = imported.raw_lists[key[1]]
    if imported.rule_names is not None:
        scope.rule_names = (scope.rule_names or frozenset()) | imported.rule_names


def _define(scope: Scope, key: _Key, word: Word, definition: Definition, *, falco: bool) -> None:
    scope.names[key] = word
    scope.definitions[key] = definition
    (scope.falco.add if falco else scope.falco.discard)(key)


def _add_falco(scope: Scope, rules: FalcoRules, path: str) -> None:
    """Falco's names, where nobody has taken them."""
    nowhere = Span(path, 0, 0, 1, 1)
    for name, items in rules.lists.items():
        key, word = (NameKind.LIST, name), Word(name, quoted=False, span=nowhere)
        if key not in scope.names or key in scope.falco:
            _define(scope, key, word, word, falco=True)
            scope.raw_lists[name] = tuple(word for item in items for word in _falco_words(item, rules, nowhere))
    for name, text in rules.macros.items():
        key, word = (NameKind.MACRO, name), Word(name, quoted=False, span=nowhere)
        if key not in scope.names or key in scope.falco:
            _define(scope, key, word, FalcoMacro(word, text), falco=True)
    scope.rule_names = (scope.rule_names or frozenset()) | frozenset(rules.rules)


def _falco_words(item: str, rules: FalcoRules, nowhere: Span) -> Iterator[Word]:
    """Falco puts items into conditions as text: one with a blank in quotes, others as they are.

    So a quoted one has its quotes inside, and its escapes; and a comma without quotes ends an item.
    """
    if " " in item and item[0] not in _QUOTES:
        item = f'"{item}"'
    if len(item) > 1 and item[0] == item[-1] and item[0] in _QUOTES:
        value = unquote(item)
        yield Word(item[1:-1] if isinstance(value, BadEscape) else value, quoted=True, span=nowhere)
        return
    for word in [each for each in item.split(",") if each] or [item]:
        yield Word(word, quoted=word not in rules.lists, span=nowhere)


def _add_own(scope: Scope, statements: Sequence[Statement], problems: list[Diagnostic]) -> None:
    for statement in statements:
        match statement:
            case ListStatement(appends=True):
                _append(scope, statement, problems)
            case ListStatement():
                if _defines(scope, (NameKind.LIST, statement.name.text), statement.name, statement, problems):
                    scope.raw_lists[statement.name.text] = statement.items.words
            case MacroStatement():
                _defines(scope, (NameKind.MACRO, statement.name.text), statement.name, statement, problems)
            case ScheduleStatement():
                _defines(scope, (NameKind.SCHEDULE, statement.name.text), statement.name, statement, problems)
            case TemplateStatement():
                _defines(scope, (NameKind.TEMPLATE, statement.name.text), statement.name, statement, problems)
            case _:
                pass


def _append(scope: Scope, statement: ListStatement, problems: list[Diagnostic]) -> None:
    name = statement.name
    if name.text in scope.raw_lists:
        scope.raw_lists[name.text] += statement.items.words
    elif name.text not in scope.broken:
        hint = did_you_mean(name.text, scope.raw_lists) or "begin it with: list NAME = (…)"
        problems.append(Diagnostic(Code.UNKNOWN_LIST, f"there is no list `{name.text}` to add to", name.span, hint))


def _defines(scope: Scope, key: _Key, name: Word, definition: Definition, problems: list[Diagnostic]) -> bool:
    if name.text in RESERVED:
        problems.append(
            Diagnostic(Code.RESERVED_NAME, f"`{name.text}` is a word of the language", name.span, "choose another name")
        )
        return False
    first = scope.names.get(key)
    if first is not None and key not in scope.falco:
        problems.append(_defined_twice(key, name.span, first.span))
        return False
    _define(scope, key, name, definition, falco=False)
    return True


def _defined_twice(key: _Key, span: Span, first: Span) -> Diagnostic:
    kind, name = key
    way_out = "to add items: list NAME += (…)" if kind is NameKind.LIST else "choose another name"
    return Diagnostic(Code.DUPLICATE_NAME, f"{kind} `{name}` is defined twice", span, way_out, (("first here", first),))


def _resolve_lists(scope: Scope, problems: list[Diagnostic]) -> None:
    """Lists may name lists, in any order; a circle is a mistake. Innermost first, without recursion."""
    raw = scope.raw_lists
    graph = {name: {word.text for word in words if _names(word, raw)} for name, words in raw.items()}
    total = 0
    for name in _in_order(graph):
        if scope.lacks(raw[name]):
            scope.broken |= {name}
        size = sum(len(scope.lists[word.text]) if _names(word, scope.lists) else 1 for word in raw[name])
        if size > _MOST_ITEMS or total + size > _MOST_ITEMS_TOGETHER:
            problems.append(_too_large(name, scope, alone=size > _MOST_ITEMS))
            scope.used.update(scope.names[NameKind.LIST, inner].span for inner in graph[name])
            scope.broken |= {name}
            scope.lists[name] = ()
        else:
            total += size
            scope.lists[name] = expand(scope, raw[name])
    _tell_circles(scope, graph, problems)


def _tell_circles(scope: Scope, graph: Mapping[str, set[str]], problems: list[Diagnostic]) -> None:
    left = graph.keys() - scope.lists.keys()
    holders: dict[str, set[str]] = {name: set() for name in left}
    for name in left:
        for inner in graph[name] & left:
            holders[inner].add(name)
    only_hold_one = frozenset(_in_order(holders))
    for name in left:
        place = scope.names[NameKind.LIST, name].span
        scope.used.add(place)
        scope.lists[name] = ()
        if name not in only_hold_one:
            hint = "quote the item where a text is meant"
            problems.append(Diagnostic(Code.CYCLE, f"list `{name}` contains itself", place, hint))
    scope.broken |= left


def _in_order(graph: Mapping[str, set[str]]) -> list[str]:
    """Each name after all that it leads to, but for those that lead to a circle."""
    sorter = TopologicalSorter(graph)
    with suppress(CycleError):
        sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        order += ready
        sorter.done(*ready)
    return order


def _too_large(name: str, scope: Scope, *, alone: bool) -> Diagnostic:
    message = (
        f"list `{name}` has more than {_MOST_ITEMS} items" if alone
        else f"with list `{name}` all lists have more than {_MOST_ITEMS_TOGETHER} items"
    )  # fmt: skip
    return Diagnostic(Code.TOO_LARGE, message, scope.names[NameKind.LIST, name].span)


def _names(word: Word, lists: Collection[str]) -> bool:
    return not word.quoted and word.text in lists
