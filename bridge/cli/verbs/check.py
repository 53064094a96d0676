"""``falco-bridge check``: every mistake of config and routes, before it costs a night."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.config.reader import Problem
    from bridge.workbench.routes import LoadedRoutes

_FORMATS = ("text", "json", "github")


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="find problems in a config and in .route files",
        description="Prints all problems of all files, each with its place and a remedy. Exits with 1 if one of them "
        "would keep the bridge from running, otherwise with 0.",
        example="falco-bridge check --config falco-bridge.yaml",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help=".route files that are used together, in order"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="check this config and its routes")
    parser.add_argument(
        "--rules", type=Path, action="append", default=[], metavar="FILE",
        help="a Falco rules file, or a falco.yaml with append_output: shows which fields alerts will have",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=_FORMATS, default="text", help="text, json, or github for annotations (default text)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check and tell."""
    if args.config is None and not args.files:
        print("falco-bridge check: name .route files, or --config FILE", file=sys.stderr)
        return 2
    from bridge.workbench.routes import load_routes

    paths, known, readable = list(args.files), None, True
    problems: list[Problem] = []
    if args.config is not None:
        configured, known, problems = _config(args.config)
        paths, readable = [*configured, *paths], known is not None
    loaded = load_routes(paths, known, args.rules) if readable else None
    _TELL[args.format](problems, loaded)
    return 1 if problems or (loaded is not None and loaded.checked.errors) else 0


def _config(path: Path) -> tuple[list[Path], Any, list[Problem]]:
    """The config's routes and names, and what is wrong with it."""
    import os

    from bridge.config.load import read_config
    from bridge.daemon.channel_check import check_channels
    from bridge.language.checker.scope import Known

    config, problems = read_config(path, os.environ)
    if config is None:
        return [], None, problems
    # Without channels, every route would be wrong too.
    known = Known(frozenset(config.channel_lines), frozenset(config.labels)) if config.channel_lines else None
    return list(config.routes), known, check_channels(config, problems)


def _tell_text(problems: Sequence[Problem], loaded: LoadedRoutes | None) -> None:
    from bridge.language.diagnostics.diagnostic import Severity
    from bridge.language.diagnostics.render import render_text

    for problem in problems:
        print(problem.text())
    diagnostics = () if loaded is None else loaded.checked.diagnostics
    if loaded is not None:
        print(render_text(diagnostics, loaded.sources), end="")
    errors = sum(each.severity is Severity.ERROR for each in diagnostics) + len(problems)
    warnings = sum(each.severity is Severity.WARNING for each in diagnostics)
    advice = len(diagnostics) + len(problems) - errors - warnings
    print(_verdict(errors, warnings, advice))


def _tell_json(problems: Sequence[Problem], loaded: LoadedRoutes | None) -> None:
    import json

    from bridge.language.diagnostics.render import as_mapping

    told: list[dict[str, object]] = [
        {
            "code": "config",
            "severity": "error",
            "message": problem.message,
            "hint": problem.hint,
            "path": str(problem.path),
            "line": problem.line,
            "column": 1,
        }
        for problem in problems
    ]
    told += [as_mapping(each) for each in (() if loaded is None else loaded.checked.diagnostics)]
    print(json.dumps(told, indent=1, ensure_ascii=False))


def _tell_github(problems: Sequence[Problem], loaded: LoadedRoutes | None) -> None:
    from bridge.language.diagnostics.render import render_github

    for problem in problems:
        print(
            render_github("error", str(problem.path), problem.line, 1, "config", _said(problem.message, problem.hint))
        )
    for each in () if loaded is None else loaded.checked.diagnostics:
        level = {"advice": "notice"}.get(each.severity.value, each.severity.value)
        span = each.span
        print(render_github(level, span.path, span.line, span.column, each.code.id, _said(each.message, each.hint)))


_TELL = {"text": _tell_text, "json": _tell_json, "github": _tell_github}


def _said(message: str, hint: str) -> str:
    return f"{message}; {hint}" if hint else message


def _verdict(errors: int, warnings: int, advice: int) -> str:
    if not errors and not warnings and not advice:
        return "no problems"
    from bridge.cli.table import many

    told = [many(errors, "error"), many(warnings, "warning")]
    if advice:
        told.append(f"{advice} advice")
    return ", ".join(told)
