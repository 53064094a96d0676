"""``falco-bridge journal backup``: copies the journal with its keys, while the bridge runs or not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "journal",
        help="back up the journal",
        description="A backup is one consistent state of the journal. Exits with 0, or with 2 if it could not be "
        "written.",
        example="falco-bridge journal backup /backup/journal-2026-11-27.db --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    backing_up = actions.add_parser(
        "backup",
        help="copy the journal and its keys, while the bridge runs or not",
        description="The copy has mode 0600, as have its keys beside it: FILE.key, and FILE.links.key if there are "
        "acknowledgement links. An existing FILE is not changed. To restore it, stop the bridge and copy all of them "
        "to the journal's path.",
        example="falco-bridge journal backup /backup/journal.db --config falco-bridge.yaml",
    )
    backing_up.add_argument("file", type=Path, metavar="FILE", help="the copy; its folder must exist")
    backing_up.add_argument("--config", type=Path, required=True, metavar="FILE", help="the bridge's config")
    backing_up.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the backup."""
    import json

    from bridge.cli.running import instance_paths
    from bridge.cli.table import size
    from bridge.journal import JournalError
    from bridge.journal.opening import backup

    paths = instance_paths(args)
    if paths is None:
        return 2
    try:
        written = backup(paths.journal, args.file)
    except JournalError as error:
        print(f"falco-bridge journal: {error}", file=sys.stderr)
        return 2
    sizes = {str(path): path.stat().st_size for path in written}
    if args.json:
        print(json.dumps({"files": sizes}))
    else:
        print("\n".join(f"{path}  {size(count)}" for path, count in sizes.items()))
    return 0
