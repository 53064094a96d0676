"""Reads and checks ``.route`` files and everything that they import."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from bridge.common.collection import collection_paused
from bridge.common.files.presence import exists, is_file
from bridge.common.files.text_file import read_bounded_text
from bridge.common.suggest import did_you_mean
from bridge.language.checker.check import Checked, check
from bridge.language.checker.files import Parse
from bridge.language.checker.memory import CheckMemory
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.falco.rules import FalcoRules, nothing_in, read_rules, read_together
from bridge.language.program.group import RouteGroup
from bridge.language.program.program import Program
from bridge.language.syntax.parser import parse
from bridge.matching.analysis.lint import lint
from bridge.matching.analysis.memory_lint import lint_look_back, lint_memory
from bridge.matching.analysis.route_warnings import LintMemory
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from bridge.routing.router import Router
from bridge.workbench.route_groups import GroupRoutes, check_groups

ReadFile = Callable[[Path], SourceText | str]
"""The file's text, or a sentence that says why it cannot be read."""
_FEW_ROUTES = 40
"""New routes that are examined at once: about 5 ms."""
_CAUSES = frozenset({Code.UNKNOWN_RULE, Code.MISSPELT_SOURCE, Code.EMPTY_VALUE, Code.LITERAL_MISSING})
"""Warnings that explain why a condition is never true."""


@dataclass(frozen=True, slots=True)
class RoutesMemory:
    """What was found about route files, for the next time that they are checked. Of one config, or one set of files."""

    checks: dict[str, CheckMemory] = field(default_factory=dict)
    lints: dict[str, LintMemory] = field(default_factory=dict)
    """By group, as ``checks``."""

    def check(self, group: str) -> CheckMemory:
        """That of the checks of a group."""
        return self.checks.setdefault(group, CheckMemory())

    def lint(self, group: str) -> LintMemory:
        """That of the warnings about a group's routes."""
        return self.lints.setdefault(group, LintMemory())


@dataclass(frozen=True, slots=True)
class LoadedRoutes:
    """Checked route files with their text, which diagnostics quote."""

    checked: Checked
    sources: Mapping[str, SourceText]
    """Every file by its path."""
    falco_rules: FalcoRules | None = None
    """Falco's rules from ``--rules`` and from every ``import falco``, merged."""
    groups: tuple[GroupRoutes, ...] = ()
    """The routes of each group, where the config has groups."""
    stale: tuple[str, ...] = ()
    """The groups with errors whose previous routes are in the program."""
    advised: bool = True
    """Whether the routes were examined for what never matches, is shadowed or cannot work."""

    def router(
        self,
        labels: Mapping[str, str],
        program: Program | None = None,
        incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS,
        ordered_channels: frozenset[str] = frozenset(),
    ) -> Router:
        """A router for ``program``, by default the checked one. Raises ValueError if that has errors.

        ``incident_channels`` are the channels whose services know incidents, ``ordered_channels`` those that get the
        notifications of a route in order.
        """
        program = program or self.checked.program
        if program is None:
            raise ValueError("routes with errors cannot be compiled")
        rules = () if self.falco_rules is None else self.falco_rules.rules.values()
        return Router(program, labels, rules, incident_channels=incident_channels, ordered_channels=ordered_channels)


