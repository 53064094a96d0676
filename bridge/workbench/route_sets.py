"""Sets of routes as people name them on a command line: ``.route`` files and folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.config.load import RoutingConfig
from bridge.delivery.service_limits import KNOW_INCIDENTS
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.render import render_text
from bridge.language.program.program import Program
from bridge.routing.router import Router
from bridge.workbench.routes import LoadedRoutes, load_routes

SUFFIX = ".route"


class RouteSetError(Exception):
    """The routes cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RouteSet:
    """Checked routes, with the names and labels of the config that they run with."""

    program: Program
    loaded: LoadedRoutes
    labels: Mapping[str, str]
    incident_channels: frozenset[str]
    """The channels whose services know incidents."""

    def router(self) -> Router:
        """The routes, compiled."""
        return self.loaded.router(self.labels, incident_channels=self.incident_channels)


def files_in(path: Path) -> list[Path]:
    """The file, or all route files in the folder and below, sorted bytewise. Raises RouteSetError."""
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob(f"*{SUFFIX}"), key=lambda each: str(each).encode())
    if not found:
        raise RouteSetError(f"{path}: the folder has no {SUFFIX} file; name another folder, or files")
    return found


def load_route_set(paths: Sequence[Path], config: RoutingConfig | None, labels: Mapping[str, str]) -> RouteSet:
    """Check the files and folders. Raises RouteSetError."""
    known = None if config is None else Known(config.channels, None)
    loaded = load_routes([file for path in paths for file in files_in(path)], known)
    if loaded.checked.program is None:
        raise RouteSetError(render_text(loaded.checked.diagnostics, loaded.sources).rstrip())
    schemes = {} if config is None else config.schemes
    incidents = frozenset(name for name, scheme in schemes.items() if scheme in KNOW_INCIDENTS)
    own = {} if config is None else dict(config.labels)
    return RouteSet(loaded.checked.program, loaded, own | dict(labels), incidents)
