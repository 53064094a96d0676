"""From ``.route`` files to a checked program, with every problem of every file in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.alert import Priority, parse_priority
from bridge.language import syntax
from bridge.language.condition import Condition
from bridge.language.diagnostic import Code, Diagnostic, Severity, by_place
from bridge.language.kinds import ATTRIBUTES, LABEL, field_kind
from bridge.language.parser import parse, parse_condition
from bridge.language.program import Program, Route
from bridge.language.resolve import Resolver, unknown_field
from bridge.language.scope import Known, Scope, collect, unused
from bridge.language.source import Source, Span
from bridge.language.suggest import did_you_mean
from bridge.language.template import parse_template

_PRIORITIES = tuple(priority.word for priority in Priority)
_TEMPLATE_NAMES = (*ATTRIBUTES, "route", "severity", "message", "count", "suppressed", "first", "last")
_SENDING = frozenset({"to", "severity", "title", "message"})
_OTHERWISE_TAKES = frozenset({"to"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to."""

    program: Program | None
    """None where there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place."""

    @property
    def errors(self) -> int:
        """How many of them keep the program from running."""
        return sum(each.severity is Severity.ERROR for each in self.diagnostics)


def check(sources: Sequence[Source], known: Known) -> Checked:
    """Check files that belong together, in this order. Never raises."""
    parsed = [parse(source) for source in sources]
    statements = [statement for each in parsed for statement in each.file.statements]
    broken = frozenset().union(*(each.broken_names for each in parsed)) if parsed else frozenset[str]()
    scope, problems = collect(statements, known, broken)
    problems += [problem for each in parsed for problem in each.diagnostics]
    program = _Checker(scope, problems).program(statements)
    if not any(each.diagnostics for each in parsed):  # what could not be read may have used them
        problems += unused(scope)
    diagnostics = tuple(sorted(dict.fromkeys(problems), key=by_place))
    failed = any(each.severity is Severity.ERROR for each in diagnostics)
    return Checked(None if failed else program, diagnostics)


def check_condition(
    source: Source, known: Known, definitions: Sequence[Source] = ()
) -> Condition | tuple[Diagnostic, ...]:
    """A condition by itself, with the lists and macros of ``definitions``; or its errors. Never raises."""
    parsed = [parse(each) for each in definitions]
    statements = [statement for each in parsed for statement in each.file.statements]
    scope, problems = collect(statements, known, frozenset())
    problems += [problem for each in parsed for problem in each.diagnostics]
    written = parse_condition(source)
    if isinstance(written, tuple):
        return (*problems, *written)
    condition = Resolver(scope, problems).resolve(written)
    errors = tuple(each for each in problems if each.severity is Severity.ERROR)
    return errors if condition is None or errors else condition


