"""``falco-bridge status``: how a running bridge is doing."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bridge.cli.running import add_running, admin_socket


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "status",
        help="show how a running bridge is doing",
        description="Asks the running bridge over its admin socket. Exits with 0, or with 1 where none runs.",
    )
    add_running(parser)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask and tell."""
    from bridge.service.admin_client import AdminError, ask

    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        answer = ask(socket, "status")
    except AdminError as error:
        print(f"falco-bridge status: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0
