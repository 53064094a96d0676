"""Parts of statements that need not be checked again when a statement is, because a name that it uses has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

from bridge.language.checker.scope import Key, Reads, Scope
from bridge.language.diagnostics.diagnostic import Diagnostic

Part = TypeVar("Part")
Value = TypeVar("Value")
_NOTHING = Reads()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a statement that was checked without a problem."""

    part: object
    value: object
    reads: Reads


@dataclass(slots=True)
class Pieces:
    """The checked parts of the statement that is being checked, by the identity of their syntax."""

    scope: Scope
    problems: list[Diagnostic]
    """Those of the statement."""
    found: dict[int, Piece] = field(default_factory=dict)
    _before: Mapping[int, Piece] = field(default_factory=dict)
    _changed: AbstractSet[Key] = frozenset()

    def start(self, before: Mapping[int, Piece], changed: AbstractSet[Key]) -> None:
        """Start a statement. ``before`` are its parts from an earlier check, ``changed`` the names changed since."""
        self.found, self._before, self._changed = {}, before, changed

    def once(self, part: Part, check: Callable[[Part], Value]) -> Value:
        """The result of checking a part. It must depend on nothing but the part and the scope."""
        piece = self._before.get(id(part))
        if piece is not None and piece.reads.names.isdisjoint(self._changed):
            self.found[id(part)] = piece
            self.scope.reads.add(piece.reads)
            return piece.value  # type: ignore[return-value]  # the same check made it
        outer, known = self.scope.reads, len(self.problems)
        reads = self.scope.reads = Reads()
        try:
            value = check(part)
        finally:
            self.scope.reads = outer
            outer.add(reads)
        if len(self.problems) == known:
            self.found[id(part)] = Piece(part, value, reads if reads.names or reads.used else _NOTHING)
        return value
