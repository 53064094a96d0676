"""``falco-bridge diff``: shows how the notifications of two sets of routes differ for recorded alerts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.trial.arguments import add_trial, known_redactions, read_route_set, read_trial, refuse

if TYPE_CHECKING:
    from bridge.cli.trial.arguments import Trial
    from bridge.workbench.replay.difference import DifferenceTally, TwoSets

_DIFFERS = 1


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "diff",
        help="show which notifications a change of routes adds and removes",
        description="Routes recorded alerts through two sets of routes, and shows which notifications are gained, lost "
        "or changed for each channel and route. A set is a .route file, a folder, a config, or REVISION:PATH of git, "
        "such as HEAD~1:routes/. With one set, OLD is the routes of --config. Exits as diff does: 0 if nothing "
        "differs, 1 if something does, 2 on an error. --shadow prints what a running bridge found on live traffic.",
        example="falco-bridge diff routes/ candidate/ --since 7d --config falco-bridge.yaml\n"
        "falco-bridge diff origin/main:routes/ routes/ --from alerts.jsonl --markdown\n"
        "falco-bridge diff --shadow --config falco-bridge.yaml",
    )
    parser.add_argument("sets", nargs="*", metavar="[OLD] NEW", help="the routes to compare")
    parser.add_argument(
        "--shadow", action="store_true",
        help="print what a running bridge found about the routes of `shadow` in its --config",
    )  # fmt: skip
    parser.add_argument("--socket", type=Path, metavar="PATH", help="with --shadow: the bridge's admin socket")
    form = parser.add_argument_group("output")
    form.add_argument("--markdown", action="store_true", help="print Markdown, for a pull request")
    add_trial(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare and print the report; returns the exit code."""
    from bridge.cli.trial.progress import progress
    from bridge.workbench.alert_files import AlertFileError
    from bridge.workbench.replay.difference import replay_both

    if args.json and args.markdown:
        refuse(args, "--json and --markdown exclude each other")
        return 2
    if args.shadow or args.socket is not None:
        from bridge.cli.trial.shadow_report import diff_shadow

        return diff_shadow(args)
    trial = read_trial(args)
    sets = None if trial is None else _read_sets(args, trial)
    if trial is None or sets is None:
        return 2
    try:
        with progress(trial.plan.parts, "comparing") as on_part:
            tally = replay_both(sets, trial.plan, on_part)
    except AlertFileError as error:
        refuse(args, str(error))
        return 2
    _print(args, trial, sets, tally)
    return _DIFFERS if tally.differences.differs else 0


def _read_sets(args: argparse.Namespace, trial: Trial) -> TwoSets | None:
    from bridge.workbench.replay.difference import TwoSets
    from bridge.workbench.replay.replay import Replay

    names = list(args.sets)
    if len(names) == 1 and args.config is not None:
        names.insert(0, str(args.config))
    if len(names) != 2:
        refuse(args, "name two sets of routes, OLD and NEW; with --config, NEW alone")
        return None
    old, new = (read_route_set(args, trial, [name]) for name in names)
    if old is None or new is None:
        return None
    redactions = known_redactions(trial, old, new)
    silences = trial.past.silences
    before, after = (Replay(each.router(), each.labels, redactions, silences, args.samples) for each in (old, new))
    return TwoSets(before, after)


def _print(args: argparse.Namespace, trial: Trial, sets: TwoSets, tally: DifferenceTally) -> None:
    from bridge.cli.trial.diff_report import diff_json, diff_lines, diff_markdown
    from bridge.cli.trial.replay_report import print_lines

    unjudged = sets.unjudged(tally)
    routes = [*sets.old.router.program.routes, *sets.new.router.program.routes]
    remembering = len({route.name for route in routes if route.remembers})
    if args.json:
        import json

        print(json.dumps(diff_json(tally, unjudged) | {"silences": trial.silences_json()}, ensure_ascii=False))
    else:
        print_lines((diff_markdown if args.markdown else diff_lines)(tally, unjudged, remembering, [*trial.remarks()]))
