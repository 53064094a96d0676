"""``falco-bridge replay``: shows what routes would have sent for recorded alerts, per channel and route, over time."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.trial.arguments import add_trial, known_redactions, read_route_set, read_trial


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "replay",
        help="show what routes would have sent for recorded alerts",
        description="Routes recorded alerts in virtual time, clauses with memory included, and shows how many "
        "notifications each route would have sent to each channel, when, and for which alerts. Nothing is sent. "
        "ROUTES replace the config's routes; without ROUTES, those are replayed. Exits with 0, or with 2 on an error.",
        example="falco-bridge replay candidate/ --since 7d --config falco-bridge.yaml\n"
        "falco-bridge replay payments.route --from alerts.jsonl --json",
    )
    parser.add_argument(
        "routes", nargs="*", metavar="ROUTES", help=".route files, folders with them, or REVISION:PATH of git"
    )
    add_trial(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay and print the report; returns the exit code."""
    from bridge.cli.trial.progress import progress
    from bridge.cli.trial.replay_report import print_lines, replay_json, replay_lines
    from bridge.workbench.alert_files import AlertFileError
    from bridge.workbench.replay.replay import Replay, replay

    trial = read_trial(args)
    if trial is None:
        return 2
    names = args.routes or ([] if trial.config is None else [str(path) for path in trial.config.routes])
    if not names:
        print("falco-bridge replay: name .route files or folders, or --config FILE", file=sys.stderr)
        return 2
    routes = read_route_set(args, trial, names)
    if routes is None:
        return 2
    redactions, silences = known_redactions(trial, routes), trial.past.silences
    what = Replay(routes.router(), routes.labels, redactions, silences, args.samples)
    try:
        with progress(trial.plan.parts, "replaying") as on_part:
            tally = replay(what, trial.plan, on_part)
    except AlertFileError as error:
        print(f"falco-bridge replay: {error}", file=sys.stderr)
        return 2
    unjudged = what.masks().unjudged(tally.masked)
    if args.json:
        import json

        found = replay_json(tally, routes.program, unjudged) | {"silences": trial.silences_json()}
        print(json.dumps(found, ensure_ascii=False))
    else:
        print_lines([*replay_lines(tally, routes.program, unjudged), *trial.remarks()])
    return 0
