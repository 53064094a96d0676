"""``falco-bridge check``: every error of a config and its routes."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.config.load import LoadedConfig
    from bridge.language.diagnostics.diagnostic import Diagnostic
    from bridge.language.diagnostics.source import SourceText

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
    """Check and print every diagnostic."""
    if args.config is None and not args.files:
        print("falco-bridge check: name .route files, or --config FILE", file=sys.stderr)
        return 2
    from bridge.workbench.routes import load_routes

    paths, known = list(args.files), None
    diagnostics: list[Diagnostic] = []
    sources: dict[str, SourceText] = {}
    checkable = True
    if args.config is not None:
        config, diagnostics = _read_config(args.config)
        sources[config.source.path] = config.source
        paths, known, checkable = [*config.routes, *paths], config.known, bool(config.channel_spans)
    if checkable:  # without channels, every route would have an error too
        loaded = load_routes(paths, known, args.rules)
        diagnostics += loaded.checked.diagnostics
        sources |= loaded.sources
    _PRINT[args.format](diagnostics, sources)
    return 1 if any(each.severity.value == "error" for each in diagnostics) else 0


def _read_config(path: Path) -> tuple[LoadedConfig, list[Diagnostic]]:
    import os

    from bridge.config.load import load_config
    from bridge.daemon.channel_check import check_channels

    config = load_config(path, os.environ)
    return config, list(check_channels(config))


def _print_text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, SourceText]) -> None:
    from bridge.language.diagnostics.diagnostic import Severity
    from bridge.language.diagnostics.render import render_text

    print(render_text(diagnostics, sources), end="")
    count = Counter(each.severity for each in diagnostics)
    print(_verdict(count[Severity.ERROR], count[Severity.WARNING], count[Severity.ADVICE]))


def _print_json(diagnostics: Sequence[Diagnostic], _sources: Mapping[str, SourceText]) -> None:
    import json

    from bridge.language.diagnostics.render import as_mapping

    print(json.dumps([as_mapping(each) for each in diagnostics], indent=1, ensure_ascii=False))


def _print_github(diagnostics: Sequence[Diagnostic], _sources: Mapping[str, SourceText]) -> None:
    from bridge.language.diagnostics.render import render_github

    for each in diagnostics:
        level = {"advice": "notice"}.get(each.severity.value, each.severity.value)
        span = each.span
        text = f"{each.message}; {each.hint}" if each.hint else each.message
        print(render_github(level, span.path, span.line, span.column, each.code.id, text))


_PRINT = {"text": _print_text, "json": _print_json, "github": _print_github}


def _verdict(errors: int, warnings: int, advice: int) -> str:
    if not errors and not warnings and not advice:
        return "no problems"
    from bridge.cli.table import many

    told = [many(errors, "error"), many(warnings, "warning")]
    if advice:
        told.append(f"{advice} advice")
    return ", ".join(told)
