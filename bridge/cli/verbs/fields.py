"""``falco-bridge fields``: the fields that conditions and texts may name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Row:
    """One field for people."""

    name: str
    type: str
    source: str
    provider: str


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "fields",
        help="list the fields of Falco and its plugins, with their types",
        description="Lists names, types, event sources and providers of the fields of Falco 0.43 and its official "
        "plugins, and the attributes of an alert. Exits with 1 if none is found.",
        example="falco-bridge fields 'k8s.*'",
    )
    parser.add_argument("pattern", nargs="?", default="", metavar="PATTERN", help="part of the name, or a glob: k8s.*")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text or json (default text)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them."""
    rows = _rows()
    found = [row for row in rows if _fits(row.name, args.pattern)]
    if not found:
        from bridge.common.suggest import did_you_mean

        hint = did_you_mean(args.pattern, [row.name for row in rows])
        print(
            f"falco-bridge fields: none has `{args.pattern}` in its name" + (f"; {hint}" if hint else ""),
            file=sys.stderr,
        )
        return 1
    print(_as_json(found) if args.format == "json" else _as_table(found))
    return 0


def _rows() -> list[Row]:
    from bridge.alert.catalogue import catalogue
    from bridge.language.program.kinds import ATTRIBUTES, LABEL

    own = [Row(name, f"{kind.value}", "*", "alert") for name, kind in ATTRIBUTES.items()]
    own.append(Row(f"{LABEL}NAME", "text", "*", "config"))
    known = [
        Row(each.name, f"list of {each.type}" if each.is_list else each.type, each.source, each.provider)
        for each in catalogue().values()
    ]
    return [*own, *sorted(known, key=lambda row: row.name)]


def _fits(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    wanted, name = pattern.lower(), name.lower()
    return wanted in name if _GLOB.isdisjoint(wanted) else fnmatchcase(name, wanted)


def _as_table(rows: Sequence[Row]) -> str:
    told = [("NAME", "TYPE", "SOURCE", "PROVIDER"), *((row.name, row.type, row.source, row.provider) for row in rows)]
    widths = [max(len(row[column]) for row in told) for column in range(4)]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in told
    )


def _as_json(rows: Sequence[Row]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(row) for row in rows], indent=1)
