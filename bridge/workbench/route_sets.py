"""Sets of routes as named on the command line: files, folders, a config, or a git revision with a path."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.common.files.presence import exists, is_file, is_folder
from bridge.config.load import RoutingConfig, find_routing_config
from bridge.delivery.service_limits import incident_channels
from bridge.language.diagnostics.render import render_text
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.router import Router
from bridge.workbench.git_files import GitError, GitFiles, find_revision
from bridge.workbench.routes import LoadedRoutes, load_routes, read_text_file

SUFFIX = ".route"
_CONFIG_SUFFIXES = {".yaml", ".yml"}


class RouteSetError(Exception):
    """The routes cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RouteSet:
    """Checked routes, with the names and labels of the config that they run with."""

    program: Program
    loaded: LoadedRoutes
    labels: Mapping[str, str]
    incident_channels: IncidentChannels
    """The channels whose services know incidents."""

    def router(self) -> Router:
        """The routes, compiled."""
        return self.loaded.router(self.labels, incident_channels=self.incident_channels)


def load_route_set(
    names: Sequence[str],
    config: RoutingConfig | None,
    labels: Mapping[str, str],
    before: SourceText | None = None,
) -> RouteSet:
    """Check the named routes. Raises RouteSetError.

    A name is a file, a folder, a config, or ``REVISION:PATH`` of git; names of one set are all of one revision or none.
    ``before`` is text of routes that come before all others.
    """
    paths: list[Path] = []
    revisions: dict[str, GitFiles] = {}
    for name in names:
        if exists(Path(name)) or ":" not in name:
            paths += _on_disk(Path(name))
        else:
            paths += _of_revision(name, revisions)
    if len(revisions) > 1 or (revisions and any(not _is_of(path, revisions) for path in paths)):
        raise RouteSetError("routes of several revisions cannot be one set; name one revision")
    git = next(iter(revisions.values()), None)
    known = None if config is None else config.known
    if known is not None and config is not None and tuple(paths) != config.routes:
        known = replace(known, groups=())  # the groups are those of the config's own files
    read = read_text_file if git is None else git.read
    if before is None:
        loaded = load_routes(paths, known, read_file=read)
    else:
        first = Path(before.path)
        loaded = load_routes([first, *paths], known, read_file=lambda path: before if path == first else read(path))
    if loaded.checked.program is None:
        raise RouteSetError(render_text(loaded.checked.diagnostics, loaded.sources).rstrip())
    schemes = {} if config is None else config.schemes
    incidents = incident_channels(schemes)
    own = {} if config is None else dict(config.labels)
    return RouteSet(loaded.checked.program, loaded, own | dict(labels), incidents)


def _on_disk(path: Path) -> list[Path]:
    """The file, the files of a config, or all route files in the folder and below, sorted bytewise."""
    if path.suffix in _CONFIG_SUFFIXES and is_file(path):
        config = find_routing_config(path, os.environ)
        if isinstance(config, RoutingConfig):
            return list(config.routes)
        raise RouteSetError(config.text().rstrip())
    if not is_folder(path):
        return [path]
    found = sorted(path.rglob(f"*{SUFFIX}"), key=lambda each: str(each).encode())
    if not found:
        raise RouteSetError(f"{path}: the folder has no {SUFFIX} file; name another folder, or files")
    return found


def _of_revision(name: str, revisions: dict[str, GitFiles]) -> list[Path]:
    revision, _, path = name.partition(":")
    try:
        if revision not in revisions:
            revisions[revision] = find_revision(revision)
        return revisions[revision].list(path, SUFFIX)
    except GitError as error:
        raise RouteSetError(f"{name}: {error}") from error


def _is_of(path: Path, revisions: Mapping[str, GitFiles]) -> bool:
    return any(str(path).startswith(each.prefix) for each in revisions.values())
