"""Checks ``.route`` files: returns the program and the problems of all files in one run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.language.checker.build_scopes import join, make_scopes, unused
from bridge.language.checker.files import Gathered, Parse, Read, RouteFile, gather, read_nothing
from bridge.language.checker.resolve import Resolver
from bridge.language.checker.route_check import RouteChecker
from bridge.language.checker.scope import FALCO_MACRO_PREFIX, FalcoMacro, Known, Scope
from bridge.language.checker.tables import all_tables
from bridge.language.checker.test_check import CaseChecker
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.condition import Condition
from bridge.language.program.program import Program, Redaction, Route
from bridge.language.program.table import TableChannel
from bridge.language.program.test_case import TestCase
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse, parse_condition

_OTHERWISE = "otherwise"
_MAX_WHERE_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check."""

    program: Program | None
    """None if there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place."""
    tests: tuple[TestCase, ...] = ()
    sources: Mapping[str, SourceText] = field(default_factory=dict)
    """The text of every file that was read, including imports, and of Falco's macros, by path."""
    gathered: Gathered | None = None
    understood: tuple[Route, ...] = ()
    """The routes whose conditions and schedules are valid, even if the program has other errors."""

    @property
    def errors(self) -> int:
        """The number of diagnostics that are errors."""
        return sum(each.severity is Severity.ERROR for each in self.diagnostics)

    def macro_at(self, span: Span) -> str | None:
        """The name of the macro that contains this place, or None."""
        if span.path.startswith(FALCO_MACRO_PREFIX):
            return span.path.removeprefix(FALCO_MACRO_PREFIX)
        file = None if self.gathered is None else self.gathered.files.get(span.path)
        for statement in () if file is None else file.parsed.file.statements:
            whole = statement.span
            if isinstance(statement, syntax.MacroStatement) and whole.start <= span.start and span.end <= whole.end:
                return statement.name.text
        return None


def check(sources: Sequence[SourceText], known: Known, read: Read = read_nothing, parse: Parse = parse) -> Checked:
    """Check files as one program, in this order, with the files that they import through ``read``. Never raises."""
    gathered = gather(sources, read, known.rules, parse)
    files = list(gathered.files.values())
    scopes, problems = make_scopes(files, known)
    problems = [*gathered.problems, *problems]
    checker = _Checker(scopes, problems, _guesses(files))
    program = checker.program(files)
    tests = checker.tests(files)
    if not gathered.problems:  # a file that cannot be read may use them
        problems += unused(files, scopes)
    diagnostics = tuple(sorted(_without_noise(problems), key=by_place))
    failed = any(each.severity is Severity.ERROR for each in diagnostics)
    texts = {**gathered.sources, **_falco_macros(scopes)}
    return Checked(None if failed else program, diagnostics, tests, texts, gathered, tuple(checker.understood))


def check_condition(
    source: SourceText, known: Known, definitions: Sequence[SourceText] | Gathered = (), read: Read = read_nothing
) -> Condition | tuple[Diagnostic, ...]:
    """Check a condition with the names that ``definitions`` define. Returns the errors, if any. Never raises."""
    gathered = definitions if isinstance(definitions, Gathered) else gather(definitions, read, known.rules)
    if not gathered.files:
        gathered.add(SourceText(source.path, ""))
    scopes, problems = make_scopes(list(gathered.files.values()), known)
    problems = [*gathered.problems, *problems]
    scope = join(scopes, known, Span(source.path, 0, len(source.text), 1, 1), problems)
    written = parse_condition(source)
    if isinstance(written, tuple):
        return (*problems, *written)
    condition = Resolver(scope, problems).resolve(written)
    errors = tuple(each for each in problems if each.severity is Severity.ERROR)
    return errors if condition is None or errors else condition


def _guesses(files: Sequence[RouteFile]) -> frozenset[tuple[str, int]]:
    """The places of syntax errors that were repaired as they were probably meant."""
    return frozenset(
        (each.span.path, at)
        for file in files
        for each in file.parsed.diagnostics
        if each.fix is not None and not each.fix.certain
        for at in (each.span.start, each.fix.start)
    )


