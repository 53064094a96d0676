"""``falco-bridge journal``: backs up a journal, and upgrades the tables of a database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from bridge.journal.location import location_of


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "journal",
        help="back up the journal, or upgrade its database",
        description="Exits with 0, or with 2 if something failed.",
        example="falco-bridge journal backup /backup/journal-2026-11-27.db --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    backing_up = actions.add_parser(
        "backup",
        help="copy the journal and its keys, while the bridge runs or not",
        description="The copy is one consistent state. It has mode 0600, as have its keys beside it: FILE.key, and "
        "FILE.links.key if there are acknowledgement links. An existing FILE is not changed. To restore it, stop the "
        "bridge and copy all of them to the journal's path.",
        example="falco-bridge journal backup /backup/journal.db --config falco-bridge.yaml",
    )
    backing_up.add_argument("file", type=Path, metavar="FILE", help="the copy; its folder must exist")
    backing_up.add_argument("--config", type=Path, required=True, metavar="FILE", help="the bridge's config")
    backing_up.add_argument("--json", action="store_true", help="print JSON")
    _add_migrate(actions)
    _add_copy(actions)
    parser.set_defaults(run=run)


def _add_migrate(actions: Any) -> None:
    migrating = actions.add_parser(
        "migrate",
        help="create or upgrade the tables of a journal in PostgreSQL",
        description="The bridge does this when it starts, if its role may create tables. Run it as another role where "
        "the bridge's role may not. Older versions of the bridge can use the result, unless --contract is given.",
        example="falco-bridge journal migrate --journal postgresql://owner@db.example.org/falco",
    )
    which = migrating.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the bridge's config")
    which.add_argument("--journal", type=location_of, metavar="URL", help="the database, for another role")
    migrating.add_argument(
        "--contract", action="store_true", help="also remove what only older versions of the bridge need"
    )
    migrating.add_argument("--json", action="store_true", help="print JSON")


def _add_copy(actions: Any) -> None:
    copying = actions.add_parser(
        "copy",
        help="copy a journal between a file and PostgreSQL",
        description="Copies everything, and compares the copy with the original; a copy that was interrupted is "
        "continued by the same command. No bridge may use either of them meanwhile. FROM and TO are files or URLs; "
        "libpq takes passwords from PGPASSFILE or PGPASSWORD, so that no other user sees them.",
        example="falco-bridge journal copy /var/lib/falco-bridge/journal.db postgresql://falco_bridge@db/falco",
    )
    copying.add_argument("source", type=location_of, metavar="FROM", help="the journal")
    copying.add_argument("target", type=location_of, metavar="TO", help="a new file, or a database without a journal")
    copying.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    from bridge.journal import JournalError

    actions = {"migrate": _migrate, "copy": _copy, "backup": _backup}
    try:
        return actions[args.action](args)
    except JournalError as error:
        print(f"falco-bridge journal: {error}", file=sys.stderr)
        return 2


def _migrate(args: argparse.Namespace) -> int:
    import json

    from bridge.cli.arguments.running import instance_paths
    from bridge.journal.opening import migrate

    location = args.journal
    if location is None:
        paths = instance_paths(args)
        if paths is None:
            return 2
        location = paths.journal
    before, now = migrate(location, contract=args.contract)
    if args.json:
        print(json.dumps({"before": before, "now": now}))
    elif before == now:
        print(f"{location} has format {now} already")
    else:
        print(f"{location} has format {now}" + (f", before {before}" if before else ": an empty journal"))
    return 0


def _copy(args: argparse.Namespace) -> int:
    import json

    from bridge.cli.printing.progress import Progress
    from bridge.journal.opening import copy

    with Progress("copying and comparing", "rows") as progress:
        done = copy(args.source, args.target, progress.update)
    if args.json:
        print(json.dumps({"alerts": done.alerts, "deliveries": done.deliveries, "copied": done.copied}))
    else:
        print(f"{args.target} has {done.alerts:,} alerts and {done.deliveries:,} deliveries, the same as {args.source}")
    return 0


def _backup(args: argparse.Namespace) -> int:
    import json

    from bridge.cli.arguments.running import instance_paths
    from bridge.cli.printing.table import size
    from bridge.journal.opening import backup

    paths = instance_paths(args)
    if paths is None:
        return 2
    written = backup(paths.journal, args.file)
    sizes = {str(path): path.stat().st_size for path in written}
    if args.json:
        print(json.dumps({"files": sizes}))
    else:
        print("\n".join(f"{path}  {size(count)}" for path, count in sizes.items()))
    return 0
