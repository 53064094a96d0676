"""``falco-bridge suggest``: finds noise in recorded alerts, and suggests routes and silences against it."""

from __future__ import annotations

import argparse
import shutil
import stat
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.numbers import whole_number
from bridge.cli.trial.arguments import add_trial, known_redactions, read_route_set, read_trial, refuse

if TYPE_CHECKING:
    from bridge.cli.trial.arguments import Trial
    from bridge.workbench.route_sets import RouteSet
    from bridge.workbench.suggest.suggest import Request


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "suggest",
        help="suggest routes and silences that reduce noise",
        description="Finds the combinations of rule, namespace, process and pod that caused most notifications, and "
        "prints a route file with a throttle for each. Comments have the alternatives: a group, a silence, a drop. "
        "A replay of the recorded alerts measures what each would have held back. Nothing is changed. Exits with 0, or "
        "with 2 on an error.",
        example="falco-bridge suggest --since 7d --config falco-bridge.yaml",
    )
    parser.add_argument("routes", nargs="*", metavar="ROUTES", help="the routes in use (default: those of --config)")
    parser.add_argument(
        "--top", type=whole_number(1, 100), default=5, metavar="N", help="how many combinations (default 5)"
    )
    parser.add_argument(
        "--with", dest="kind", choices=("throttle", "group", "drop"), default="throttle",
        help="which option is printed as a route; the others are comments (default throttle)",
    )  # fmt: skip
    add_trial(parser, silences=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the suggestions; returns the exit code."""
    with ExitStack() as copies:
        try:
            args.alerts = [_repeatable(path, copies) for path in args.alerts]
        except OSError as error:
            refuse(args, f"the alerts cannot be stored in a temporary file ({error.strerror or error})")
            return 2
        return _suggest(args)


def _repeatable(path: str, copies: ExitStack) -> str:
    """The file, or a temporary copy of a pipe: the alerts are read twice. Raises OSError."""
    from bridge.journal.location import DatabaseLocation, location_of
    from bridge.workbench.alert_files import STANDARD_INPUT, open_to_read_once

    if path != STANDARD_INPUT and (isinstance(location_of(path), DatabaseLocation) or not _is_pipe(path)):
        return path
    copy = copies.enter_context(NamedTemporaryFile(prefix="falco-bridge-"))  # noqa: SIM115  # the stack closes it
    with open_to_read_once(path) as source:
        shutil.copyfileobj(source, copy)
    copy.flush()
    return copy.name


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:  # the reader of the file says so
        return False


def _suggest(args: argparse.Namespace) -> int:
    from bridge.cli.trial.progress import progress
    from bridge.cli.trial.replay_report import print_lines
    from bridge.cli.trial.suggest_report import suggest_json, suggest_lines
    from bridge.workbench.alert_files import AlertFileError
    from bridge.workbench.suggest.suggest import suggest

    trial = read_trial(args)
    if trial is None:
        return 2
    names = args.routes or ([] if trial.config is None else [str(path) for path in trial.config.routes])
    if not names:
        refuse(args, "name the routes in use, or --config FILE")
        return 2
    live = read_route_set(args, trial, names)
    if live is None:
        return 2
    try:
        with progress(trial.plan.parts * 2, "reading") as on_part:
            found = suggest(_request(args, trial, live, names), trial.plan, on_part)
    except AlertFileError as error:
        refuse(args, str(error))
        return 2
    config = str(args.config or "falco-bridge.yaml")
    if args.json:
        import json

        print(json.dumps(suggest_json(found, config), ensure_ascii=False))
    else:
        print_lines(suggest_lines(found, args.kind, config))
    return 0


def _request(args: argparse.Namespace, trial: Trial, live: RouteSet, names: list[str]) -> Request:
    from bridge.delivery.service_limits import MACHINES
    from bridge.workbench.route_sets import load_route_set
    from bridge.workbench.suggest.suggest import Request

    schemes = {} if trial.config is None else trial.config.schemes
    machines = frozenset(name for name, scheme in schemes.items() if scheme in MACHINES)
    used = {name for route in live.program.routes for name in route.channels} | set(live.program.otherwise)
    return Request(
        live,
        lambda before: load_route_set(names, trial.config, trial.labels, before),
        known_redactions(trial, live),
        frozenset() if used <= machines else machines,
        args.top,
    )
