"""Warnings about single routes, used again while the routes are the same objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.program.program import Route
from bridge.matching.analysis.shadowing import Shadowing


@dataclass(slots=True)
class RouteWarnings:
    """The warnings about each route of the last call."""

    _context: object = None
    """What the warnings depend on besides the route."""
    _found: dict[int, tuple[Route, tuple[Diagnostic, ...]]] = field(default_factory=dict)
    """By the identity of the route."""

    def new_among(self, routes: Sequence[Route]) -> int:
        """How many of these routes are not among those of the last call."""
        return sum(id(route) not in self._found for route in routes)

    def of(
        self, routes: Sequence[Route], context: object, examine: Callable[[Route], Iterable[Diagnostic]]
    ) -> list[Diagnostic]:
        """The warnings about these routes. ``examine`` is called for new routes, and for all in a new context."""
        before = self._found if context == self._context else {}
        self._context = context
        self._found = {id(route): before.get(id(route)) or (route, tuple(examine(route))) for route in routes}
        return [warning for _, warnings in self._found.values() for warning in warnings]


@dataclass(frozen=True, slots=True)
class LintMemory:
    """What was found about routes, for the next time that the routes of a changed program are examined."""

    conditions: RouteWarnings = field(default_factory=RouteWarnings)
    clauses: RouteWarnings = field(default_factory=RouteWarnings)
    shadowing: Shadowing = field(default_factory=Shadowing)

    def new_among(self, routes: Sequence[Route]) -> int:
        """How many of these routes were not examined yet."""
        return self.conditions.new_among(routes)
