"""Groups of route files: each is checked on its own, then all become one program."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bridge.language.checker.check import Checked, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.clauses import Clause, Then, Unless, With
from bridge.language.program.condition import All, Any, Condition
from bridge.language.program.group import RouteGroup
from bridge.language.program.program import Program, Redaction, Route
from bridge.language.program.table import Table
from bridge.language.program.test_case import Expectation, IncidentAcknowledged, Step, TestCase
from bridge.routing import OTHERWISE

Load = Callable[[Sequence[Path], Known], Checked]
"""Checks files that have no groups."""
_NOWHERE = Span("", 0, 0, 1, 1)


@dataclass(frozen=True, slots=True)
class GroupRoutes:
    """The checked routes of one group, as parts of the whole program."""

    name: str
    routes: tuple[Route, ...]
    tables: tuple[Table, ...]
    redactions: tuple[Redaction, ...]

    def uses(self, channels: Collection[str] | None) -> bool:
        """Whether all its channels exist."""
        return channels is None or {channel for route in self.routes for channel in route.channels} <= set(channels)


@dataclass(frozen=True, slots=True)
class CheckedGroups:
    """The outcome of checking groups."""

    checked: Checked
    groups: tuple[GroupRoutes, ...]
    """Of the groups that are in use."""
    stale: tuple[str, ...]
    """The groups with errors whose previous routes stay in use."""


def condition_path(key: str, group: str) -> str:
    """What diagnostics have in place of a path for the ``where`` or the ``joins`` of a group."""
    return f"{key} of the group {group}"


def check_groups(known: Known, load: Load, previous: Sequence[GroupRoutes] = ()) -> CheckedGroups:
    """The program of all groups of ``known``, or the errors of all.

    A group with errors has its ``previous`` routes, if there are any and their channels still exist.
    """
    checking = _Checking()
    before = {group.name: group for group in previous}
    found: list[GroupRoutes] = []
    stale: list[str] = []
    failed = False
    for number, group in enumerate(known.groups):
        made = checking.group(known, group, number, load)
        old = before.get(group.name)
        if made is None and old is not None and group.name and old.uses(known.channels):
            made = replace(old, routes=tuple(replace(route, group=number) for route in old.routes))
            stale.append(group.name)
        failed |= made is None
        found += [] if made is None else [made]
    tables = _tables(found, known.groups, checking.diagnostics)
    program = None
    if not failed and tables is not None:
        routes = tuple(route for group in found for route in group.routes)
        program = Program(routes, (), tuple(each for group in found for each in group.redactions), tables)
    ordered = tuple(sorted(dict.fromkeys(checking.diagnostics), key=by_place))
    understood = tuple(checking.understood)
    checked = Checked(
        program, ordered, tuple(checking.tests), checking.sources, None, understood, tuple(checking.redactions)
    )
    return CheckedGroups(checked, tuple(found), tuple(stale))


class _Checking:
    """Collects what the checks of all groups report."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.sources: dict[str, SourceText] = {}
        self.tests: list[TestCase] = []
        self.understood: list[Route] = []
        self.redactions: list[Redaction] = []

    def group(self, known: Known, group: RouteGroup, number: int, load: Load) -> GroupRoutes | None:
        """Check one group. None after an error."""
        where = self._condition(group, "where", group.where)
        joins = self._condition(group, "joins", group.joins)
        checked = load([Path(each) for each in group.files], _known(known, group))
        self.diagnostics += checked.diagnostics
        self.sources |= checked.sources
        self.understood += checked.understood
        self.redactions += checked.redactions
        self.tests += [_qualified(case, group, number) for case in checked.tests]
        program = checked.program
        if program is None or (group.where and where is None) or (group.joins and joins is None):
            return None
        routes = _routes(program, group, number, where, joins)
        return GroupRoutes(group.name, tuple(routes), program.tables, program.redactions)

    def _condition(self, group: RouteGroup, key: str, text: str) -> Condition | None:
        if not text:
            return None
        source = SourceText(condition_path(key, group.name), text)
        self.sources[source.path] = source
        checked = check_condition(source, Known(None, None))
        if isinstance(checked, tuple):
            self.diagnostics += checked
            return None
        return checked


def _known(known: Known, group: RouteGroup) -> Known:
    """What the files of a group may name."""
    channels = known.channels
    if channels is not None and group.channels:
        channels = frozenset(each for each in channels if any(fnmatchcase(each, pattern) for pattern in group.channels))
    forbidden = frozenset(known.channels or ()) - frozenset(channels or ())
    return replace(
        known, channels=channels, groups=(), group=group.name, forbidden=forbidden, confined=bool(group.where)
    )


def _routes(
    program: Program, group: RouteGroup, number: int, where: Condition | None, joins: Condition | None
) -> list[Route]:
    """The routes of a group as they act beside those of others; ``otherwise`` becomes its last route."""
    others = where if joins is None or where is None else Any((where, joins), where.span)
    found = [
        replace(
            route,
            name=group.qualified(route.name),
            when=_both(where, route.when),
            clauses=tuple(_confined(clause, others) for clause in route.clauses),
            group=number,
        )
        for route in program.routes
    ]
    if program.otherwise or program.otherwise_tables:
        otherwise = Route(
            group.qualified(OTHERWISE), where, program.otherwise, None, None, None, drop=False, stop=False,
            span=_NOWHERE if where is None else where.span, tables=program.otherwise_tables, group=number,
            fallback=True,
        )  # fmt: skip
        found.append(otherwise)
    return found


def _both(where: Condition | None, condition: Condition | None) -> Condition | None:
    if where is None or condition is None:
        return where or condition
    return All((where, condition), condition.span)


def _confined(clause: Clause, others: Condition | None) -> Clause:
    """The clause, seeing only the alerts that its group may see."""
    if others is None:
        return clause
    match clause:
        case Then():
            steps = (
                replace(step, condition=All((others, step.condition), step.condition.span)) for step in clause.steps
            )
            return replace(clause, steps=tuple(steps))
        case Unless() | With():
            return replace(clause, condition=All((others, clause.condition), clause.condition.span))
        case _:
            return clause


def _tables(
    parts: Sequence[GroupRoutes], groups: Sequence[RouteGroup], diagnostics: list[Diagnostic]
) -> tuple[Table, ...] | None:
    """The tables of all groups. None if two give one name to different tables: alerts have the columns of all."""
    found: dict[str, Table] = {}
    for table in (table for part in parts for table in part.tables):
        if found.setdefault(table.name, table) != table:
            names = ", ".join(group.name or "the other files" for group in groups)
            message = f"two groups define different tables `{table.name}`"
            span = Span(groups[-1].files[0], 0, 1, 1, 1)
            diagnostics.append(Diagnostic(Code.DUPLICATE_NAME, message, span, f"rename one; the groups are {names}"))
            return None
    return tuple(found.values())


def _qualified(case: TestCase, group: RouteGroup, number: int) -> TestCase:
    """A test of a group: its routes have the names that they have in the whole program."""
    steps = tuple(_step(step, group) for step in case.steps)
    return replace(case, name=group.qualified(case.name), steps=steps, group=number)


def _step(step: Step, group: RouteGroup) -> Step:
    match step:
        case Expectation() if step.route is not None:
            return replace(step, route=group.qualified(step.route))
        case IncidentAcknowledged():
            return replace(step, route=group.qualified(step.route))
        case _:
            return step
