"""Which names mean something else than in an earlier scope of the same file."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from bridge.language.checker.conditions.resolve import Expansion
from bridge.language.checker.scope import FalcoMacro, Key, NameKind, Scope


def changed_names(before: Scope, now: Scope) -> AbstractSet[Key] | None:
    """The names whose definitions differ, and the kinds that have other names. None if everything may differ."""
    if _surroundings(before) != _surroundings(now):
        return None
    broken = before.broken ^ now.broken
    changed = {(kind, name) for name in broken for kind in NameKind}
    changed |= {key for key in before.definitions.keys() | now.definitions.keys() if _differs(key, before, now)}
    for kind in NameKind:
        if broken or before.all(kind) != now.all(kind):
            changed.add((kind, ""))
    return changed


def with_users(changed: AbstractSet[Key], expansions: Mapping[str, Expansion]) -> AbstractSet[Key]:
    """The changed names with every macro that uses one of them, directly or through other macros."""
    found = set(changed)
    waiting = [(NameKind.MACRO, name) for name in expansions]
    while True:
        affected = [key for key in waiting if key not in found and not found.isdisjoint(expansions[key[1]].reads.names)]
        if not affected:
            return found
        found.update(affected)


def _surroundings(scope: Scope) -> tuple[object, ...]:
    """What every statement may depend on."""
    return scope.known, scope.incomplete, scope.rule_names, scope.added_fields, scope.tables


def _differs(key: Key, before: Scope, now: Scope) -> bool:
    """Whether a name has another definition. An equal one that was parsed again is another: its places move apart."""
    kind, name = key
    if key in before.falco and key in now.falco:
        old, new = before.definitions[key], now.definitions[key]
        same = old.text == new.text if isinstance(old, FalcoMacro) and isinstance(new, FalcoMacro) else True
    else:
        same = before.names.get(key) is now.names.get(key)
    return not same or (kind is NameKind.LIST and before.lists.get(name) != now.lists.get(name))