@collection_paused()
def load_routes(
    paths: Sequence[Path],
    known: Known | None = None,
    rules: Sequence[Path] = (),
    *,
    texts: Mapping[str, str] = MappingProxyType({}),
    read_file: ReadFile | None = None,
    previous: Sequence[GroupRoutes] = (),
    parse: Parse = parse,
    memory: RoutesMemory | None = None,
    advice: bool = True,
) -> LoadedRoutes:
    """Read and check route files in this order. ``rules`` are Falco's rules files.

    A file that cannot be read is a diagnostic like any other; the other files are still checked. ``texts`` are
    taken in place of what files contain, by path. ``read_file`` reads route files and imports from elsewhere than the
    disk. ``previous`` are the routes of groups that are used where a group has errors. ``parse`` parses route files.
    ``memory`` makes the next call for the same files faster; the result is the same.
    Without ``advice``, routes are examined for what never matches, is shadowed or cannot work only if few are new.
    """
    read_file = with_texts(texts, read_file or read_text_file)

    def read(importer: str, written: str) -> SourceText | str:
        return read_file(import_path(importer, written))

    known = known or Known(channels=None, labels=None)
    if known.groups:
        return _load_groups(paths, known, rules, texts, read_file, previous, parse, memory, advice=advice)
    unread: list[Diagnostic] = []
    if rules:
        known = replace(known, rules=_read_rules(rules, unread))
    memory = memory or RoutesMemory()
    sources = _readable(paths, unread, read_file)
    checked = check(sources, known, read, parse, memory.check(known.group))
    imported = () if checked.gathered is None else checked.gathered.files.values()
    falco_rules = merge_rules([known.rules, *(file.rules for file in imported)])
    incomplete = any(each.code is Code.CANNOT_IMPORT for each in (*checked.diagnostics, *unread))
    redactions = () if checked.program is None else checked.program.redactions
    lints = memory.lint(known.group)
    advice = advice or lints.new_among(checked.understood) <= _FEW_ROUTES
    hints = (
        []
        if incomplete or not advice
        else [
            *lint(checked.understood, falco_rules, lints),
            *lint_memory(checked.understood, falco_rules, known.retention_ns, redactions, lints),
        ]
    )
    hints = [each for each in hints if not _explained(each, checked.diagnostics)]
    diagnostics = tuple(sorted((*checked.diagnostics, *hints, *unread), key=by_place))
    program = None if any(each.severity is Severity.ERROR for each in unread) else checked.program
    checked = replace(checked, program=program, diagnostics=diagnostics)
    return LoadedRoutes(checked, checked.sources, falco_rules, advised=advice)


def _load_groups(
    paths: Sequence[Path],
    known: Known,
    rules: Sequence[Path],
    texts: Mapping[str, str],
    read_file: ReadFile,
    previous: Sequence[GroupRoutes],
    parse: Parse,
    memory: RoutesMemory | None,
    *,
    advice: bool,
) -> LoadedRoutes:
    """As ``load_routes``, each group on its own. Files that belong to no group are checked with those of none."""
    own = {Path(each) for group in known.groups for each in group.files}
    others = tuple(str(path) for path in paths if path not in own)
    groups = known.groups if not others else (*known.groups, RouteGroup("", others))
    loaded: list[LoadedRoutes] = []

    def load(files: Sequence[Path], limited: Known) -> Checked:
        loaded.append(
            load_routes(
                files, limited, rules, texts=texts, read_file=read_file, parse=parse, memory=memory, advice=advice
            )
        )
        return loaded[-1].checked

    found = check_groups(replace(known, groups=groups), load, previous)
    rules_of_all = merge_rules(each.falco_rules for each in loaded)
    checked = _with_look_back(found.checked)
    advised = all(each.advised for each in loaded)
    return LoadedRoutes(checked, checked.sources, rules_of_all, found.groups, found.stale, advised)


def _with_look_back(checked: Checked) -> Checked:
    """The same; ``redact`` of each group is considered for the routes of all."""
    if checked.program is None:
        return checked
    others = [each for each in checked.diagnostics if each.code is not Code.NO_LOOK_BACK]
    advice = lint_look_back(checked.understood, checked.program.redactions)
    return replace(checked, diagnostics=tuple(sorted((*others, *advice), key=by_place)))


def with_texts(texts: Mapping[str, str], read_file: ReadFile) -> ReadFile:
    """``read_file``, with the texts of these files in place of what they contain. They need not exist."""

    def read(path: Path) -> SourceText | str:
        name = os.path.normpath(path)
        return SourceText(name, texts[name]) if name in texts else read_file(path)

    return read


