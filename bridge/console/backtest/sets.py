"""The route files of a config, as they are on the disk and with one of them edited.

An edited file can import only what the files on the disk read already: it must not show the visitor of a console other
files of the machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bridge.config.field_lists import use_field_lists
from bridge.config.load import RoutingConfig, find_routing_config
from bridge.delivery.service_limits import incident_channels
from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.parser import parse
from bridge.workbench.route_sets import RouteSet
from bridge.workbench.routes import LoadedRoutes, ReadFile, load_routes, read_text_file


class UnusableError(Exception):
    """Why routes cannot be used, in a sentence for people."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The routes that the bridge loads when it starts or reloads."""

    config: RoutingConfig
    loaded: LoadedRoutes

    def reader(self) -> ReadFile:
        """Reads the files that these routes read, and no others."""
        known = frozenset(self.loaded.sources) | {os.path.normpath(each) for each in self.config.routes}

        def read(path: Path) -> SourceText | str:
            if os.path.normpath(path) in known:
                return read_text_file(path)
            return f"{path}: the loaded routes do not read this file, and the console reads no others"

        return read


def load_on_disk(config: str) -> OnDisk:
    """The config and its routes. Raises UnusableError if the config cannot be used; the routes may have errors."""
    found = find_routing_config(Path(config), os.environ)
    if not isinstance(found, RoutingConfig):
        raise UnusableError(found.text().rstrip())
    use_field_lists(found.fields)
    return OnDisk(found, load_routes(found.routes, found.known, advice=False))


def load_edited(on_disk: OnDisk, path: str, text: str) -> LoadedRoutes:
    """The same routes with another text of one file."""
    config = on_disk.config
    return load_routes(
        config.routes, config.known, texts={path: text}, read_file=on_disk.reader(), parse=parse, advice=False
    )


def route_set(config: RoutingConfig, loaded: LoadedRoutes) -> RouteSet | None:
    """The routes, ready to be compiled; None if they have errors."""
    program = loaded.checked.program
    if program is None:
        return None
    return RouteSet(program, loaded, dict(config.labels), incident_channels(config.schemes))
