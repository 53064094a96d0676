"""``falco-bridge incidents``: lists the incidents of a running bridge."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.running import add_running

if TYPE_CHECKING:
    from bridge.operator.client import AdminClient
    from bridge.operator.model.incidents import IncidentList


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "incidents",
        help="list incidents",
        description="An incident is a route and the key of its `group`, `throttle` or other clause. The list has those "
        "that are open, acknowledged, or resolved in the last 24 hours; the latest match comes first.",
        example="falco-bridge incidents --open --config falco-bridge.yaml",
    )
    parser.add_argument("--open", action="store_true", help="only those that are not acknowledged")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_running(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the incidents."""
    from bridge.cli.printing.incidents import run_with

    return run_with(args, lambda client: _listed(client, only_open=args.open))


def _listed(client: AdminClient, *, only_open: bool) -> IncidentList:
    from bridge.operator.model.incidents import IncidentList

    return client.get(f"/api/v1/incidents{'?open=true' if only_open else ''}", IncidentList)
