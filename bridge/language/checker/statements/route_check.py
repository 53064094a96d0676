"""Checks the routes of a file: conditions, channels, templates, schedules, durations and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.alert import Priority, parse_priority
from bridge.alert.catalogue import families
from bridge.common.clocks.durations import parse_duration
from bridge.language.checker.conditions.literals import priority_hint
from bridge.language.checker.conditions.resolve import Resolver
from bridge.language.checker.scope import NameKind, Scope
from bridge.language.checker.statements.clause_rules import ignored, misplaced_in_otherwise, repeated
from bridge.language.checker.statements.destinations import DestinationChecker
from bridge.language.checker.statements.memory_check import MemoryChecker
from bridge.language.checker.statements.schedule_check import check_schedule
from bridge.language.checker.statements.text_check import TextChecker
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import All, Condition
from bridge.language.program.program import During, Escalation, Route
from bridge.language.program.schedule import Schedule
from bridge.language.program.table import TableChannel
from bridge.language.syntax import tree as syntax

_PRIORITIES = tuple(priority.word for priority in Priority)
_MAX_COUNT = 1_000_000


@dataclass(frozen=True, slots=True)
class _WithoutConditions:
    """A route with everything but its conditions."""

    route: Route
    understood: bool
    """Whether its schedules are valid."""
    watches: bool
    """Whether clauses with memory are missing, because some of them have conditions."""


class RouteChecker:
    """Checks routes in the scope of a file. Problems are added to ``problems``."""

    def __init__(self, scope: Scope, problems: list[Diagnostic]) -> None:
        self.resolver = Resolver(scope, problems)
        self._texts = TextChecker(scope, problems)
        self._destinations = DestinationChecker(scope, problems)
        self._scope = scope
        self._problems = problems
        self._schedules: dict[int, tuple[syntax.ScheduleStatement, Schedule | None]] = {}
        """Checked schedules, by the identity of their statements."""
        self.understood = True
        """Whether the conditions and schedules of the last route are valid."""

    def check_definition(self, statement: syntax.Statement) -> None:
        """Check a macro, schedule or template, used or not."""
        match statement:
            case syntax.MacroStatement():
                self.resolver.check_macro(statement)
            case syntax.ScheduleStatement():
                check_schedule(statement, self._problems)
            case syntax.TemplateStatement():
                self._problems += repeated(statement.texts)
                for text in statement.texts:
                    self._texts.check(text.value)
            case _:
                pass

    def route(self, statement: syntax.RouteStatement, enclosing: tuple[Condition | None, ...]) -> Route:
        """Check a route inside the ``enclosing`` conditions of ``where``. None is a condition with an error."""
        found = self.resolver.pieces.once(statement, self._without_conditions)
        when = self._condition(statement.clauses, enclosing)
        self.understood = self.understood and found.understood
        if not found.watches:
            return replace(found.route, when=when)
        memory = self._memory(found.route.places)
        clauses = memory.clauses(_windowed(statement))
        return replace(found.route, when=when, clauses=clauses, places=memory.places)

    def _without_conditions(self, statement: syntax.RouteStatement) -> _WithoutConditions:
        assert statement.name is not None
        clauses = statement.clauses
        self._problems += repeated(clauses)
        flags = {clause.keyword for clause in clauses if isinstance(clause, syntax.FlagClause)}
        values = {clause.keyword: clause.value for clause in clauses if isinstance(clause, syntax.ValueClause)}
        to = [clause for clause in clauses if isinstance(clause, syntax.ToClause)]
        immediate = [clause for clause in to if clause.after is None]
        if "drop" in flags:
            self._problems += ignored(clauses)
        elif not to:
            hint = "add `to CHANNEL`, or `drop` to send nothing"
            self._report(Code.NO_DESTINATION, f'route "{statement.name.text}" has no destination', statement.head, hint)
        used = self._texts.of_template(values.get("use"))
        windowed = _windowed(statement)
        others = self._other_alerts(windowed)
        memory = self._memory({"to": clause.span} if (clause := _first_escalation(to)) is not None else {})
        watches = any(clause.condition is not None for clause in windowed)
        during = self._during(clauses)
        route = Route(
            statement.name.text,
            None,
            self._destinations.fixed(immediate),
            self._severity(values.get("severity")),
            self._texts.check(values.get("title"), others) or used.title,
            self._texts.check(values.get("message"), others) or used.message,
            "drop" in flags,
            "stop" in flags,
            statement.head,
            during or (),
            self._escalations(to),
            () if watches else memory.clauses(windowed),
            memory.resolve_after(windowed),
            self._texts.shown(
                [name for each in clauses if isinstance(each, syntax.FieldsClause) for name in each.fields], others
            ),
            self._texts.links([each for each in clauses if isinstance(each, syntax.LinkClause)], others),
            self._destinations.named(immediate),
            places=memory.places,
            columns=self._scope.columns,
        )
        return _WithoutConditions(route, during is not None, watches)

    def _memory(self, places: Mapping[str, Span]) -> MemoryChecker:
        return MemoryChecker(self.resolver.resolve, self.duration, self.count, self._keys, places)

    def _other_alerts(self, clauses: Sequence[syntax.WindowedClause]) -> list[str]:
        """The names under which texts use fields of other alerts: those of joins, and ``2`` for the second step."""
        steps = [clause for clause in clauses if clause.keyword == "then"]
        for step in steps[:-1]:
            if step.negated:
                self._report(
                    Code.MISPLACED_CLAUSE, "`then not` is not the last step", step.span, "make it the last `then`"
                )
        joins = [clause.name for clause in clauses if clause.name is not None]
        for number, join in enumerate(joins):
            if join.text in families():
                hint = f"choose a name that no field begins with: `%{join.text}.…` is a field of Falco"
                self._report(Code.RESERVED_NAME, f"`{join.text}` cannot name a `with`", join.span, hint)
            elif self._scope.find(NameKind.TABLE, join.text) is not None:
                self._report(Code.DUPLICATE_NAME, f"`{join.text}` is also a table", join.span, "rename one of them")
            elif join.text in {each.text for each in joins[:number]}:
                self._report(Code.DUPLICATE_NAME, f"`{join.text}` names two `with`s", join.span, "rename one of them")
        return [*(str(number + 2) for number in range(len(steps))), *(join.text for join in joins)]

    def otherwise(self, statement: syntax.RouteStatement) -> tuple[tuple[str, ...], tuple[TableChannel, ...]]:
        """Check an ``otherwise`` and return its channels, and those that tables name."""
        self._problems += misplaced_in_otherwise(statement.clauses)
        to = [clause for clause in statement.clauses if isinstance(clause, syntax.ToClause)]
        if not to:
            self._report(Code.NO_DESTINATION, "`otherwise` has no destination", statement.head, "add `to CHANNEL`")
        return self._destinations.fixed(to), self._destinations.named(to)

    def duration(self, word: syntax.Word) -> int:
        """Nanoseconds. Reports an invalid duration."""
        found = parse_duration(word.text)
        if found is None:
            self._report(Code.BAD_AMOUNT, f"duration `{word.text}` is out of range", word.span, "from 1ms to 366d")
        return found or 1

    def count(self, word: syntax.Word, instead_of_none: str = "") -> int:
        """A number from 1. Reports an invalid count, with the remedy for 0."""
        found = int(word.text) if len(word.text) < 10 else 0
        if not 1 <= found <= _MAX_COUNT:
            hint = instead_of_none if word.text == "0" and instead_of_none else f"from 1 to {_MAX_COUNT}"
            self._report(Code.BAD_AMOUNT, f"count `{word.text[:20]}` is out of range", word.span, hint)
        return found

    def known_channels(self, words: Sequence[syntax.Word]) -> tuple[str, ...]:
        """The names of the channels. Reports those that are not in the config."""
        return self._destinations.known(words)

    def _condition(self, clauses: Sequence[syntax.Clause], enclosing: tuple[Condition | None, ...]) -> Condition | None:
        when = next((clause for clause in clauses if isinstance(clause, syntax.WhenClause)), None)
        own = None if when is None else self.resolver.resolve(when.condition)
        self.understood = None not in enclosing and (when is None or own is not None)
        parts = tuple(each for each in (*enclosing, own) if each is not None)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else All(parts, parts[-1].span)

    def _during(self, clauses: Sequence[syntax.Clause]) -> tuple[During, ...] | None:
        """The schedules. None if one has an error."""
        found: list[During] = []
        valid = True
        for clause in clauses:
            if isinstance(clause, syntax.DuringClause):
                schedule = self._schedule(clause.schedule)
                if schedule is None:
                    valid = False
                else:
                    found.append(During(schedule, clause.negated))
        return tuple(found) if valid else None

    def _schedule(self, word: syntax.Word) -> Schedule | None:
        """The schedule of a name. Errors in its definition are reported by ``check_definition``."""
        name = word.text
        definition = self._scope.find(NameKind.SCHEDULE, name)
        if isinstance(definition, syntax.ScheduleStatement):
            if id(definition) not in self._schedules:
                self._schedules[id(definition)] = definition, check_schedule(definition, [])
            return self._schedules[id(definition)][1]
        if name not in self._scope.broken and not self._scope.incomplete:
            hint = self._scope.suggest(NameKind.SCHEDULE, name)
            self._report(Code.UNKNOWN_SCHEDULE, f"unknown schedule `{name}`", word.span,
                         hint or "define it: schedule NAME = mon-fri 09:00-18:00")  # fmt: skip
        return None

    def _escalations(self, clauses: Sequence[syntax.ToClause]) -> tuple[Escalation, ...]:
        found: list[Escalation] = []
        for clause in clauses:
            if clause.after is not None:
                after_ns = self.duration(clause.after)
                found += [Escalation(channel, after_ns) for channel in self._destinations.fixed([clause])]
                found += [Escalation("", after_ns, table) for table in self._destinations.named([clause])]
        return tuple(found)

    def _keys(self, fields: Iterable[syntax.FieldName]) -> tuple[str, ...]:
        return tuple(name for each in fields if (name := self.resolver.operands.field_name(each)) is not None)

    def _severity(self, word: syntax.Word | None) -> Priority | None:
        if word is None:
            return None
        priority = parse_priority(word.text)
        if priority is None:
            hint = priority_hint(word.text) or f"one of {', '.join(_PRIORITIES)}"
            self._report(Code.UNKNOWN_PRIORITY, f"unknown severity `{word.text}`", word.span, hint)
        return priority

    def _report(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))


def _windowed(statement: syntax.RouteStatement) -> list[syntax.WindowedClause]:
    return [clause for clause in statement.clauses if isinstance(clause, syntax.WindowedClause)]


def _first_escalation(clauses: Sequence[syntax.ToClause]) -> syntax.ToClause | None:
    return next((clause for clause in clauses if clause.after is not None), None)
