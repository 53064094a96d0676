"""Builds the scope of each file: its own names, those of its imports, and Falco's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from bridge.language.checker.files import RouteFile
from bridge.language.checker.lists import resolve_lists
from bridge.language.checker.scope import Definition, FalcoMacro, Key, Known, NameKind, Scope
from bridge.language.checker.tables import add_tables, all_tables
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.falco.rules import FalcoRules
from bridge.language.program.table import Table
from bridge.language.syntax.escapes import BadEscape, unquote
from bridge.language.syntax.reserved import RESERVED
from bridge.language.syntax.tree import (
    ListStatement,
    MacroStatement,
    ScheduleStatement,
    Statement,
    TableStatement,
    TemplateStatement,
    Word,
)

_QUOTES = frozenset("\"'")


def make_scopes(files: Sequence[RouteFile], known: Known) -> tuple[dict[str, Scope], list[Diagnostic]]:
    """The scope of each file, by path. Imported files must precede the importing ones."""
    scopes: dict[str, Scope] = {}
    problems: list[Diagnostic] = []
    broken = frozenset[str]().union(*(file.parsed.broken_names for file in files))
    for file in files:
        scope = scopes[file.source.path] = Scope(known, broken, incomplete=file.incomplete)
        for statement, imported in file.imports:
            _merge(scope, scopes[imported.source.path], statement.span, problems)
        if file.rules is not None:
            _add_falco(scope, file.rules, file.source.path)
        _add_own(scope, file.parsed.file.statements, problems)
        add_tables(scope, file, problems)
        resolve_lists(scope, problems)
    return scopes, problems


def tables_of(files: Sequence[RouteFile], known: Known) -> tuple[Table, ...]:
    """The valid tables of these files."""
    return all_tables(make_scopes(files, known)[0], [])


def join(scopes: Mapping[str, Scope], known: Known, span: Span, problems: list[Diagnostic]) -> Scope:
    """The combined scope of several files, for a condition outside of them at ``span``."""
    joint = Scope(known)
    for scope in scopes.values():
        joint.broken |= scope.broken
        _merge(joint, scope, span, problems)
    resolve_lists(joint, problems)
    return joint


def unused(
    files: Sequence[RouteFile], scopes: Mapping[str, Scope], used: Mapping[str, AbstractSet[Key]]
) -> list[Diagnostic]:
    """Warnings about unused names. ``used`` are the names that each file uses.

    Files that are imported by others are not checked; the names of the others are used in their own file only.
    """
    shared = {imported.source.path for file in files for _, imported in file.imports}
    return [
        Diagnostic(Code.UNUSED_NAME, f"{kind} `{name}` is never used", word.span, "use it or remove it")
        for path in (file.source.path for file in files)
        if path not in shared
        for (kind, name), word in scopes[path].names.items()
        if word.span.path == path and (kind, name) not in scopes[path].falco and (kind, name) not in used[path]
    ]


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
            elif key[0] is NameKind.TABLE:
                scope.tables[key[1]] = imported.tables.get(key[1])
    scope.incomplete |= imported.incomplete
    scope.added_fields |= imported.added_fields
    if imported.rule_names is not None:
        scope.rule_names = (scope.rule_names or frozenset()) | imported.rule_names


def _define(scope: Scope, key: Key, word: Word, definition: Definition, *, falco: bool) -> None:
    scope.names[key] = word
    scope.definitions[key] = definition
    (scope.falco.add if falco else scope.falco.discard)(key)


def _add_falco(scope: Scope, rules: FalcoRules, path: str) -> None:
    """Add Falco's lists and macros, unless the name is already defined."""
    no_place = Span(path, 0, 0, 1, 1)
    for name, items in rules.lists.items():
        key, word = (NameKind.LIST, name), Word(name, quoted=False, span=no_place)
        if key not in scope.names or key in scope.falco:
            _define(scope, key, word, word, falco=True)
            scope.raw_lists[name] = tuple(word for item in items for word in _falco_words(item, rules, no_place))
    for name, text in rules.macros.items():
        key, word = (NameKind.MACRO, name), Word(name, quoted=False, span=no_place)
        if key not in scope.names or key in scope.falco:
            _define(scope, key, word, FalcoMacro(word, text), falco=True)
    if rules.rules:
        scope.rule_names = (scope.rule_names or frozenset()) | frozenset(rules.rules)
    outputs = frozenset[str]().union(*(rule.fields for rule in rules.rules.values()))
    scope.added_fields |= {name for name in outputs if "." not in name}


def _falco_words(item: str, rules: FalcoRules, no_place: Span) -> Iterator[Word]:
    """The words of a list item. Falco inserts items into conditions as text and quotes those with a space.

    So an item may contain quotes and escapes, and a comma outside quotes separates items. An empty item has no text.
    """
    if not item:
        return
    if " " in item and item[0] not in _QUOTES:
        item = f'"{item}"'
    if len(item) > 1 and item[0] == item[-1] and item[0] in _QUOTES:
        value = unquote(item)
        yield Word(item[1:-1] if isinstance(value, BadEscape) else value, quoted=True, span=no_place)
        return
    for word in [each for each in item.split(",") if each] or [item]:
        yield Word(word, quoted=word not in rules.lists, span=no_place)


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
            case TableStatement():
                _defines(scope, (NameKind.TABLE, statement.name.text), statement.name, statement, problems)
            case _:
                pass


def _append(scope: Scope, statement: ListStatement, problems: list[Diagnostic]) -> None:
    name = statement.name
    if name.text in scope.raw_lists:
        scope.raw_lists[name.text] += statement.items.words
    elif name.text not in scope.broken and not scope.incomplete:
        hint = scope.suggest(NameKind.LIST, name.text) or "define it first: list NAME = (…)"
        problems.append(Diagnostic(Code.UNKNOWN_LIST, f"unknown list `{name.text}`", name.span, hint))


def _defines(scope: Scope, key: Key, name: Word, definition: Definition, problems: list[Diagnostic]) -> bool:
    if name.text in RESERVED:
        problems.append(
            Diagnostic(Code.RESERVED_NAME, f"`{name.text}` is a reserved word", name.span, "choose another name")
        )
        return False
    first = scope.names.get(key)
    if first is not None and key not in scope.falco:
        problems.append(_defined_twice(key, name.span, first.span))
        return False
    _define(scope, key, name, definition, falco=False)
    return True


def _defined_twice(key: Key, span: Span, first: Span) -> Diagnostic:
    kind, name = key
    hint = "to add items: list NAME += (…)" if kind is NameKind.LIST else "choose another name"
    return Diagnostic(
        Code.DUPLICATE_NAME, f"{kind} `{name}` is defined twice", span, hint, (("first defined here", first),)
    )
