"""Checks ``test`` statements: fields and values of events, routes and channels of expectations."""

from __future__ import annotations

from collections.abc import Collection

from bridge.common.clocks.times import parse_time
from bridge.common.suggest import did_you_mean
from bridge.language.checker.conditions.literals import literal_problems
from bridge.language.checker.scope import NameKind
from bridge.language.checker.statements.route_check import RouteChecker
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.program.condition import Kind, Operator
from bridge.language.program.fields.kinds import field_kind
from bridge.language.program.test_case import (
    AlertReceived,
    Expectation,
    IncidentAcknowledged,
    IncidentResolved,
    SilenceAdded,
    Step,
    TestCase,
    TimePassed,
)
from bridge.language.syntax import tree as syntax

_FREE_TEXT = frozenset({Kind.TEXT, Kind.BYTES, Kind.UNKNOWN, Kind.LIST})


class CaseChecker:
    """Checks tests in the scope of a file, with the names of all routes."""

    def __init__(self, routes: RouteChecker, route_names: Collection[str], problems: list[Diagnostic]) -> None:
        self._routes = routes
        self._route_names = route_names
        self._problems = problems

    def case(self, statement: syntax.TestStatement) -> TestCase:
        """Check a test. Steps with an error are left out."""
        if not any(isinstance(step, syntax.ExpectStep) for step in statement.steps):
            self._problems.append(
                Diagnostic(
                    Code.NO_EXPECTATION,
                    f'test "{statement.name.text}" has no expectation',
                    statement.name.span,
                    'add `expect "ROUTE"` or `expect nothing`',
                )
            )
        steps = [step for written in statement.steps if (step := self._step(written)) is not None]
        return TestCase(statement.name.text, tuple(steps), statement.name.span)

    def _step(self, step: syntax.Step) -> Step | None:
        match step:
            case syntax.EventStep():
                return self._event(step)
            case syntax.PassStep():
                return TimePassed(self._routes.duration(step.duration), step.span)
            case syntax.AckStep():
                return IncidentAcknowledged(self._route(step.route), step.span)
            case syntax.ResolveStep():
                return IncidentResolved(self._route(step.route), step.span)
            case syntax.SilenceStep():
                condition = self._routes.resolver.resolve(step.condition)
                length = self._routes.duration(step.duration)
                return None if condition is None else SilenceAdded(condition, length, step.span)
            case syntax.ExpectStep():
                return self._expectation(step)

    def _event(self, step: syntax.EventStep) -> AlertReceived:
        values: dict[str, str | tuple[str, ...]] = {}
        for each in step.assignments:
            name = self._routes.resolver.operands.field_name(each.field)
            if name is None:
                continue
            if name in values:
                self._problems.append(
                    Diagnostic(Code.REPEATED_CLAUSE, f"`{name}` is given twice", each.span, "remove one")
                )
            values[name] = self._value(name, each)
        return AlertReceived(values, step.span)

    def _value(self, name: str, each: syntax.Assignment) -> str | tuple[str, ...]:
        if isinstance(each.value, syntax.WordList):
            return tuple(word.text for word in each.value.words)
        text = each.value.text
        kind = field_kind(name) or Kind.UNKNOWN
        if name == "time" and parse_time(text) is None:
            self._problems.append(
                Diagnostic(Code.WRONG_VALUE, f"invalid time `{text}`", each.value.span, 'like "2026-11-24T10:31:35Z"')
            )
        elif name != "time" and kind not in _FREE_TEXT:
            problems = literal_problems(kind, Operator.EQ, each.value)
            self._problems += [each for each in problems if each.severity is Severity.ERROR]
        return (text,) if kind is Kind.LIST else text

    def _expectation(self, step: syntax.ExpectStep) -> Expectation:
        negative = "" if step.route is None else f'write `expect not "{step.route.text}"`'
        return Expectation(
            None if step.route is None else self._route(step.route),
            step.negated,
            self._routes.known_channels(step.to),
            None if step.count is None else self._routes.count(step.count, negative),
            None if step.contains is None else step.contains.text,
            step.span,
        )

    def _route(self, word: syntax.Word) -> str:
        names = self._routes.resolver.scope.reads.names
        names.add((NameKind.ROUTE, word.text))
        if word.text not in self._route_names:
            names.add((NameKind.ROUTE, ""))
            hint = did_you_mean(word.text, self._route_names) or "use the name of a route in these files"
            self._problems.append(Diagnostic(Code.UNKNOWN_ROUTE, f'unknown route "{word.text}"', word.span, hint))
        return word.text
