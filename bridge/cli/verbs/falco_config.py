"""``falco-bridge falco-config``: what falco.yaml must append so that routes find the fields they read."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.routes_input import add_routes, read_routes


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "falco-config",
        help="print the append_output section for falco.yaml that the routes need",
        description="An alert contains only the fields that its rule's output names. Prints the section of falco.yaml "
        "that adds the fields that the routes read, for every rule that can match them.",
        example="falco-bridge falco-config payments.route --rules falco_rules.yaml",
    )
    add_routes(parser, rules=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the fragment; 0 also where nothing is needed, 2 on a mistake."""
    from bridge.matching.analysis.reach import as_yaml, extras

    routes = read_routes(args)
    if routes is None:
        return 2
    rules = routes.loaded.falco_rules
    if rules is None or not rules.rules:
        print("falco-bridge falco-config: name Falco's rules with --rules FILE, or import them", file=sys.stderr)
        return 2
    found = extras(routes.program.routes, rules.rules.values(), all_rules=True)
    if not found:
        print("# nothing to append: every rule emits what the routes read of its source")
        return 0
    print("append_output:")
    for extra in found:
        kind, name = extra.match
        print(f"  - match:\n      {kind}: {_quoted(name)}\n    extra_fields:")
        for field in extra.fields:
            print(f"      - {as_yaml(field)}")
    return 0


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)
