"""Collects files and their imports, each file once, imports before the importing file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, nothing_in, read_rules, read_together
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Parsed, parse

Parse = Callable[[SourceText], Parsed]
"""Parses a file. Editors use one that remembers what has not changed."""
Read = Callable[[str, str], SourceText | str]
"""Reads an import: from the importing path and the name as written to the file, or an error message."""
_MAX_IMPORT_DEPTH = 50
_YAML = (".yaml", ".yml")


def read_nothing(_importer: str, written: str) -> SourceText | str:
    """Reject all imports. For text that is not a file."""
    return f"`{written}` cannot be imported here"


@dataclass(slots=True)
class RouteFile:
    """A file with its imports."""

    source: SourceText
    parsed: Parsed
    imports: list[tuple[syntax.Import, RouteFile]] = field(default_factory=list)
    incomplete: bool = False
    """Whether one of its imports cannot be read."""
    tables: dict[str, SourceText] = field(default_factory=dict)
    """The files of its ``table`` statements that can be read, by the table's name."""
    rules: FalcoRules | None = None
    """The rules of its ``import falco`` statements, and of those in imported files."""


@dataclass(slots=True)
class Gathered:
    """All files of a program, in the order of their routes."""

    read: Read
    rules: FalcoRules | None = None
    """Falco's rules that every file knows without importing them."""
    parse: Parse = parse
    files: dict[str, RouteFile] = field(default_factory=dict)
    sources: dict[str, SourceText] = field(default_factory=dict)
    """Every text that a diagnostic may point to, by path."""
    problems: list[Diagnostic] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def add(self, source: SourceText) -> RouteFile:
        """Add a file after its imports."""
        known = self.files.get(source.path)
        if known is not None:
            return known
        self.sources[source.path] = source
        file = RouteFile(source, self.parse(source))
        self.problems += file.parsed.diagnostics
        self._open.append(source.path)
        self._follow(file)
        self._open.pop()
        self.files[source.path] = file
        return file

    def _follow(self, file: RouteFile) -> None:
        falco: list[tuple[syntax.Import, SourceText]] = []
        for statement in file.parsed.file.statements:
            if isinstance(statement, syntax.TableStatement):
                self._read_table(file, statement)
            if not isinstance(statement, syntax.Import):
                continue
            rules = statement.falco or statement.path.text.endswith(_YAML)
            if rules and not statement.falco:
                self._not_a_route_file(statement)
            found = self._found(file, statement)
            if found is None:
                file.incomplete = True
                continue
            if rules:
                falco.append((statement, found))
            else:
                file.imports.append((statement, self.add(found)))
        before = [self.rules, *(imported.rules for _, imported in file.imports)]
        known = [rules for rules in before if rules is not None]
        if known or falco:
            self._take_rules(file, known, falco)

    def _read_table(self, file: RouteFile, statement: syntax.TableStatement) -> None:
        found = self.read(file.source.path, statement.path.text)
        if isinstance(found, str):
            self._wrong(statement, found, "paths are relative to this file")
        else:
            self.sources[found.path] = file.tables[statement.name.text] = found

    def _not_a_route_file(self, statement: syntax.Import) -> None:
        span = statement.path.span
        self.problems.append(
            Diagnostic(
                Code.CANNOT_IMPORT,
                f"`{statement.path.text}` is not a .route file",
                span,
                f'for rules of Falco: import falco "{statement.path.text}"',
                fix=Fix(span.start, span.start, "falco ", certain=True),
            )
        )

    def _take_rules(
        self, file: RouteFile, known: Sequence[FalcoRules], falco: Sequence[tuple[syntax.Import, SourceText]]
    ) -> None:
        rules = read_together(known, [source for _, source in falco])
        for statement, source in falco:
            if why := nothing_in(source):
                self.problems.append(
                    Diagnostic(
                        Code.NOTHING_IMPORTED,
                        f"{source.path} {why}",
                        statement.path.span,
                        "import the file that contains Falco's rules",
                    )
                )
        if not isinstance(rules, str):
            file.rules = rules
            return
        for statement, source in falco:
            result = read_rules((source,))
            if isinstance(result, str):
                file.incomplete = True
                self._wrong(statement, result, "import a rules file of Falco")

    def _found(self, file: RouteFile, statement: syntax.Import) -> SourceText | None:
        found = self.read(file.source.path, statement.path.text)
        if isinstance(found, str):
            self._wrong(statement, found, "paths are relative to this file")
            return None
        if found.path in self._open:
            cycle = " → ".join([*self._open[self._open.index(found.path) :], found.path])
            self.problems.append(Diagnostic(Code.CYCLE, f"import cycle: {cycle}", statement.span))
            return None
        if len(self._open) > _MAX_IMPORT_DEPTH:
            message = f"imports are nested more than {_MAX_IMPORT_DEPTH} levels deep"
            self.problems.append(Diagnostic(Code.CYCLE, message, statement.span))
            return None
        return found

    def _wrong(self, statement: syntax.Import | syntax.TableStatement, message: str, hint: str) -> None:
        self.problems.append(Diagnostic(Code.CANNOT_IMPORT, message, statement.path.span, hint))


def gather(
    sources: Sequence[SourceText], read: Read, rules: FalcoRules | None = None, parse: Parse = parse
) -> Gathered:
    """Collect files and their imports. ``rules`` are Falco's rules that every file knows. Never raises."""
    gathered = Gathered(read, rules, parse)
    for source in sources:
        gathered.add(source)
    return gathered
