"""The names that a set of files defines: lists with their items, macros with their conditions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bridge.language.diagnostic import Code, Diagnostic
from bridge.language.suggest import did_you_mean
from bridge.language.syntax import ListStatement, MacroStatement, Statement, Word

_RESERVED = frozenset(
    [
        "list",
        "macro",
        "route",
        "otherwise",
        "when",
        "to",
        "severity",
        "title",
        "message",
        "drop",
        "stop",
        "and",
        "or",
        "not",
        "in",
        "exists",
        "contains",
        "icontains",
        "startswith",
        "endswith",
        "glob",
        "iglob",
        "regex",
        "intersects",
        "pmatch",
        "bcontains",
        "bstartswith",
        "oneof",
        "anyof",
        "allof",
        "import",
        "schedule",
        "template",
        "redact",
        "where",
        "test",
        "during",
        "new",
        "after",
        "then",
        "absent",
        "group",
        "throttle",
        "use",
        "rule",
        "priority",
        "source",
        "hostname",
        "tags",
        "output",
        "time",
        "true",
        "false",
    ]
)
_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the files: the config's channels and labels; None where there is no config to ask."""

    channels: Collection[str] | None
    labels: Collection[str] | None


@dataclass(slots=True)
class Scope:
    """Every name, and which of them were used."""

    known: Known
    broken: frozenset[str] = frozenset()
    lists: dict[str, tuple[Word, ...]] = field(default_factory=dict)
    macros: dict[str, MacroStatement] = field(default_factory=dict)
    defined: dict[tuple[str, str], Word] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)


def collect(statements: Sequence[Statement], known: Known, broken: frozenset[str]) -> tuple[Scope, list[Diagnostic]]:
    """The names of all files, in order."""
    scope, problems = Scope(known, broken), list[Diagnostic]()
    raw: dict[str, list[Word]] = {}
    for statement in statements:
        match statement:
            case ListStatement(appends=True):
                scope.used.add(("list", statement.name.text))
                if statement.name.text in raw:
                    raw[statement.name.text] += statement.items.words
                elif statement.name.text not in broken:
                    problems.append(_no_such_list(statement.name, raw))
            case ListStatement():
                if _defines(scope, "list", statement.name, problems):
                    raw[statement.name.text] = list(statement.items.words)
            case MacroStatement():
                if _defines(scope, "macro", statement.name, problems):
                    scope.macros[statement.name.text] = statement
            case _:
                pass
    _resolve_lists(scope, raw, problems)
    return scope, problems


def expand(scope: Scope, words: Sequence[Word]) -> tuple[Word, ...]:
    """The items, with every list's name replaced by the list's items."""
    items: list[Word] = []
    for word in words:
        named = None if word.quoted else scope.lists.get(word.text)
        if named is None:
            items.append(word)
        else:
            scope.used.add(("list", word.text))
            items += (Word(each.text, each.quoted, word.span) for each in named)
    return tuple(items)


def unused(scope: Scope) -> list[Diagnostic]:
    """Names that nothing uses."""
    return [
        Diagnostic(Code.UNUSED_NAME, f"{kind} `{name}` is never used", word.span, "use it or remove it")
        for (kind, name), word in scope.defined.items()
        if (kind, name) not in scope.used
    ]


def _defines(scope: Scope, kind: str, name: Word, problems: list[Diagnostic]) -> bool:
    if name.text in _RESERVED:
        problems.append(
            Diagnostic(Code.RESERVED_NAME, f"`{name.text}` is a word of the language", name.span, "choose another name")
        )
        return False
    first = scope.defined.setdefault((kind, name.text), name)
    if first is not name:
        way_out = "to add items: list NAME += (…)" if kind == "list" else "choose another name"
        problems.append(
            Diagnostic(
                Code.DUPLICATE_NAME,
                f"{kind} `{name.text}` is defined twice",
                name.span,
                way_out,
                (("first here", first.span),),
            )
        )
    return first is name


def _no_such_list(name: Word, lists: Collection[str]) -> Diagnostic:
    hint = did_you_mean(name.text, lists) or "begin it with: list NAME = (…)"
    return Diagnostic(Code.UNKNOWN_LIST, f"there is no list `{name.text}` to add to", name.span, hint)


def _resolve_lists(scope: Scope, raw: dict[str, list[Word]], problems: list[Diagnostic]) -> None:
    """Lists may name lists, in any order; a circle is a mistake. Innermost first, without recursion."""
    waiting = dict(raw)
    while waiting:
        ready = [name for name, words in waiting.items() if not any(_names(word, waiting) for word in words)]
        if not ready:
            problems.extend(
                Diagnostic(Code.CYCLE, f"list `{name}` contains itself", scope.defined["list", name].span)
                for name in waiting
            )
            scope.lists.update(dict.fromkeys(waiting, ()))
            return
        for name in ready:
            items = expand(scope, waiting.pop(name))
            if len(items) > _MOST_ITEMS:
                problems.append(
                    Diagnostic(
                        Code.TOO_LARGE,
                        f"list `{name}` has more than {_MOST_ITEMS} items",
                        scope.defined["list", name].span,
                    )
                )
                items = ()
            scope.lists[name] = items


def _names(word: Word, lists: Collection[str]) -> bool:
    return not word.quoted and word.text in lists
