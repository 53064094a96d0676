"""``falco-bridge fields``: lists the fields that conditions and texts can use."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Row:
    """One field, as it is listed."""

    name: str
    type: str
    source: str
    provider: str


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "fields",
        help="list the fields of Falco and its plugins, with their types",
        description="Lists names, types, alert sources and providers of the fields of Falco 0.43 and its official "
        "plugins, and the attributes of an alert. Exits with 1 if none is found.",
        example="falco-bridge fields 'k8s.*'",
    )
    parser.add_argument("pattern", nargs="?", default="", metavar="PATTERN", help="part of the name, or a glob: k8s.*")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text or json (default text)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the fields; returns the exit code."""
    rows = _rows()
    matching = [row for row in rows if _matches(row.name, args.pattern)]
    if not matching:
        from bridge.common.suggest import did_you_mean

        hint = did_you_mean(args.pattern, [row.name for row in rows])
        print(
            f"falco-bridge fields: no field matches `{args.pattern}`" + (f"; {hint}" if hint else ""),
            file=sys.stderr,
        )
        return 1
    print(_as_json(matching) if args.format == "json" else _as_text(matching))
    return 0


def _rows() -> list[Row]:
    from bridge.alert.catalogue import catalogue
    from bridge.language.program.fields.kinds import ATTRIBUTES, LABEL

    own = [Row(name, f"{kind.value}", "*", "alert") for name, kind in ATTRIBUTES.items()]
    own.append(Row(f"{LABEL}NAME", "text", "*", "config"))
    known = [
        Row(each.name, f"list of {each.type}" if each.is_list else each.type, each.source, each.provider)
        for each in catalogue().values()
    ]
    return [*own, *sorted(known, key=lambda row: row.name)]


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    wanted, name = pattern.lower(), name.lower()
    return wanted in name if _GLOB.isdisjoint(wanted) else fnmatchcase(name, wanted)


def _as_text(rows: Sequence[Row]) -> str:
    from bridge.cli.printing.table import as_table

    header = ("NAME", "TYPE", "SOURCE", "PROVIDER")
    return as_table([header, *((row.name, row.type, row.source, row.provider) for row in rows)])


def _as_json(rows: Sequence[Row]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(row) for row in rows], indent=1)
