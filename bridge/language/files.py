"""The files that belong together: what each imports, every one once, imports before the importer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.language import syntax
from bridge.language.diagnostic import Code, Diagnostic
from bridge.language.falco_rules import FalcoRules, read_rules
from bridge.language.parser import Parsed, parse
from bridge.language.source import Source

Read = Callable[[str, str], Source | str]
"""Gives the file that the one at a path imports under a name, or a sentence why not."""
_DEEPEST = 50


def read_nothing(_importer: str, written: str) -> Source | str:
    """For text that stands alone."""
    return f"`{written}` cannot be imported here"


@dataclass(slots=True)
class RouteFile:
    """One file with what it imports."""

    source: Source
    parsed: Parsed
    imports: list[tuple[syntax.Import, RouteFile]] = field(default_factory=list)
    rules: FalcoRules | None = None
    """What its ``import falco`` statements bring, all of them together."""


@dataclass(slots=True)
class Gathered:
    """All files, in the order of their routes."""

    read: Read
    files: dict[str, RouteFile] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    """Every text that a diagnostic may point into, by path."""
    problems: list[Diagnostic] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def add(self, source: Source) -> RouteFile:
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
        falco: list[Source] = []
        for statement in file.parsed.file.statements:
            if not isinstance(statement, syntax.Import):
                continue
            found = self._found(file, statement)
            if found is None:
                continue
            if statement.falco:
                falco.append(found)
            else:
                file.imports.append((statement, self.add(found)))
        if falco:
            rules = read_rules(tuple(falco))
            if isinstance(rules, str):
                first = next(each for each in file.parsed.file.statements if isinstance(each, syntax.Import))
                self._wrong(first, rules, "give a rules file of Falco's")
            else:
                file.rules = rules

    def _found(self, file: RouteFile, statement: syntax.Import) -> Source | None:
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


def gather(sources: Sequence[Source], read: Read) -> Gathered:
    """These files and all that they import. Never raises."""
    gathered = Gathered(read)
    for source in sources:
        gathered.add(source)
    return gathered
