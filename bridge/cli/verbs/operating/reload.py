"""``falco-bridge reload``: makes a running bridge read its config, routes and secrets again."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.arguments.running import add_running

_SECONDS = 120.0


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "reload",
        help="make a running bridge read its config and routes again",
        description="The bridge reads config, routes, imports and secrets again, and uses them if they have no error. "
        "It also does this by itself when a file changes. Exits with 0, with 1 if there is an error and the running "
        "config stays, with 2 if the bridge cannot be reached.",
        example="falco-bridge reload --config falco-bridge.yaml",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_running(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Reload."""
    import msgspec

    from bridge.cli.arguments.running import admin_socket
    from bridge.operator.client import AdminClient, AdminError
    from bridge.operator.model.reload import ReloadResult

    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        result = AdminClient(socket).post("/api/v1/reload", ReloadResult, seconds=_SECONDS)
    except AdminError as error:
        print(f"falco-bridge reload: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(msgspec.json.encode(result).decode())
        return 0 if (result.applied or result.waits) and not result.kept else 1
    print(result.report, end="", file=sys.stderr)
    if result.waits:
        print("loaded")
        return 0
    if not result.applied:
        print("falco-bridge reload: rejected; the bridge keeps the running config", file=sys.stderr)
        return 1
    print("reloaded")
    for change in result.changes:
        print(change)
    for key in result.restart:
        print(f"`{key}` has changed; restart the bridge to use it")
    for clause in result.forgotten:
        print(f"clause state removed: {clause}")
    if result.kept:
        kept = ", ".join(result.kept)
        print(f"falco-bridge reload: the bridge keeps the previous routes of {kept}", file=sys.stderr)
    return 1 if result.kept else 0
