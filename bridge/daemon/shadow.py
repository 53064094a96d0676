"""Reads the routes of ``shadow``. Errors in them do not keep the bridge from starting, and reject no reload."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bridge.config.load import LoadedConfig
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.diagnostics.source import SourceText, Span
from bridge.pipeline.shadow.shadow import ShadowRoutes
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from bridge.routing.router import Router
from bridge.workbench.routes import load_routes

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class ShadowSet:
    """The routes of ``shadow`` as they were read."""

    files: tuple[Path, ...] = ()
    """Those that it names, as far as they exist."""
    folders: tuple[Path, ...] = ()
    """In which further files may appear."""
    sources: Mapping[str, SourceText] = field(default_factory=dict)
    """What was read, imports included."""
    diagnostics: tuple[Diagnostic, ...] = ()
    router: Router | None = None
    problem: str = ""
    """Why they cannot be tried; empty if they can, or if there is no ``shadow``."""

    def compared_with(self, live: Router, loaded: LoadedConfig, texts: object) -> ShadowRoutes | None:
        """What the pipeline needs; None without a ``shadow``. ``texts`` are those of the live routes."""
        if self.router is None and not self.problem:
            return None
        labels = dict(loaded.labels)
        return ShadowRoutes(live, self.router, labels, self.problem, (labels, texts, self.sources, self.problem))


NO_SHADOW = ShadowSet()


def read_shadow(loaded: LoadedConfig, incident_channels: IncidentChannels) -> ShadowSet:
    """The routes of the config's ``shadow``. Never raises."""
    patterns = () if loaded.config is None else tuple(each.pattern for each in loaded.config.shadow)
    if not patterns:
        return NO_SHADOW
    files = files_of(patterns)
    folders = tuple(sorted({*(path.parent for path in files), *map(_folder_of, patterns)}))
    if not files:
        return ShadowSet((), folders, problem=f"no file matches {', '.join(patterns)}"[:_LONGEST])
    try:
        routes = load_routes(files, replace(loaded.known, groups=()))
        errors = [each for each in routes.checked.diagnostics if each.severity is Severity.ERROR]
        if routes.checked.program is None:
            problem = _problem(errors)
            return ShadowSet(files, folders, routes.sources, routes.checked.diagnostics, None, problem)
        router = routes.router(loaded.labels, incident_channels=incident_channels)
    except Exception as error:  # noqa: BLE001  # the live routes are not affected
        return ShadowSet(files, folders, problem=f"internal error ({type(error).__name__}) while they were read")
    return ShadowSet(files, folders, routes.sources, routes.checked.diagnostics, router)


def check_shadow(loaded: LoadedConfig) -> ShadowSet:
    """The routes of ``shadow`` with what is wrong with them, a pattern that matches no file included."""
    found = read_shadow(loaded, NO_INCIDENT_CHANNELS)
    if found.problem and not found.diagnostics:
        span = loaded.spans.get(("shadow",), Span(str(loaded.path), 0, 1, 1, 1))
        hint = "correct `shadow`, or remove it"
        return replace(found, diagnostics=(Diagnostic(Code.NO_SUCH_FILE, found.problem, span, hint),))
    return found


def files_of(patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The files that the patterns name, each pattern's sorted bytewise, each file once."""
    found = (path for each in patterns for path in sorted(_matches(each), key=lambda path: str(path).encode()))
    return tuple(dict.fromkeys(found))


def _matches(pattern: str) -> list[Path]:
    try:
        return [path for path in Path("/").glob(pattern.lstrip("/")) if path.is_file()]
    except (ValueError, NotImplementedError, IndexError, OSError):  # pathlib's for `**x` and the like
        return []


def _folder_of(pattern: str) -> Path:
    """The folder in which the pattern is looked for: the part of the path without wildcards."""
    folder = Path(pattern).parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return folder


def _problem(errors: list[Diagnostic]) -> str:
    first = errors[0]
    more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
    return f"{first.span.path}:{first.span.line}: {first.message}"[:_LONGEST] + more
