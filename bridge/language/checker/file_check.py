"""Checks the statements of one file. Results are used again while nothing changes that a statement depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from bridge.language.checker.anchored import Anchored, anchored
from bridge.language.checker.changes import with_users
from bridge.language.checker.conditions.resolve import Expansion
from bridge.language.checker.pieces import Piece
from bridge.language.checker.scope import Key, NameKind, Reads, Scope
from bridge.language.checker.statements.redact_check import check_redaction
from bridge.language.checker.statements.route_check import RouteChecker
from bridge.language.checker.statements.test_check import CaseChecker
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import Condition
from bridge.language.program.program import Redaction, Route
from bridge.language.program.table import TableChannel
from bridge.language.program.test_case import TestCase
from bridge.language.syntax import tree as syntax

Statement = TypeVar("Statement", bound=syntax.Statement)
_MAX_WHERE_DEPTH = 50


@dataclass(frozen=True, slots=True)
class CheckedRoute:
    """A route, before its name is compared with those of other routes."""

    name: syntax.Word
    route: Route
    understood: bool
    """Whether its conditions and schedules are valid."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """The destinations of an ``otherwise``."""

    head: Span
    channels: tuple[str, ...]
    tables: tuple[TableChannel, ...]


Parts = tuple[CheckedRoute | Otherwise | Redaction | TestCase, ...]
"""What a statement adds to the program. Nothing if it defines a name, or has an error."""


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """The result of checking one statement."""

    statement: syntax.Statement
    parts: Parts
    problems: Anchored | None
    """None if there are none."""
    reads: Reads
    stable: bool
    """Whether it is the same whichever statement is checked first."""
    pieces: Mapping[int, Piece]
    """Its parts that need not be checked again when it is, by the identity of their syntax."""


class FileChecker:
    """Checks the statements of one file in its scope, each once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._problems: list[Diagnostic] = []
        self._routes = RouteChecker(scope, self._problems)
        self._of_lists = scope.reads.used
        self._checked: dict[int, CheckedStatement] = {}
        """Of this check, by the identity of the statement."""
        self._before: dict[int, CheckedStatement] = {}
        """Those of an earlier check that still hold."""
        self._outdated: dict[int, CheckedStatement] = {}
        """The others, whose parts may still hold."""
        self._changed: AbstractSet[Key] = frozenset()
        """The names that have changed since the earlier check."""

    def take_over(self, before: FileChecker, changed: AbstractSet[Key]) -> None:
        """Use what an earlier check found, which may have been this checker's, except about changed names."""
        resolver, earlier = self._routes.resolver, before._routes.resolver.expansions
        changed = with_users(changed, earlier)
        resolver.expansions = {
            name: each for name, each in earlier.items() if each.stable and (NameKind.MACRO, name) not in changed
        }
        if changed:
            resolver.forget_lists()
        holding: dict[int, CheckedStatement] = {}
        outdated: dict[int, CheckedStatement] = {}
        for key, each in before._checked.items():
            holds = each.stable and (not changed or each.reads.names.isdisjoint(changed))
            (holding if holds else outdated)[key] = each
        self._before, self._outdated, self._changed = holding, outdated, changed
        self._checked = {}

    def forget(self, changed: AbstractSet[Key]) -> None:
        """Check the statements again that depend on these names."""
        self._before = {key: each for key, each in self._before.items() if each.reads.names.isdisjoint(changed)}

    def definitions(self, statements: Sequence[syntax.Statement]) -> None:
        """Check the statements that define names. To be called before the others."""
        for each in statements:
            if isinstance(each, syntax.MacroStatement | syntax.ScheduleStatement | syntax.TemplateStatement):
                self._checked_once(each, self._definition)

    def routes(self, statements: Sequence[syntax.Statement]) -> Iterator[CheckedStatement]:
        """Check the routes and ``redact`` statements."""
        for each in statements:
            if isinstance(each, syntax.WhereStatement | syntax.RouteStatement | syntax.RedactStatement):
                yield self._checked_once(each, self._route_parts)

    def tests(self, statements: Sequence[syntax.Statement], names: Mapping[str, object]) -> Iterator[CheckedStatement]:
        """Check the tests. ``names`` are those of all routes."""
        cases = CaseChecker(self._routes, names, self._problems)
        for each in statements:
            if isinstance(each, syntax.TestStatement):
                yield self._checked_once(each, lambda test: (cases.case(test),))

    def used(self) -> AbstractSet[Key]:
        """The names that the checked statements use. To be called at the end."""
        return self._of_lists.union(*(each.reads.used for each in self._all()))

    def problems(self) -> Iterator[Diagnostic]:
        """The problems of the checked statements and of the macros in them."""
        for found in self._all():
            if found.problems is not None:
                yield from found.problems.now()

    def _all(self) -> list[CheckedStatement | Expansion]:
        """What was found about the statements of this check, and about the macros that they use."""
        expansions = self._routes.resolver.expansions
        found: list[CheckedStatement | Expansion] = list(self._checked.values())
        waiting, seen = set[str]().union(*(each.reads.macros for each in self._checked.values())), set[str]()
        while waiting:
            name = waiting.pop()
            seen.add(name)
            found.append(expansions[name])
            waiting |= expansions[name].reads.macros - seen
        return found

    def _checked_once(self, statement: Statement, parts_of: Callable[[Statement], Parts]) -> CheckedStatement:
        found = self._before.get(id(statement))
        if found is None:
            resolver, reads = self._routes.resolver, Reads()
            self._scope.reads, resolver.stable = reads, True
            outdated = self._outdated.get(id(statement))
            resolver.pieces.start({} if outdated is None else outdated.pieces, self._changed)
            parts = parts_of(statement)
            problems = anchored(statement.span, self._problems) if self._problems else None
            self._problems.clear()
            found = CheckedStatement(statement, parts, problems, reads, resolver.stable, resolver.pieces.found)
        self._checked[id(statement)] = found
        return found

    def _definition(self, statement: syntax.Statement) -> Parts:
        self._routes.check_definition(statement)
        return ()

    def _route_parts(self, statement: syntax.Statement) -> Parts:
        match statement:
            case syntax.WhereStatement():
                return tuple(self._where(statement, ()))
            case syntax.RouteStatement(name=None):
                return (Otherwise(statement.head, *self._routes.otherwise(statement)),)
            case syntax.RouteStatement():
                return (self._route(statement, ()),)
            case syntax.RedactStatement():
                redaction = check_redaction(statement, self._scope, self._routes.resolver, self._problems)
                return () if redaction is None else (redaction,)
            case _:
                return ()

    def _where(
        self, statement: syntax.WhereStatement, enclosing: tuple[Condition | None, ...]
    ) -> Iterator[CheckedRoute]:
        if len(enclosing) == _MAX_WHERE_DEPTH:
            message = f"`where` is nested more than {_MAX_WHERE_DEPTH} levels deep"
            self._problems.append(Diagnostic(Code.TOO_DEEP, message, statement.condition.span))
            return
        inner = (*enclosing, self._routes.resolver.resolve(statement.condition))
        for each in statement.body:
            if isinstance(each, syntax.WhereStatement):
                yield from self._where(each, inner)
            else:
                yield self._route(each, inner)

    def _route(self, statement: syntax.RouteStatement, enclosing: tuple[Condition | None, ...]) -> CheckedRoute:
        assert statement.name is not None
        route = self._routes.route(statement, enclosing)
        return CheckedRoute(statement.name, route, self._routes.understood)
