"""From ``.route`` files to a checked program, with every problem of every file in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.language.checker.files import Gathered, Read, RouteFile, gather, read_nothing
from bridge.language.checker.resolve import Resolver
from bridge.language.checker.route_check import RouteChecker
from bridge.language.checker.scope import FALCOS, FalcoMacro, Known, Scope, join, make_scopes, unused
from bridge.language.checker.test_check import CaseChecker
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.condition import Condition
from bridge.language.program.program import Program, Redaction, Route
from bridge.language.program.test_case import TestCase
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse_condition

_OTHERWISE = "otherwise"
_MOST_WHERES = 50


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to."""

    program: Program | None
    """None where there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place."""
    tests: tuple[TestCase, ...] = ()
    sources: Mapping[str, SourceText] = field(default_factory=dict)
    """The text of every file that was read, the imported ones too, by path; and of Falco's macros."""
    gathered: Gathered | None = None
    understood: tuple[Route, ...] = ()
    """The routes of which it is known when they act, whatever else is wrong with them or with others."""

    @property
    def errors(self) -> int:
        """How many of them keep the program from running."""
        return sum(each.severity is Severity.ERROR for each in self.diagnostics)

    def macro_at(self, span: Span) -> str | None:
        """The macro within which something stands, if it stands in one."""
        if span.path.startswith(FALCOS):
            return span.path.removeprefix(FALCOS)
        file = None if self.gathered is None else self.gathered.files.get(span.path)
        for statement in () if file is None else file.parsed.file.statements:
            of = statement.span
            if isinstance(statement, syntax.MacroStatement) and of.start <= span.start and span.end <= of.end:
                return statement.name.text
        return None


def check(sources: Sequence[SourceText], known: Known, read: Read = read_nothing) -> Checked:
    """Check files that belong together, in this order, and what they import by ``read``. Never raises."""
    gathered = gather(sources, read, known.rules)
    files = list(gathered.files.values())
    scopes, problems = make_scopes(files, known)
    problems = [*gathered.problems, *problems]
    checker = _Checker(scopes, problems)
    program = checker.program(files)
    tests = checker.tests(files)
    if not gathered.problems:  # what could not be read may have used them
        problems += unused(files, scopes)
    diagnostics = tuple(sorted(dict.fromkeys(problems), key=by_place))
    failed = any(each.severity is Severity.ERROR for each in diagnostics)
    texts = {**gathered.sources, **_falcos_macros(scopes)}
    return Checked(None if failed else program, diagnostics, tests, texts, gathered, tuple(checker.understood))


def check_condition(
    source: SourceText, known: Known, definitions: Sequence[SourceText] = (), read: Read = read_nothing
) -> Condition | tuple[Diagnostic, ...]:
    """A condition by itself, with the names that ``definitions`` define; or its errors. Never raises."""
    gathered = gather(definitions or (SourceText(source.path, ""),), read, known.rules)
    scopes, problems = make_scopes(list(gathered.files.values()), known)
    problems = [*gathered.problems, *problems]
    scope = join(scopes, known, Span(source.path, 0, len(source.text), 1, 1), problems)
    written = parse_condition(source)
    if isinstance(written, tuple):
        return (*problems, *written)
    condition = Resolver(scope, problems).resolve(written)
    errors = tuple(each for each in problems if each.severity is Severity.ERROR)
    return errors if condition is None or errors else condition


def _falcos_macros(scopes: Mapping[str, Scope]) -> dict[str, SourceText]:
    macros = (each for scope in scopes.values() for each in scope.definitions.values() if isinstance(each, FalcoMacro))
    return {macro.source.path: macro.source for macro in macros}


class _Checker:
    """Checks the files of one program, one after another."""

    def __init__(self, scopes: Mapping[str, Scope], problems: list[Diagnostic]) -> None:
        self._problems = problems
        self._checkers = {path: RouteChecker(scope, problems) for path, scope in scopes.items()}
        self._routes: list[Route] = []
        self.understood: list[Route] = []
        self._names: dict[str, Span] = {}
        self._otherwise: syntax.RouteStatement | None = None
        self._channels: tuple[str, ...] = ()
        self._redactions: list[Redaction] = []

    def program(self, files: Sequence[RouteFile]) -> Program:
        """Every route, as far as it could be checked."""
        for file in files:
            checker = self._checkers[file.source.path]
            for statement in file.parsed.file.statements:
                checker.named_part(statement)
            for statement in file.parsed.file.statements:
                self._statement(checker, statement)
        return Program(tuple(self._routes), self._channels, tuple(self._redactions))

    def tests(self, files: Sequence[RouteFile]) -> tuple[TestCase, ...]:
        """Every test; by then all routes are known."""
        return tuple(self._cases(files))

    def _cases(self, files: Sequence[RouteFile]) -> Iterator[TestCase]:
        names = {*self._names, _OTHERWISE}.union(*(file.parsed.broken_routes for file in files))
        first: dict[str, Span] = {}
        for file in files:
            checker = CaseChecker(self._checkers[file.source.path], names, self._problems)
            for statement in file.parsed.file.statements:
                if isinstance(statement, syntax.TestStatement):
                    if first.setdefault(statement.name.text, statement.name.span) is not statement.name.span:
                        self._same_name("tests", statement.name, first[statement.name.text])
                    yield checker.case(statement)

    def _statement(self, checker: RouteChecker, statement: syntax.Statement) -> None:
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
        self, checker: RouteChecker, statement: syntax.WhereStatement, around: tuple[Condition | None, ...]
    ) -> None:
        if len(around) == _MOST_WHERES:
            self._problems.append(
                Diagnostic(
                    Code.TOO_DEEP, f"more than {_MOST_WHERES} `where` within each other", statement.condition.span
                )
            )
            return
        inner = (*around, checker.resolver.resolve(statement.condition))
        for each in statement.body:
            if isinstance(each, syntax.WhereStatement):
                self._where(checker, each, inner)
            else:
                self._route(checker, each, inner)

    def _route(
        self, checker: RouteChecker, statement: syntax.RouteStatement, around: tuple[Condition | None, ...]
    ) -> None:
        assert statement.name is not None
        first = self._names.setdefault(statement.name.text, statement.name.span)
        if first is not statement.name.span:
            self._same_name("routes", statement.name, first)
        elif statement.name.text == _OTHERWISE:
            self._problems.append(
                Diagnostic(Code.RESERVED_NAME, "a route cannot be named `otherwise`", statement.name.span,
                           "write: otherwise { to … }")
            )  # fmt: skip
        route = checker.route(statement, around)
        self._routes.append(route)
        if checker.understood:
            self.understood.append(route)

    def _otherwise_of(self, checker: RouteChecker, statement: syntax.RouteStatement) -> None:
        if self._otherwise is not None:
            self._problems.append(
                Diagnostic(
                    Code.REPEATED_CLAUSE,
                    "`otherwise` is said twice",
                    statement.head,
                    "keep one",
                    (("first here", self._otherwise.head),),
                )
            )
        self._otherwise = statement
        self._channels = checker.otherwise(statement)

    def _same_name(self, what: str, name: syntax.Word, first: Span) -> None:
        self._problems.append(
            Diagnostic(
                Code.DUPLICATE_NAME,
                f'two {what} are named "{name.text}"',
                name.span,
                "the history tells them apart by their names; choose another",
                (("first here", first),),
            )
        )