def _explained(advice: Diagnostic, diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether another diagnostic in the same condition says why it is never true."""
    span = advice.span
    return advice.code in {Code.NEVER_TRUE, Code.PARTNER_NEVER_COMES} and any(
        each.code in _CAUSES and each.span.path == span.path and span.start <= each.span.start < span.end
        for each in diagnostics
    )


def read_import(importer: str, written: str) -> SourceText | str:
    """The file that ``importer`` names, relative to itself; or a sentence that says why it cannot be read."""
    return read_text_file(import_path(importer, written))


def import_path(importer: str, written: str) -> Path:
    """Where an import is, which is written relative to the file that imports it."""
    return Path(os.path.normpath(Path(importer).parent / written))


def conditions_of(loaded: LoadedRoutes) -> dict[str, str]:
    """The source text of each route's condition, by the route's name."""
    program = loaded.checked.program
    texts: dict[str, str] = {}
    for route in () if program is None else program.routes:
        if route.when is not None:
            span = route.when.span
            texts[route.name] = " ".join(loaded.sources[span.path].text[span.start : span.end].split())
    return texts


def _read_rules(paths: Sequence[Path], unread: list[Diagnostic]) -> FalcoRules | None:
    sources = _readable(paths, unread, read_text_file)
    rules = read_rules(tuple(sources))
    if isinstance(rules, FalcoRules):
        unread += [_nothing_in(each.path, why) for each in sources if (why := nothing_in(each))]
        return rules
    for source in sources:
        problem = read_rules((source,))
        if isinstance(problem, str):
            unread.append(_cannot_import(Path(source.path), f"{problem}; give --rules a Falco rules file"))
    return None


def _nothing_in(path: str, why: str) -> Diagnostic:
    return Diagnostic(Code.NOTHING_IMPORTED, f"{path} {why}; give --rules a Falco rules file", Span(path, 0, 0, 1, 1))


def _readable(paths: Sequence[Path], unread: list[Diagnostic], read_file: ReadFile) -> list[SourceText]:
    """The files that can be read; each of the others becomes a diagnostic in ``unread``."""
    sources: list[SourceText] = []
    for path in paths:
        source = read_file(path)
        if isinstance(source, SourceText):
            sources.append(source)
        else:
            unread.append(_cannot_import(path, source))
    return sources


def _cannot_import(path: Path, problem: str) -> Diagnostic:
    return Diagnostic(Code.CANNOT_IMPORT, problem, Span(os.path.normpath(path), 0, 0, 1, 1), may_pass=not exists(path))


def read_text_file(path: Path) -> SourceText | str:
    """The file's text, without a byte order mark; or a sentence that says why it cannot be read."""
    try:
        return SourceText(os.path.normpath(path), read_bounded_text(path, "utf-8-sig"))
    except FileNotFoundError:
        return f"{path}: no such file{_similar_file(path)}"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); check the file name"
    except UnicodeDecodeError as error:
        return f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"


def _similar_file(path: Path) -> str:
    """``; did you mean `falco_rules.yaml`?`` if a file beside it has nearly the same name."""
    if "*" in path.name or "?" in path.name:
        return "; name each file: an import has no wildcards"
    if is_file(path.with_name(f"{path.name}.route")):
        return f"; did you mean `{path.name}.route`?"
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix == path.suffix]
    except OSError:
        return "; check the folder"
    hint = did_you_mean(path.name, names)
    return f"; {hint}" if hint else "; check the file name"


def merge_rules(several: Iterable[FalcoRules | None]) -> FalcoRules | None:
    """All of Falco's rules, merged; None if there are none, or if they cannot be merged."""
    every = [rules for rules in several if rules is not None]
    merged = read_together(every)
    return merged if every and isinstance(merged, FalcoRules) else None
