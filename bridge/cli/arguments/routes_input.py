"""Arguments that several verbs share: .route files or a config that names them, and labels."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.config.load import RoutingConfig
    from bridge.journal.location import Location
    from bridge.language.program.program import Program
    from bridge.routing.router import Router
    from bridge.workbench.routes import LoadedRoutes


@dataclass(frozen=True, slots=True)
class RoutesInput:
    """Checked routes with their labels."""

    program: Program
    loaded: LoadedRoutes
    labels: Mapping[str, str]
    journal: Location | None
    """The journal of ``--config``; None without it."""

    def router(self) -> Router:
        """The routes, compiled."""
        return self.loaded.router(self.labels)


def add_routes(parser: Any, *, rules: bool = False) -> None:
    """Add the arguments that name routes."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=".route files, in order")
    parser.add_argument("--config", type=Path, metavar="FILE", help="use this config's routes and labels")
    if rules:
        parser.add_argument(
            "--rules", type=Path, action="append", default=[], metavar="FILE",
            help="a Falco rules file, or a falco.yaml with append_output",
        )  # fmt: skip
    add_labels(parser)


def add_labels(parser: Any) -> None:
    """Add ``--label``."""
    parser.add_argument(
        "--label",
        type=_label,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a label, as in the config",
    )


def read_routes(args: argparse.Namespace) -> RoutesInput | None:
    """The routes, or None with the errors on standard error."""
    from bridge.language.diagnostics.render import render_text
    from bridge.workbench.routes import load_routes

    labels: dict[str, str] = {}
    paths, known, journal = list(args.files), None, None
    if args.config is not None:
        config = read_routing_config(args.config)
        if config is None:
            return None
        paths, labels = [*config.routes, *paths], dict(config.labels)
        known, journal = config.known, config.journal
    if not paths:
        _print_errors("name .route files or --config FILE")
        return None
    loaded = load_routes(paths, known, getattr(args, "rules", ()))
    if loaded.checked.program is None:
        _print_errors(render_text(loaded.checked.diagnostics, loaded.sources).rstrip())
        return None
    return RoutesInput(loaded.checked.program, loaded, labels | dict(args.label), journal)


def read_routing_config(config: Path) -> RoutingConfig | None:
    """The config's routes, channels, labels and journal, or None with the errors on standard error."""
    from bridge.config.field_lists import use_field_lists
    from bridge.config.load import RoutingConfig, find_routing_config

    found = find_routing_config(config, os.environ)
    if isinstance(found, RoutingConfig):
        use_field_lists(found.fields)
        return found
    _print_errors(found.text().rstrip())
    return None


def _print_errors(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError("write NAME=VALUE")
    return name, value