class _Checker:
    """Checks the routes of one program."""

    def __init__(self, scope: Scope, problems: list[Diagnostic]) -> None:
        self._scope = scope
        self._problems = problems
        self._resolver = Resolver(scope, problems)

    def program(self, statements: Sequence[syntax.Statement]) -> Program:
        """Every route, as far as it could be checked."""
        self._resolver.check_macros()
        routes: list[Route] = []
        names: dict[str, Span] = {}
        otherwise: syntax.RouteStatement | None = None
        channels: tuple[str, ...] = ()
        for statement in statements:
            if not isinstance(statement, syntax.RouteStatement):
                continue
            if statement.name is None:
                if otherwise is not None:
                    self._repeated("otherwise", statement.head, otherwise.head)
                otherwise = statement
                channels = self._otherwise(statement)
            else:
                first = names.setdefault(statement.name.text, statement.name.span)
                if first is not statement.name.span:
                    self._same_name(statement.name, first)
                routes.append(self._route(statement.name, statement))
        self._find_shadowed(routes)
        return Program(tuple(routes), channels)

    def _route(self, name: syntax.Word, statement: syntax.RouteStatement) -> Route:
        clauses = statement.clauses
        self._find_repeated(clauses)
        when = next((clause for clause in clauses if isinstance(clause, syntax.When)), None)
        said = {clause.keyword: clause.value for clause in clauses if isinstance(clause, syntax.Say)}
        flags = {clause.keyword for clause in clauses if isinstance(clause, syntax.Flag)}
        to = self._channels(clauses)
        drop = "drop" in flags
        if drop:
            self._find_useless(clauses)
        elif not to and not any(isinstance(clause, syntax.To) for clause in clauses):
            hint = "add `to CHANNEL`, or `drop` to send nothing"
            self._tell(Code.NO_DESTINATION, f'route "{name.text}" goes nowhere', statement.head, hint)
        return Route(
            name.text,
            None if when is None else self._resolver.resolve(when.condition),
            to,
            self._severity(said.get("severity")),
            self._template(said.get("title")),
            self._template(said.get("message")),
            drop,
            "stop" in flags,
            statement.head,
        )

    def _otherwise(self, statement: syntax.RouteStatement) -> tuple[str, ...]:
        for clause in statement.clauses:
            keyword = _keyword(clause)
            if keyword not in _OTHERWISE_TAKES:
                self._tell(
                    Code.MISPLACED_CLAUSE,
                    f"`otherwise` takes no `{keyword}`",
                    clause.span,
                    "only `to CHANNEL`; for more, write a route",
                )
        to = self._channels(statement.clauses)
        if not to and not any(isinstance(clause, syntax.To) for clause in statement.clauses):
            self._tell(Code.NO_DESTINATION, "`otherwise` goes nowhere", statement.head, "add `to CHANNEL`")
        return to

    def _channels(self, clauses: Sequence[syntax.Clause]) -> tuple[str, ...]:
        """Every channel once, in order."""
        words = [word for clause in clauses if isinstance(clause, syntax.To) for word in clause.channels]
        known = self._scope.known.channels
        for word in words:
            if known is not None and word.text not in known:
                hint = did_you_mean(word.text, known) or f"the config has {', '.join(sorted(known)) or 'none'}"
                self._tell(Code.UNKNOWN_CHANNEL, f"unknown channel `{word.text}`", word.span, hint)
        return tuple(dict.fromkeys(word.text for word in words))

    def _severity(self, word: syntax.Word | None) -> Priority | None:
        if word is None:
            return None
        priority = parse_priority(word.text)
        if priority is None:
            hint = did_you_mean(word.text, _PRIORITIES) or f"one of {', '.join(_PRIORITIES)}"
            self._tell(Code.UNKNOWN_PRIORITY, f"`{word.text}` is no severity", word.span, hint)
        return priority

    def _template(self, word: syntax.Word | None) -> str | None:
        if word is None:
            return None
        template = parse_template(word.text)
        if template.stray:
            self._tell(Code.BAD_TEMPLATE, "a `%` that names no field", word.span, "for a percent sign: %%")
        for slot in template.slots:
            problem = self._slot_problem(slot.name, word.span)
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
            if keyword in first and keyword != "to":
                self._repeated(keyword, clause.span, first[keyword])
            first.setdefault(keyword, clause.span)

    def _find_useless(self, clauses: Sequence[syntax.Clause]) -> None:
        for clause in clauses:
            if _keyword(clause) in _SENDING:
                self._tell(
                    Code.DROP_AND_TO, f"`drop` sends nothing, so `{_keyword(clause)}` has no use", clause.span,
                    "remove one of the two",
                )  # fmt: skip

    def _find_shadowed(self, routes: Sequence[Route]) -> None:
        for index, route in enumerate(routes):
            if route.when is None and (route.stop or route.drop):
                for later in routes[index + 1 :]:
                    self._problems.append(
                        Diagnostic(
                            Code.SHADOWED_ROUTE,
                            f'route "{later.name}" sees no alert',
                            later.span,
                            "move it before the one that stops everything",
                            ((f'"{route.name}" stops every alert', route.span),),
                        )
                    )
                return

    def _same_name(self, name: syntax.Word, first: Span) -> None:
        self._problems.append(
            Diagnostic(
                Code.DUPLICATE_NAME,
                f'two routes are named "{name.text}"',
                name.span,
                "the history tells routes apart by their names; choose another",
                (("first here", first),),
            )
        )

    def _repeated(self, keyword: str, span: Span, first: Span) -> None:
        self._problems.append(
            Diagnostic(Code.REPEATED_CLAUSE, f"`{keyword}` is said twice", span, "keep one", (("first here", first),))
        )

    def _tell(self, code: Code, message: str, span: Span, hint: str) -> None:
        self._problems.append(Diagnostic(code, message, span, hint))


def _keyword(clause: syntax.Clause) -> str:
    match clause:
        case syntax.When():
            return "when"
        case syntax.To():
            return "to"
        case _:
            return clause.keyword
