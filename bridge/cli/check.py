"""``falco-bridge check``: every mistake of config and routes, before it costs a night."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="find every mistake in .route files, or in a config and its routes",
        description="Prints every problem of every file, with its place and the way out. "
        "Exits with 1 where something keeps the bridge from running, otherwise with 0.",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help=".route files that belong together, in order"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="check this config and the routes that it names")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check and tell."""
    if args.config is not None:
        return _check_config(args.config, args.files)
    if not args.files:
        print("falco-bridge check: name .route files, or --config FILE", file=sys.stderr)
        return 2
    return _check_routes(args.files, None)


def _check_config(path: Path, files: list[Path]) -> int:
    import os

    from bridge.language import Known
    from bridge.service.channel_check import check_channels
    from bridge.service.config import Config, load_config

    loaded = load_config(path, os.environ)
    if not isinstance(loaded, Config):
        for problem in loaded:
            print(problem.text())
        print(_verdict(len(loaded), 0))
        return 1
    problems = check_channels(loaded)
    for problem in problems:
        print(problem.text())
    known = Known(frozenset(loaded.channels), frozenset(loaded.labels))
    code = _check_routes([*loaded.routes, *files], known)
    return 1 if problems else code


def _check_routes(paths: list[Path], known: Any) -> int:
    from bridge.language.render import render_text
    from bridge.service.routes import load_routes

    try:
        loaded = load_routes(paths, known)
    except OSError as error:
        print(f"{error.filename}: cannot be read ({error.strerror})")
        return 1
    except UnicodeDecodeError as error:
        print(f"a .route file is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8")
        return 1
    diagnostics = loaded.checked.diagnostics
    print(render_text(diagnostics, loaded.sources), end="")
    errors = loaded.checked.errors
    print(_verdict(errors, len(diagnostics) - errors))
    return 1 if errors else 0


def _verdict(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return "no problems"
    return f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"
