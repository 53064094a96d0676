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
    from bridge.config.schema.values import FieldListFile
    from bridge.language.checker.scope import Known
    from bridge.language.diagnostics.diagnostic import Diagnostic
    from bridge.language.diagnostics.source import SourceText

_FORMATS = ("text", "json", "github")


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="find problems in a config and in .route files",
        description="Prints all problems of all files, each with its place and a remedy. Exits with 1 if one of them "
        "would keep the bridge from running, with --strict also for warnings, otherwise with 0.",
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
    parser.add_argument("--fix", action="store_true", help="apply the certain fixes to the .route files, and show them")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings as well")
    parser.add_argument(
        "--no-secrets", action="store_true",
        help="with --config: do not read secrets, and do not check what depends on them or on this machine, for CI",
    )  # fmt: skip
    parser.add_argument(
        "--fields", type=Path, action="append", default=[], metavar="FILE",
        help="further fields: the output of falco --list",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check and print every diagnostic."""
    from bridge.config.field_lists import use_field_lists

    if args.config is None and not args.files:
        print("falco-bridge check: name .route files, or --config FILE", file=sys.stderr)
        return 2
    fields = _read_fields(args.fields)
    if fields is None:
        return 2
    paths, known = list(args.files), None
    diagnostics: list[Diagnostic] = []
    sources: dict[str, SourceText] = {}
    checkable = True
    if args.config is not None:
        config, diagnostics = _read_config(args.config, with_secrets=not args.no_secrets)
        sources[config.source.path] = config.source
        paths, known, checkable = [*config.routes, *paths], config.known, bool(config.channel_spans)
        fields += config.fields
    use_field_lists(fields)
    unfixed = 0
    if checkable:  # without channels, every route would have an error too
        from bridge.workbench.routes import load_routes

        unfixed = _fix(paths, known, args.rules, args.format) if args.fix else 0
        loaded = load_routes(paths, known, args.rules)
        diagnostics += loaded.checked.diagnostics
        sources |= loaded.sources
        if args.config is not None:
            from bridge.daemon.shadow import check_shadow

            shadow = check_shadow(config)
            diagnostics += shadow.diagnostics
            sources = {**shadow.sources, **sources}
    _PRINT[args.format](diagnostics, sources)
    failing = {"error", "warning"} if args.strict else {"error"}
    return 1 if unfixed or any(each.severity.value in failing for each in diagnostics) else 0


def _read_fields(paths: Sequence[Path]) -> list[FieldListFile] | None:
    """The fields that files list; None, with the reason printed, if one of them lists none."""
    from bridge.config.schema.file_values import read_field_list_file
    from bridge.config.schema.invalid_value import InvalidValueError

    try:
        return [read_field_list_file(str(path), Path()) for path in paths]
    except InvalidValueError as error:
        print(f"falco-bridge check: {error.message}; {error.hint}", file=sys.stderr)
        return None


def _fix(paths: Sequence[Path], known: Known | None, rules: Sequence[Path], form: str) -> int:
    """Apply certain fixes and show them. Returns the number of files that could not be written."""
    from bridge.workbench.fixes import fix_files

    result = fix_files(paths, known, rules)
    stream = sys.stdout if form == "text" else sys.stderr  # standard output must stay JSON or annotations
    for file in result.files:
        print(file.diff(), file=stream)
    for problem in result.unwritable:
        print(f"falco-bridge check: {problem}", file=sys.stderr)
    return len(result.unwritable)


def _read_config(path: Path, *, with_secrets: bool) -> tuple[LoadedConfig, list[Diagnostic]]:
    import os

    from bridge.config.fleet import fleet_warnings
    from bridge.config.load import load_config
    from bridge.config.warn import config_warnings
    from bridge.daemon.checks.channel_check import check_channels
    from bridge.daemon.checks.start_check import check_start
    from bridge.daemon.checks.tls_check import check_tls
    from bridge.language.diagnostics.diagnostic import by_place

    config = load_config(path, os.environ, with_secrets=with_secrets)
    # The folders of CI say nothing.
    warnings = config_warnings(config) if with_secrets else [*config.warnings, *fleet_warnings(config)]
    here = [*check_tls(config), *check_start(config)] if with_secrets else []
    return config, sorted([*check_channels(config), *here, *warnings], key=by_place)


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
    from bridge.cli.printing.table import many

    parts = [many(errors, "error"), many(warnings, "warning")]
    if advice:
        parts.append(f"{advice} advice")
    return ", ".join(parts)
