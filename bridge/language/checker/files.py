"""The files that belong together: what each imports, every one once, imports before the importer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.rules import FalcoRules, read_rules, read_together
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Parsed, parse

Read = Callable[[str, str], SourceText | str]
"""Gives the file that the one at a path imports under a name, or a sentence why not."""
_DEEPEST = 50
_YAML = (".yaml", ".yml")


def read_nothing(_importer: str, written: str) -> SourceText | str:
    """For text that stands alone."""
    return f"`{written}` cannot be imported here"


@dataclass(slots=True)
class RouteFile:
    """One file with what it imports."""

    source: SourceText
    parsed: Parsed
    imports: list[tuple[syntax.Import, RouteFile]] = field(default_factory=list)
    rules: FalcoRules | None = None
    """What its ``import falco`` statements bring, added to what it imports of Falco's by way of others."""


@dataclass(slots=True)
class Gathered:
    """All files, in the order of their routes."""

    read: Read
    rules: FalcoRules | None = None
    """Falco's, as every file knows them before it imports any."""
    files: dict[str, RouteFile] = field(default_factory=dict)
    sources: dict[str, SourceText] = field(default_factory=dict)
    """Every text that a diagnostic may point into, by path."""
    problems: list[Diagnostic] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def add(self, source: SourceText) -> RouteFile:
        """A file and, before it, what it imports."""
        known = self.files.get(source.path)
        if known is not None:
            return known
        self.sources[source.path] = source
        file = RouteFile(source, parse(source))
        self.problems += file.parsed.diagnostics
        self._open.append(source.path)
        self._follow(file)
        self._open.pop()
        self.files[source.path] = file
        return file

    def _follow(self, file: RouteFile) -> None:
        falco: list[tuple[syntax.Import, SourceText]] = []
        for statement in file.parsed.file.statements:
            if not isinstance(statement, syntax.Import):
                continue
            if not statement.falco and statement.path.text.endswith(_YAML):
                self._wrong(statement, f"`{statement.path.text}` is no .route file", "Falco's rules: import falco …")
                continue
            found = self._found(file, statement)
            if found is None:
                continue
            if statement.falco:
                falco.append((statement, found))
            else:
                file.imports.append((statement, self.add(found)))
        before = [self.rules, *(imported.rules for _, imported in file.imports)]
        known = [rules for rules in before if rules is not None]
        if known or falco:
            self._take_rules(file, known, falco)

    def _take_rules(
        self, file: RouteFile, known: Sequence[FalcoRules], falco: Sequence[tuple[syntax.Import, SourceText]]
    ) -> None:
        rules = read_together(known, [source for _, source in falco])
        if not isinstance(rules, str):
            file.rules = rules
            return
        for statement, source in falco:
            said = read_rules((source,))
            if isinstance(said, str):
                self._wrong(statement, said, "give a rules file of Falco's")

    def _found(self, file: RouteFile, statement: syntax.Import) -> SourceText | None:
        found = self.read(file.source.path, statement.path.text)
        if isinstance(found, str):
            self._wrong(statement, found, "the path is relative to this file")
            return None
        if found.path in self._open or len(self._open) > _DEEPEST:
            circle = " → ".join([*self._open[self._open.index(found.path) :], found.path] if found.path in self._open
                                else self._open[-3:])  # fmt: skip
            self.problems.append(
                Diagnostic(Code.CYCLE, f"this import comes back to its own file: {circle}", statement.span)
            )
            return None
        return found

    def _wrong(self, statement: syntax.Import, message: str, hint: str) -> None:
        self.problems.append(Diagnostic(Code.CANNOT_IMPORT, message, statement.path.span, hint))


def gather(sources: Sequence[SourceText], read: Read, rules: FalcoRules | None = None) -> Gathered:
    """These files and all that they import; ``rules`` are Falco's that all of them know. Never raises."""
    gathered = Gathered(read, rules)
    for source in sources:
        gathered.add(source)
    return gathered
