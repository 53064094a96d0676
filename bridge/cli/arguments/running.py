"""Options and paths of the verbs that work on a bridge's admin socket or journal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.config.load import InstancePaths


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` and ``--socket``; one of them is required."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the config that the bridge runs with")
    which.add_argument("--socket", type=Path, metavar="PATH", help="the bridge's admin socket")


def admin_socket(args: argparse.Namespace) -> Path | None:
    """The bridge's admin socket; None, with the problems printed, if the config is wrong."""
    if args.socket is not None:
        return Path(args.socket)
    found = instance_paths(args)
    return None if found is None else found.admin


def instance_paths(args: argparse.Namespace) -> InstancePaths | None:
    """The admin socket and journal of ``--config``; None, with the problems printed, if the config is wrong."""
    from bridge.config.load import InstancePaths, find_instance_paths

    found = find_instance_paths(args.config, os.environ)
    if isinstance(found, InstancePaths):
        return found
    print(found.text(), end="", file=sys.stderr)
    return None
