"""What verbs that speak to a running bridge have in common: how it is named, asked, and told to be missing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.config.load import InstancePaths


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` and ``--socket``, of which one is needed."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the configuration that the bridge runs with")
    which.add_argument("--socket", type=Path, metavar="PATH", help="the bridge's admin socket")


def admin_socket(args: argparse.Namespace) -> Path | None:
    """Where the bridge listens; None, and said, where the config does not tell."""
    if args.socket is not None:
        return Path(args.socket)
    found = places(args)
    return None if found is None else found.admin


def places(args: argparse.Namespace) -> InstancePaths | None:
    """The socket and the journal that the config names; None, and said, where it names none."""
    from bridge.config.load import InstancePaths, find_instance_paths

    found = find_instance_paths(args.config, os.environ)
    if isinstance(found, InstancePaths):
        return found
    for problem in found:
        print(f"falco-bridge: {problem.text()}", file=sys.stderr)
    return None
