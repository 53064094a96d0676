"""The route files that act together, with the texts that are open in an editor, checked as the bridge would."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bridge.config.field_lists import use_field_lists
from bridge.config.load import LoadedConfig, load_config
from bridge.editor.names import Kind, Name, StatementNames, names_of
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Diagnostic, Severity, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import Parsed, parse
from bridge.language.syntax.reparse import reparse, reparse_nearby
from bridge.workbench.route_groups import condition_path
from bridge.workbench.routes import LoadedRoutes, ReadFile, RoutesMemory, import_path, load_routes, read_text_file

CONFIG = "falco-bridge.yaml"
"""The config's name, looked for in the folders above a route file."""


@dataclass(frozen=True, slots=True)
class EditedFile:
    """A route file with its names."""

    source: SourceText
    parsed: Parsed
    by_statement: tuple[StatementNames, ...]
    defined: Mapping[tuple[Kind, str], Span]
    """Where it defines each name."""
    imports: tuple[str, ...]
    """The paths of the route files that it imports."""

    @property
    def names(self) -> Iterator[Name]:
        """All names, by place."""
        return (name for each in self.by_statement for name in each.names)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files that act together, at one moment."""

    files: Mapping[str, EditedFile]
    """By path."""
    known: Known
    channels: Mapping[str, Span]
    """Where the config defines each channel."""
    rules: FalcoRules | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, SourceText]
    """Every text that a diagnostic may point to."""
    roots: tuple[Path, ...]
    """The files that were checked together, without those that they import."""
    loaded: LoadedRoutes
    """The checked routes and tests."""
    labels: Mapping[str, str]
    """The labels of the config."""
    config: Path | None = None
    """The file of the config."""
    conditions: Mapping[str, Span] = field(default_factory=dict)
    """Where the config has the conditions of groups, by what diagnostics have in place of a path."""


@dataclass
class Project:
    """Open texts, and what was read for them. ``config`` is used for every file; None looks for one."""

    config: Path | None = None
    read_file: ReadFile = read_text_file
    """Reads route files and what they import."""
    texts: dict[str, str] = field(default_factory=dict)
    """The texts of open files, by absolute path."""
    _parsed: dict[str, tuple[SourceText, Parsed]] = field(default_factory=dict)
    _inexact: set[str] = field(default_factory=set)
    """The files that were parsed in part: they have a syntax error, or a change that may reach further."""
    _nearby: bool = False
    """Whether only the statements that a change touches are parsed."""
    _edited: dict[str, EditedFile] = field(default_factory=dict)
    _memories: dict[tuple[Path, ...], RoutesMemory] = field(default_factory=dict)
    _configs: dict[Path, tuple[tuple[int, int], LoadedConfig]] = field(default_factory=dict)

    def snapshot(self, path: str, *, advice: bool = True) -> Snapshot:
        """The files that act together with this one, checked.

        Without ``advice`` it takes milliseconds after a change: what an open quote or brace does to the rest of a file
        is not found, and routes are examined for what never matches and the like only if few are new.
        """
        self._nearby = not advice
        config = self._config_of(path)
        if config is not None:
            found = self._checked(config.routes, config.known, config, advice=advice)
            if path in found.files:
                return found
        return self._checked((Path(path),), self._alone(config), config, advice=advice)

    def files_changed(self) -> None:
        """Read configs again: route files may have been added, which a config names by a pattern, or removed."""
        self._configs.clear()

    @property
    def is_exact(self) -> bool:
        """Whether no file must be parsed as a whole for the next snapshot with advice."""
        return not self._inexact

    def parse(self, source: SourceText) -> Parsed:
        """Parse a file, unless its text is as before."""
        path, before = source.path, self._parsed.get(source.path)
        if before is None:
            parsed = parse(source)
        elif self._nearby:
            parsed = before[1]
            if before[0] != source:
                parsed, closed = reparse_nearby(*before, source)
                if not closed or parsed.diagnostics:
                    self._inexact.add(path)
        else:
            parsed = before[1] if before[0] == source else reparse(*before, source)
            if path in self._inexact or (parsed is not before[1] and parsed.diagnostics):
                whole = parse(source)
                parsed = parsed if parsed == whole else whole
            self._inexact.discard(path)
        self._parsed[path] = (source, parsed)
        return parsed

    @staticmethod
    def _alone(config: LoadedConfig | None) -> Known:
        """What a file may use that no config names: it may be a library, or a draft."""
        if config is None or not config.channel_spans:
            return Known(channels=None, labels=None)
        return Known(config.known.channels, config.known.labels, retention_ns=config.known.retention_ns)

    def _checked(self, roots: tuple[Path, ...], known: Known, config: LoadedConfig | None, *, advice: bool) -> Snapshot:
        channels = {} if config is None else config.channel_spans
        if not channels:
            known = Known(None, known.labels, retention_ns=known.retention_ns, groups=known.groups)
        memory = self._memories.setdefault(roots, RoutesMemory())
        loaded = load_routes(
            roots, known, texts=self.texts, read_file=self.read_file, parse=self.parse, memory=memory, advice=advice
        )
        files = self._files(loaded)
        return Snapshot(
            files, known, channels, loaded.falco_rules, loaded.checked.diagnostics, loaded.sources, roots,
            loaded, {} if config is None else config.labels,
            None if config is None else config.path, {} if config is None else dict(_conditions(config)),
        )  # fmt: skip

    def _files(self, loaded: LoadedRoutes) -> dict[str, EditedFile]:
        return {
            path: self._edited_file(source)
            for path, source in loaded.sources.items()
            if path in self._parsed and self._parsed[path][0] == source
        }

    def _edited_file(self, source: SourceText) -> EditedFile:
        parsed = self.parse(source)
        before = self._edited.get(source.path)
        if before is not None and before.parsed is parsed:
            return before
        imports = tuple(
            str(import_path(source.path, statement.path.text))
            for statement in parsed.file.statements
            if isinstance(statement, syntax.Import) and not statement.falco
        )
        found = tuple(names_of(parsed.file, () if before is None else before.by_statement))
        defined = {(name.kind, name.text): name.span for each in reversed(found) for name in reversed(each.defining)}
        edited = self._edited[source.path] = EditedFile(source, parsed, found, defined, imports)
        return edited

    def _config_of(self, path: str) -> LoadedConfig | None:
        found = self.config or next(
            (folder / CONFIG for folder in Path(path).parents if (folder / CONFIG).is_file()), None
        )
        config = None if found is None else self._read_config(found)
        use_field_lists(() if config is None else config.fields)
        return config

    def _read_config(self, path: Path) -> LoadedConfig | None:
        try:
            status = path.stat()
        except OSError:
            return None
        changed = (status.st_mtime_ns, status.st_size)
        before = self._configs.get(path)
        if before is None or before[0] != changed:
            before = self._configs[path] = (changed, load_config(path, os.environ, with_secrets=False))
        return before[1]


def _conditions(config: LoadedConfig) -> Iterator[tuple[str, Span]]:
    for key in ("where", "joins"):
        spans = [span for place, span in config.spans.items() if place[:1] == ("routes",) and place[2:] == (key,)]
        groups = [group for group in config.groups if getattr(group, key)]
        yield from ((condition_path(key, group.name), span) for group, span in zip(groups, spans, strict=False))


def with_advice(snapshot: Snapshot, before: Snapshot) -> Snapshot:
    """The snapshot with the warnings of an earlier one about statements that have not changed since."""
    unchanged = {id(span) for file in snapshot.files.values() for spans in file.parsed.spans for span in spans}
    kept = [each for each in before.diagnostics if each.severity is not Severity.ERROR and id(each.span) in unchanged]
    found = tuple(sorted(dict.fromkeys((*snapshot.diagnostics, *kept)), key=by_place))
    return replace(snapshot, diagnostics=found)
