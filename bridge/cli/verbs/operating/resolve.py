"""``falco-bridge resolve``: ends incidents of a running bridge."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.cli.arguments.ids import written
from bridge.cli.arguments.running import add_running


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "resolve",
        help="end incidents",
        description="Ends incidents. PagerDuty, Opsgenie and Alertmanager are notified. A later match opens the "
        "incident again.",
        example="falco-bridge resolve 'rm -rf in prod' --config falco-bridge.yaml",
    )
    parser.add_argument(
        "target",
        type=written("an id or the name of a route"),
        metavar="ID|ROUTE",
        help="an incident's id, or a route's name for all its incidents",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_running(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Change the incidents."""
    from bridge.cli.printing.incidents import change, run_with

    return run_with(args, lambda client: change(client, "resolve", args.target))
