"""Checks the routes of one file: conditions, channels, templates, schedules, amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.alert import Priority, parse_priority
from bridge.common.durations import parse_duration
from bridge.common.suggest import did_you_mean
from bridge.language.checker.operands import unknown_field
from bridge.language.checker.resolve import Resolver
from bridge.language.checker.schedule_check import check_schedule
from bridge.language.checker.scope import NameKind, Scope
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span
from bridge.language.program.condition import All, Condition
from bridge.language.program.kinds import ATTRIBUTES, LABEL, field_kind
from bridge.language.program.program import During, Escalation, MemoryClause, Redaction, Route
from bridge.language.program.regex import compile_regex
from bridge.language.program.schedule import Schedule
from bridge.language.program.template import parse_template
from bridge.language.syntax import tree as syntax

_PRIORITIES = tuple(priority.word for priority in Priority)
_TEMPLATE_NAMES = (*ATTRIBUTES, "route", "severity", "message", "count", "suppressed", "first", "last")
_REPEATABLE = frozenset({"to", "during", "then"})
_WITH_DROP = frozenset({"when", "during", "drop", "stop"})
_OTHERWISE_TAKES = frozenset({"to"})
_MOST_COUNT = 1_000_000
MASK = "***"
"""What stands for redacted text where the statement names nothing else."""


@dataclass(frozen=True, slots=True)
class _Said:
    """Title and message, of a route or of a template."""

    title: str | None = None
    message: str | None = None


class RouteChecker:
    """Checks against one file's scope; what is wrong goes to ``problems``."""

    def __init__(self, scope: Scope, problems: list[Diagnostic]) -> None:
        self.resolver = Resolver(scope, problems)
        self._scope = scope
        self._problems = problems
        self._schedules: dict[str, Schedule | None] = {}
        self.understood = True
        """Whether it is known when the last route acts: its conditions and schedules are without an error."""

    def named_part(self, statement: syntax.Statement) -> None:
        """A macro, schedule or template by itself, used or not."""
        match statement:
            case syntax.MacroStatement():
                self.resolver.check_macro(statement)
            case syntax.ScheduleStatement():
                self._schedules[statement.name.text] = check_schedule(statement, self._problems)
            case syntax.TemplateStatement():
                self._find_repeated(statement.says)
                for say in statement.says:
                    self._template(say.value)
            case _:
                pass

    def route(self, statement: syntax.RouteStatement, around: tuple[Condition | None, ...]) -> Route:
        """A route within so many ``where`` conditions; one of those that is None could not be read."""
        assert statement.name is not None
        clauses = statement.clauses
        self._find_repeated(clauses)
        flags = {clause.keyword for clause in clauses if isinstance(clause, syntax.FlagClause)}
        says = {clause.keyword: clause.value for clause in clauses if isinstance(clause, syntax.ValueClause)}
        to = [clause for clause in clauses if isinstance(clause, syntax.ToClause)]
        if "drop" in flags:
            self._find_useless(clauses)
        elif not to:
            hint = "add `to CHANNEL`, or `drop` to send nothing"
            self._tell(Code.NO_DESTINATION, f'route "{statement.name.text}" goes nowhere', statement.head, hint)
        used = self._used_template(says.get("use"))
        return Route(
            statement.name.text,
            self._condition(clauses, around),
            self.channels([clause for clause in to if clause.after is None]),
            self._severity(says.get("severity")),
            self._template(says.get("title")) or used.title,
            self._template(says.get("message")) or used.message,
            "drop" in flags,
            "stop" in flags,
            statement.head,
            self._during(clauses),
            self._escalations(to),
            tuple(self._memory(clause) for clause in clauses if isinstance(clause, syntax.WindowedClause)),
        )

    def otherwise(self, statement: syntax.RouteStatement) -> tuple[str, ...]:
        """The channels of an ``otherwise``."""
        for clause in statement.clauses:
            keyword = _keyword(clause)
            if keyword not in _OTHERWISE_TAKES or (isinstance(clause, syntax.ToClause) and clause.after is not None):
                self._tell(
                    Code.MISPLACED_CLAUSE,
                    f"`otherwise` takes no `{'after' if keyword == 'to' else keyword}`",
                    clause.span,
                    "only `to CHANNEL`; for more, write a route",
                )
        to = [clause for clause in statement.clauses if isinstance(clause, syntax.ToClause)]
        if not to:
            self._tell(Code.NO_DESTINATION, "`otherwise` goes nowhere", statement.head, "add `to CHANNEL`")
        return self.channels(to)

    def redaction(self, statement: syntax.RedactStatement) -> Redaction | None:
        """What a ``redact`` statement asks for."""
        fields = tuple(
            name for each in statement.fields if (name := self.resolver.operands.field_name(each)) is not None
        )
        for each in statement.fields:
            if each.text in ATTRIBUTES and each.text != "output":
                self._tell(Code.MISPLACED_CLAUSE, f"`{each.text}` cannot be redacted", each.span,
                           "output fields can, and `output`")  # fmt: skip
        compiled = compile_regex(statement.pattern.text)
        if isinstance(compiled, str):
            self._tell(Code.BAD_REGEX, f"RE2 refuses this regex: {compiled}", statement.pattern.span, "")
            return None
        mask = MASK if statement.replacement is None else statement.replacement.text
        return Redaction(fields, statement.pattern.text, mask)

    def duration(self, word: syntax.Word) -> int:
        """Nanoseconds; a bad one is noted."""
        found = parse_duration(word.text)
        if found is None:
            self._tell(Code.BAD_AMOUNT, f"`{word.text}` is too short or too long", word.span, "from 1ms to 366d")
        return found or 1

    def count(self, word: syntax.Word) -> int:
        """A whole number from 1; a bad one is noted."""
        found = int(word.text) if len(word.text) < 10 else 0
        if not 1 <= found <= _MOST_COUNT:
            self._tell(Code.BAD_AMOUNT, f"`{word.text[:20]}` is out of bounds", word.span, f"from 1 to {_MOST_COUNT}")
        return found

    def channels(self, clauses: Sequence[syntax.ToClause]) -> tuple[str, ...]:
        """Every channel once, in order."""
        return self.known_channels([word for clause in clauses for word in clause.channels])

    def known_channels(self, words: Sequence[syntax.Word]) -> tuple[str, ...]:
        """The channels' names; those that the config does not have are noted."""
        known = self._scope.known.channels
        for word in words:
            if known is not None and word.text not in known:
                hint = did_you_mean(word.text, known) or f"the config has {', '.join(sorted(known)) or 'none'}"
                self._tell(Code.UNKNOWN_CHANNEL, f"unknown channel `{word.text}`", word.span, hint)
        return tuple(dict.fromkeys(word.text for word in words))

    # Within

    def _condition(self, clauses: Sequence[syntax.Clause], around: tuple[Condition | None, ...]) -> Condition | None:
        when = next((clause for clause in clauses if isinstance(clause, syntax.WhenClause)), None)
        own = None if when is None else self.resolver.resolve(when.condition)
        self.understood = None not in around and (when is None or own is not None)
        parts = tuple(each for each in (*around, own) if each is not None)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else All(parts, parts[-1].span)

    def _during(self, clauses: Sequence[syntax.Clause]) -> tuple[During, ...]:
        found: list[During] = []
        for clause in clauses:
            if isinstance(clause, syntax.DuringClause):
                schedule = self._schedule(clause.schedule)
                if schedule is None:
                    self.understood = False
                else:
                    found.append(During(schedule, clause.negated))
        return tuple(found)

    def _schedule(self, word: syntax.Word) -> Schedule | None:
        name = word.text
        if name not in self._schedules:
            definition = self._scope.find(NameKind.SCHEDULE, name)
            if isinstance(definition, syntax.ScheduleStatement):
                self._schedules[name] = check_schedule(definition, self._problems)
            elif name not in self._scope.broken:
                hint = did_you_mean(name, self._scope.all(NameKind.SCHEDULE))
                self._tell(Code.UNKNOWN_SCHEDULE, f"unknown schedule `{name}`", word.span,
                           hint or "define it: schedule NAME = mon-fri 09:00-18:00")  # fmt: skip
                return None
        self._scope.find(NameKind.SCHEDULE, name)
        return self._schedules.get(name)

    def _escalations(self, clauses: Sequence[syntax.ToClause]) -> tuple[Escalation, ...]:
        return tuple(
            Escalation(channel, self.duration(clause.after))
            for clause in clauses
            if clause.after is not None
            for channel in self.channels([clause])
        )

    def _memory(self, clause: syntax.WindowedClause) -> MemoryClause:
        condition = None if clause.condition is None else self.resolver.resolve(clause.condition)

        def optional(word: syntax.Word | None) -> int | None:
            return None if word is None else self.duration(word)

        return MemoryClause(
            clause.keyword,
            clause.span,
            self._keys(clause.fields),
            self._keys(clause.by),
            clause.negated,
            condition,
            None if clause.count is None else self.count(clause.count),
            optional(clause.window),
            optional(clause.learn),
            optional(clause.wait),
            optional(clause.every),
        )

    def _keys(self, fields: Sequence[syntax.FieldName]) -> tuple[str, ...]:
        return tuple(name for each in fields if (name := self.resolver.operands.field_name(each)) is not None)

    def _severity(self, word: syntax.Word | None) -> Priority | None:
        if word is None:
            return None
        priority = parse_priority(word.text)
        if priority is None:
            hint = did_you_mean(word.text, _PRIORITIES) or f"one of {', '.join(_PRIORITIES)}"
            self._tell(Code.UNKNOWN_PRIORITY, f"`{word.text}` is no severity", word.span, hint)
        return priority

    def _used_template(self, word: syntax.Word | None) -> _Said:
        if word is None:
            return _Said()
        definition = self._scope.find(NameKind.TEMPLATE, word.text)
        if not isinstance(definition, syntax.TemplateStatement):
            if word.text not in self._scope.broken:
                hint = did_you_mean(word.text, self._scope.all(NameKind.TEMPLATE)) or (
                    "define it: template NAME { title … message … }"
                )
                self._tell(Code.UNKNOWN_TEMPLATE, f"unknown template `{word.text}`", word.span, hint)
            return _Said()
        said = {say.keyword: say.value.text for say in definition.says}
        return _Said(said.get("title"), said.get("message"))

    def _template(self, word: syntax.Word | None) -> str | None:
        if word is None:
            return None
        template = parse_template(word.text)
        for offset in template.stray:
            span = _within(word, offset, offset + 1)
            self._tell(Code.BAD_TEMPLATE, "a `%` that names no field", span, "for a percent sign: %%")
        for slot in template.slots:
            end = word.text.index(slot.name, slot.offset) + len(slot.name)
            problem = self._slot_problem(slot.name, _within(word, slot.offset, end))
            if problem is not None:
                self._problems.append(problem)
        return word.text

    def _slot_problem(self, name: str, span: Span) -> Diagnostic | None:
        labels = self._scope.known.labels
        if name.startswith(LABEL):
            label = name.removeprefix(LABEL)
            if labels is None or label in labels:
                return None
            return Diagnostic(Code.UNKNOWN_LABEL, f"unknown label `{label}`", span, did_you_mean(label, labels))
        if name in _TEMPLATE_NAMES or field_kind(name) is not None:
            return None
        if "." not in name:
            hint = did_you_mean(name, _TEMPLATE_NAMES) or "for a percent sign: %%"
            return Diagnostic(Code.UNKNOWN_FIELD, f"unknown field `%{name}`", span, hint)
        return unknown_field(name, span)

    def _find_repeated(self, clauses: Sequence[syntax.Clause]) -> None:
        first: dict[str, Span] = {}
        for clause in clauses:
            keyword = _keyword(clause)
            if keyword in first and keyword not in _REPEATABLE:
                self._problems.append(
                    Diagnostic(
                        Code.REPEATED_CLAUSE,
                        f"`{keyword}` is said twice",
                        clause.span,
                        "keep one",
                        (("first here", first[keyword]),),
                    )
                )
            first.setdefault(keyword, clause.span)

    def _find_useless(self, clauses: Sequence[syntax.Clause]) -> None:
        for clause in clauses:
            if _keyword(clause) not in _WITH_DROP:
                self._tell(
                    Code.DROP_AND_TO, f"`drop` sends nothing, so `{_keyword(clause)}` has no use", clause.span,
                    "remove one of the two",
                )  # fmt: skip

    def _tell(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))


def _within(word: syntax.Word, start: int, end: int) -> Span:
    """A stretch of a string's text; the whole string where escapes or line breaks lie between."""
    span = word.span
    if len(word.text) + len('""') != span.end - span.start or "\n" in word.text:
        return span
    return Span(span.path, span.start + 1 + start, span.start + 1 + end, span.line, span.column + 1 + start)


def _keyword(clause: syntax.Clause) -> str:
    match clause:
        case syntax.WhenClause():
            return "when"
        case syntax.DuringClause():
            return "during"
        case syntax.ToClause():
            return "to"
        case _:
            return clause.keyword
