"""``falco-bridge config-schema``: the JSON Schema of the config, for editors."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "config-schema",
        help="print the JSON Schema of the config, for editors",
        description="Prints the JSON Schema of falco-bridge.yaml. Editors use it to complete keys and show their "
        "meaning.",
        example="falco-bridge config-schema > falco-bridge.schema.json",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print it."""
    import json

    from bridge.config.json_schema import config_schema

    print(json.dumps(config_schema(), indent=2, ensure_ascii=False))
    return 0
