"""``falco-bridge ack``: acknowledges incidents of a running bridge, which cancels their escalations."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.cli.arguments.ids import written
from bridge.cli.arguments.running import add_running


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "ack",
        help="acknowledge incidents, which cancels their escalations",
        description="An acknowledgement cancels the escalations (`to … after`) of an incident. New notifications of "
        "the incident are still sent.",
        example="falco-bridge ack 'rm -rf in prod' --config falco-bridge.yaml",
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

    return run_with(args, lambda client: change(client, "acknowledge", args.target))
