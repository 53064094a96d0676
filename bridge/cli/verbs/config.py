"""``falco-bridge config``: shows a config with all defaults filled in and secrets hidden."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

_INVALID = 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "config",
        help="show a config with all defaults filled in",
        description="Prints the config as YAML, with every default filled in and secrets hidden. Exits with 2 if the "
        "config has errors.",
        example="falco-bridge config --show --config falco-bridge.yaml",
    )
    parser.add_argument("--show", action="store_true", required=True, help="print the config")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the config")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it, or its errors."""
    from bridge.config.load import load_config
    from bridge.config.show import shown

    loaded = load_config(args.config, os.environ)
    if loaded.config is None:
        print(loaded.errors().text(), end="", file=sys.stderr)
        return _INVALID
    print(shown(loaded.config), end="")
    return 0
