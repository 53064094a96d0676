"""``falco-bridge falco-config``: prints the append_output section that the routes need in falco.yaml."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.arguments.routes_input import add_routes, read_routes


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
    """Print the section. Returns 0, also if nothing is needed, or 2 on an error."""
    from bridge.matching.analysis.reach import as_yaml, extras, is_unverified, never_emitted, unprintable

    routes = read_routes(args)
    if routes is None:
        return 2
    rules = routes.loaded.falco_rules
    if rules is None or not rules.rules:
        print("falco-bridge falco-config: name Falco's rules with --rules FILE, or import them", file=sys.stderr)
        return 2
    falco_rules = list(rules.rules.values())
    for route in routes.program.routes:
        for name, remedy in unprintable(route).items():
            print(f"# {name} (route {_quoted(route.name)}): no alert contains it; {remedy}")
        for name in sorted(filter(is_unverified, never_emitted(route, falco_rules))):
            print(f"# {name} (route {_quoted(route.name)}) is left out: Falco may not know it; see falco --list")
    extra_fields = extras(routes.program.routes, falco_rules, all_rules=True)
    if not extra_fields:
        print("# nothing to append: every rule already outputs the fields that the routes read")
        return 0
    print("append_output:")
    for extra in extra_fields:
        kind, name = extra.match
        print(f"  - match:\n      {kind}: {_quoted(name)}\n    extra_fields:")
        for field in extra.fields:
            print(f"      - {as_yaml(field)}")
    return 0


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)