def _without_noise(problems: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Each problem once, without those of a place that a syntax error has."""
    places = [each.span for each in problems if each.code is Code.SYNTAX]
    return [
        each
        for each in dict.fromkeys(problems)
        if each.code is Code.SYNTAX
        or not any(
            place.path == each.span.path and place.start < each.span.end and each.span.start < place.end
            for place in places
        )
    ]


def _falco_macros(scopes: Mapping[str, Scope]) -> dict[str, SourceText]:
    macros = (each for scope in scopes.values() for each in scope.definitions.values() if isinstance(each, FalcoMacro))
    return {macro.source.path: macro.source for macro in macros}


class _Checker:
    """Checks the files of one program."""

    def __init__(
        self, scopes: Mapping[str, Scope], problems: list[Diagnostic], guesses: Collection[tuple[str, int]]
    ) -> None:
        self._scopes = scopes
        self._problems = problems
        self._guesses = guesses
        self._guessed = False
        """Whether the present statement was repaired as it was probably meant."""
        self._checkers = {path: RouteChecker(scope, problems) for path, scope in scopes.items()}
        self._routes: list[Route] = []
        self.understood: list[Route] = []
        self._names: dict[str, Span] = {}
        self._otherwise: syntax.RouteStatement | None = None
        self._channels: tuple[str, ...] = ()
        self._channel_tables: tuple[TableChannel, ...] = ()
        self._redactions: list[Redaction] = []

    def program(self, files: Sequence[RouteFile]) -> Program:
        """The program, as far as it is valid."""
        for file in files:
            checker = self._checkers[file.source.path]
            for statement in file.parsed.file.statements:
                checker.check_definition(statement)
            for statement in file.parsed.file.statements:
                self._statement(checker, statement)
        tables = all_tables(self._scopes, self._problems)
        return Program(tuple(self._routes), self._channels, tuple(self._redactions), tables, self._channel_tables)

    def tests(self, files: Sequence[RouteFile]) -> tuple[TestCase, ...]:
        """All tests. Call after ``program``, which collects the names of routes."""
        return tuple(self._cases(files))

    def _cases(self, files: Sequence[RouteFile]) -> Iterator[TestCase]:
        names = {*self._names, _OTHERWISE}.union(*(file.parsed.broken_routes for file in files))
        first: dict[str, Span] = {}
        for file in files:
            checker = CaseChecker(self._checkers[file.source.path], names, self._problems)
            for statement in file.parsed.file.statements:
                if isinstance(statement, syntax.TestStatement):
                    if first.setdefault(statement.name.text, statement.name.span) is not statement.name.span:
                        self._duplicate_name("test", statement.name, first[statement.name.text])
                    yield checker.case(statement)

    def _statement(self, checker: RouteChecker, statement: syntax.Statement) -> None:
        span = statement.span
        self._guessed = any(path == span.path and span.start <= at <= span.end for path, at in self._guesses)
        match statement:
            case syntax.WhereStatement():
                self._where(checker, statement, ())
            case syntax.RouteStatement(name=None):
                self._otherwise_of(checker, statement)
            case syntax.RouteStatement():
                self._route(checker, statement, ())
            case syntax.RedactStatement():
                redaction = checker.redaction(statement)
                if redaction is not None:
                    self._redactions.append(redaction)
            case _:
                pass

    def _where(
        self, checker: RouteChecker, statement: syntax.WhereStatement, enclosing: tuple[Condition | None, ...]
    ) -> None:
        if len(enclosing) == _MAX_WHERE_DEPTH:
            self._problems.append(
                Diagnostic(
                    Code.TOO_DEEP,
                    f"`where` is nested more than {_MAX_WHERE_DEPTH} levels deep",
                    statement.condition.span,
                )
            )
            return
        inner = (*enclosing, checker.resolver.resolve(statement.condition))
        for each in statement.body:
            if isinstance(each, syntax.WhereStatement):
                self._where(checker, each, inner)
            else:
                self._route(checker, each, inner)

    def _route(
        self, checker: RouteChecker, statement: syntax.RouteStatement, enclosing: tuple[Condition | None, ...]
    ) -> None:
        assert statement.name is not None
        first = self._names.setdefault(statement.name.text, statement.name.span)
        if first is not statement.name.span:
            self._duplicate_name("route", statement.name, first)
        elif statement.name.text == _OTHERWISE:
            self._problems.append(
                Diagnostic(Code.RESERVED_NAME, "a route cannot be named `otherwise`", statement.name.span,
                           "write: otherwise { to … }")
            )  # fmt: skip
        route = checker.route(statement, enclosing)
        self._routes.append(route)
        if checker.understood and not self._guessed:
            self.understood.append(route)

    def _otherwise_of(self, checker: RouteChecker, statement: syntax.RouteStatement) -> None:
        if self._otherwise is not None:
            self._problems.append(
                Diagnostic(
                    Code.REPEATED_CLAUSE,
                    "`otherwise` is given twice",
                    statement.head,
                    "remove one",
                    (("first given here", self._otherwise.head),),
                )
            )
        self._otherwise = statement
        self._channels, self._channel_tables = checker.otherwise(statement)

    def _duplicate_name(self, what: str, name: syntax.Word, first: Span) -> None:
        self._problems.append(
            Diagnostic(
                Code.DUPLICATE_NAME,
                f'{what} name "{name.text}" is used twice',
                name.span,
                "choose another name",
                (("first used here", first),),
            )
        )
