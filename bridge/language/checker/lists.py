"""Expands lists that contain lists, and limits their size."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from bridge.language.checker.scope import NameKind, Scope, expand, names_list
from bridge.language.diagnostics.diagnostic import Code, Diagnostic

_MAX_ITEMS = 100_000
_MAX_ITEMS_IN_TOTAL = 1_000_000
"""Items of all lists of a file, after nested lists are expanded."""


def resolve_lists(scope: Scope, problems: list[Diagnostic]) -> None:
    """Expand lists that contain lists, innermost first, without recursion. A cycle is an error."""
    raw = scope.raw_lists
    graph = {name: {word.text for word in words if names_list(word, raw)} for name, words in raw.items()}
    total = 0
    for name in _in_order(graph):
        if scope.lacks(raw[name]):
            scope.broken |= {name}
        size = sum(len(scope.lists[word.text]) if names_list(word, scope.lists) else 1 for word in raw[name])
        if size > _MAX_ITEMS or total + size > _MAX_ITEMS_IN_TOTAL:
            problems.append(_too_large(name, scope, alone=size > _MAX_ITEMS))
            scope.reads.used.update((NameKind.LIST, inner) for inner in graph[name])
            scope.broken |= {name}
            scope.lists[name] = ()
        else:
            total += size
            scope.lists[name] = expand(scope, raw[name])
    _report_cycles(scope, graph, problems)


def _report_cycles(scope: Scope, graph: Mapping[str, set[str]], problems: list[Diagnostic]) -> None:
    left = graph.keys() - scope.lists.keys()
    holders: dict[str, set[str]] = {name: set() for name in left}
    for name in left:
        for inner in graph[name] & left:
            holders[inner].add(name)
    only_contain_one = frozenset(_in_order(holders))
    for name in left:
        place = scope.names[NameKind.LIST, name].span
        scope.reads.used.add((NameKind.LIST, name))
        scope.lists[name] = ()
        if name not in only_contain_one:
            hint = "to use the name as text, quote it"
            problems.append(Diagnostic(Code.CYCLE, f"list `{name}` contains itself", place, hint))
    scope.broken |= left


def _in_order(graph: Mapping[str, set[str]]) -> list[str]:
    """The names in topological order, without those that lead to a cycle."""
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
        f"list `{name}` has more than {_MAX_ITEMS} items" if alone
        else f"with list `{name}`, lists have more than {_MAX_ITEMS_IN_TOTAL} items in total"
    )  # fmt: skip
    return Diagnostic(Code.TOO_LARGE, message, scope.names[NameKind.LIST, name].span)
