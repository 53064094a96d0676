"""Checks ``.route`` files: returns the program and the problems of all files in one run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import category

from bridge.language.checker.build_scopes import join, make_scopes, unused
from bridge.language.checker.conditions.resolve import Resolver
from bridge.language.checker.file_check import CheckedRoute, FileChecker, Otherwise
from bridge.language.checker.files import Gathered, Parse, Read, RouteFile, gather, read_nothing
from bridge.language.checker.memory import CheckMemory
from bridge.language.checker.scope import FALCO_MACRO_PREFIX, Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.condition import Condition
from bridge.language.program.program import Program, Redaction, Route
from bridge.language.program.table import Table
from bridge.language.program.test_case import TestCase
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse, parse_condition

_OTHERWISE = "otherwise"


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
    redactions: tuple[Redaction, ...] = ()
    """The valid ones, even if the program has other errors."""

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


def check(
    sources: Sequence[SourceText],
    known: Known,
    read: Read = read_nothing,
    parse: Parse = parse,
    memory: CheckMemory | None = None,
) -> Checked:
    """Check files as one program, in this order, with the files that they import through ``read``. Never raises.

    ``memory`` makes the next check of the same files with the same memory faster; the result is the same.
    """
    gathered = gather(sources, read, known.rules, parse)
    files = list(gathered.files.values())
    memory = memory or CheckMemory()
    names = memory.prepare(files, known)
    building = _Building(_guesses(files))
    for file in files:
        building.add(memory.checkers[file.source.path], file)
    tests = tuple(building.tests(memory, files))
    problems = [*gathered.problems, *names.problems, *building.problems]
    problems += (each for checker in memory.checkers.values() for each in checker.problems())
    problems += map(_nothing_in, (each for each in files if each.parsed.is_empty))
    if not gathered.problems:  # a file that cannot be read may use them
        problems += unused(files, names.scopes, {path: each.used() for path, each in memory.checkers.items()})
    diagnostics = tuple(sorted(_without_noise(problems), key=by_place))
    failed = any(each.severity is Severity.ERROR for each in diagnostics)
    program = None if failed else building.program(names.tables)
    texts = {**gathered.sources, **names.falco_macros}
    return Checked(program, diagnostics, tests, texts, gathered, tuple(building.understood), tuple(building.redactions))


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


def _nothing_in(file: RouteFile) -> Diagnostic:
    place = Span(file.source.path, 0, 0, 1, 1)
    what = "contains only comments" if file.parsed.comments else "is empty"
    return Diagnostic(
        Code.EMPTY_FILE, f"the file {what}", place, 'routes are written: route "NAME" { when … to CHANNEL }'
    )


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


class _Building:
    """Puts the checked statements of all files together."""

    def __init__(self, guesses: Collection[tuple[str, int]]) -> None:
        self._guesses = guesses
        self.problems: list[Diagnostic] = []
        self.understood: list[Route] = []
        self.redactions: list[Redaction] = []
        self._routes: list[Route] = []
        self._names: dict[str, Span] = {}
        self._otherwise: Otherwise | None = None

    def program(self, tables: tuple[Table, ...]) -> Program:
        """The program, if there are no errors."""
        otherwise = self._otherwise
        channels, columns = ((), ()) if otherwise is None else (otherwise.channels, otherwise.tables)
        return Program(tuple(self._routes), channels, tuple(self.redactions), tables, columns)

    def add(self, checker: FileChecker, file: RouteFile) -> None:
        """Check a file's statements and add its routes."""
        statements = file.parsed.file.statements
        checker.definitions(statements)
        for found in checker.routes(statements):
            for part in found.parts:
                match part:
                    case CheckedRoute():
                        self._route(part, found.statement.span)
                    case Otherwise():
                        self._take_otherwise(part)
                    case Redaction():
                        self.redactions.append(part)

    def tests(self, memory: CheckMemory, files: Sequence[RouteFile]) -> Iterator[TestCase]:
        """All tests. Call it after all files were added, because tests name routes."""
        names = {name: None for file in files for name in sorted(file.parsed.broken_routes)}
        names = {**dict.fromkeys(self._names), _OTHERWISE: None, **names}
        memory.set_routes(tuple(names))
        first: dict[str, Span] = {}
        for file in files:
            for found in memory.checkers[file.source.path].tests(file.parsed.file.statements, names):
                assert isinstance(found.statement, syntax.TestStatement)
                name = found.statement.name
                self._check_characters("test", name)
                if first.setdefault(name.text, name.span) is not name.span:
                    self._duplicate_name("test", name, first[name.text])
                yield from (part for part in found.parts if isinstance(part, TestCase))

    def _route(self, checked: CheckedRoute, span: Span) -> None:
        name = checked.name
        self._check_characters("route", name)
        first = self._names.setdefault(name.text, name.span)
        if first is not name.span:
            self._duplicate_name("route", name, first)
        elif name.text == _OTHERWISE:
            message, hint = "a route cannot be named `otherwise`", "write: otherwise { to … }"
            self.problems.append(Diagnostic(Code.RESERVED_NAME, message, name.span, hint))
        self._routes.append(checked.route)
        if checked.understood and not self._is_guessed(span):
            self.understood.append(checked.route)

    def _is_guessed(self, span: Span) -> bool:
        """Whether the statement was repaired as it was probably meant."""
        return any(path == span.path and span.start <= at <= span.end for path, at in self._guesses)

    def _take_otherwise(self, found: Otherwise) -> None:
        if self._otherwise is not None:
            related = (("first given here", self._otherwise.head),)
            message = "`otherwise` is given twice"
            self.problems.append(Diagnostic(Code.REPEATED_CLAUSE, message, found.head, "remove one", related))
        self._otherwise = found

    def _check_characters(self, what: str, name: syntax.Word) -> None:
        """Names are written to logs, tables, reports and databases, not all of which can store a NUL."""
        if any(category(each) == "Cc" for each in name.text):
            message, hint = f"a {what} name cannot contain control characters", "remove them"
            self.problems.append(Diagnostic(Code.RESERVED_NAME, message, name.span, hint))

    def _duplicate_name(self, what: str, name: syntax.Word, first: Span) -> None:
        message, related = f'{what} name "{name.text}" is used twice', (("first used here", first),)
        self.problems.append(Diagnostic(Code.DUPLICATE_NAME, message, name.span, "choose another name", related))
