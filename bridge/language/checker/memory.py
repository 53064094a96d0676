"""What a check found, for the next check of the same files after a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.language.checker.build_scopes import make_scopes
from bridge.language.checker.changes import changed_names
from bridge.language.checker.file_check import FileChecker
from bridge.language.checker.files import RouteFile
from bridge.language.checker.scope import FalcoMacro, Key, Known, NameKind, Scope
from bridge.language.checker.tables import all_tables
from bridge.language.diagnostics.diagnostic import Diagnostic
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules
from bridge.language.program.table import Table
from bridge.language.syntax import tree as syntax

_DEFINING = (
    syntax.Import, syntax.ListStatement, syntax.MacroStatement, syntax.ScheduleStatement, syntax.TemplateStatement,
    syntax.TableStatement,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the files of a program can use."""

    scopes: Mapping[str, Scope]
    """By path."""
    problems: Sequence[Diagnostic]
    tables: tuple[Table, ...]
    falco_macros: Mapping[str, SourceText]
    """The texts of Falco's macros, by the path that diagnostics give."""


@dataclass(frozen=True, slots=True)
class _Defined:
    """What the names of a file depend on."""

    path: str
    statements: tuple[syntax.Statement, ...]
    imports: tuple[str, ...]
    incomplete: bool
    tables: Mapping[str, SourceText]
    rules: FalcoRules | None

    def same(self, other: _Defined) -> bool:
        """Whether the names are the same. The statements must be the same objects, whose places are up to date."""
        return (
            (self.path, self.imports, self.incomplete) == (other.path, other.imports, other.incomplete)
            and len(self.statements) == len(other.statements)
            and all(one is two for one, two in zip(self.statements, other.statements, strict=True))
            and self.tables == other.tables
            and self.rules == other.rules
        )


@dataclass(slots=True)
class CheckMemory:
    """The names and results of the last check. One memory belongs to one program, as it is edited."""

    checkers: dict[str, FileChecker] = field(default_factory=dict)
    """By the path of the file."""
    _names: Names | None = None
    _known: Known | None = None
    _broken: frozenset[str] = frozenset()
    _defined: tuple[_Defined, ...] = ()
    _routes: tuple[str, ...] = ()

    def prepare(self, files: Sequence[RouteFile], known: Known) -> Names:
        """Prepare for a check of these files: the names that they can use, and what still holds of the last check."""
        broken = frozenset[str]().union(*(file.parsed.broken_names for file in files))
        defined = tuple(_defined(file) for file in files)
        before = self._names
        if (
            before is not None
            and (known, broken) == (self._known, self._broken)
            and len(defined) == len(self._defined)
            and all(now.same(then) for now, then in zip(defined, self._defined, strict=True))
        ):
            for checker in self.checkers.values():
                checker.take_over(checker, frozenset())
            return before
        names = _make(files, known)
        checkers = {path: FileChecker(scope) for path, scope in names.scopes.items()}
        for path, checker in checkers.items():
            if before is not None and path in before.scopes:
                changed = changed_names(before.scopes[path], names.scopes[path])
                if changed is not None:
                    checker.take_over(self.checkers[path], changed)
        self.checkers, self._names, self._known = checkers, names, known
        self._broken, self._defined = broken, defined
        return names

    def set_routes(self, names: tuple[str, ...]) -> None:
        """Set the names of all routes. Tests that name others than before are checked again."""
        if names != self._routes:
            changed: set[Key] = {(NameKind.ROUTE, name) for name in {*names} ^ {*self._routes}}
            changed.add((NameKind.ROUTE, ""))
            for checker in self.checkers.values():
                checker.forget(changed)
        self._routes = names


def _defined(file: RouteFile) -> _Defined:
    statements = tuple(each for each in file.parsed.file.statements if isinstance(each, _DEFINING))
    imports = tuple(imported.source.path for _, imported in file.imports)
    return _Defined(file.source.path, statements, imports, file.incomplete, file.tables, file.rules)


def _make(files: Sequence[RouteFile], known: Known) -> Names:
    scopes, problems = make_scopes(files, known)
    tables = all_tables(scopes, problems)
    macros = (each for scope in scopes.values() for each in scope.definitions.values() if isinstance(each, FalcoMacro))
    return Names(scopes, problems, tables, {macro.source.path: macro.source for macro in macros})
