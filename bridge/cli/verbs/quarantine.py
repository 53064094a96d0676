"""``falco-bridge quarantine``: what came in and was no alert. Read from the journal, whether the bridge runs or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.running import places

if TYPE_CHECKING:
    from bridge.journal.sqlite.journal import Journal
    from bridge.journal.sqlite.quarantine import QuarantinedMessage

_LISTED = 50
_BEGINNING = 60
_NONE, _PROBLEM = 1, 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "quarantine",
        help="show what came in and was no alert",
        description="The newest 1000 messages that a source brought and that were no alert, each with the reason; read "
        "from the journal, whether the bridge runs or not. Bytes that cannot be seen are written out. Exits with 1 "
        "where `show` or `export` finds no such number.",
        example="falco-bridge quarantine list --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="the newest ones, a line each",
        example="falco-bridge quarantine list --config falco-bridge.yaml --most 10",
    )
    listing.add_argument("--most", type=int, default=_LISTED, metavar="N", help=f"how many ({_LISTED})")
    show = actions.add_parser(
        "show", help="one of them, whole", example="falco-bridge quarantine show 7 --config falco-bridge.yaml"
    )
    show.add_argument("number", type=int, metavar="NUMBER", help="as `list` tells it")
    export = actions.add_parser(
        "export",
        help="all of them as JSON lines, or the very bytes of one",
        example="falco-bridge quarantine export 7 --config falco-bridge.yaml > alert",
    )
    export.add_argument("number", type=int, nargs="?", metavar="NUMBER", help="this one's bytes, as they came")
    for each in (listing, show, export):
        which = each.add_mutually_exclusive_group(required=True)
        which.add_argument("--config", type=Path, metavar="FILE", help="the configuration that names the journal")
        which.add_argument("--journal", type=Path, metavar="PATH", help="the journal itself")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, show or export."""
    from bridge.journal import JournalError
    from bridge.journal.sqlite import Journal

    path = args.journal
    if path is None:
        found = places(args)
        if found is None:
            return _PROBLEM
        path = found.journal
    try:
        journal = Journal.open_to_read(path)
        try:
            return _act(args, journal)
        finally:
            journal.close()
    except JournalError as error:
        print(f"falco-bridge quarantine: {error}", file=sys.stderr)
        return _PROBLEM


def _act(args: argparse.Namespace, journal: Journal) -> int:
    from bridge.journal.sqlite.quarantine import all_of_it, by_number, newest

    if args.action == "list":
        return _list(newest(journal, max(args.most, 0)))
    if args.number is None:
        return _export(all_of_it(journal))
    aside = by_number(journal, args.number)
    if aside is None:
        print(f"falco-bridge quarantine: there is no number {args.number}, or not any more", file=sys.stderr)
        return _NONE
    return _show(aside) if args.action == "show" else _raw(aside)


def _list(found: list[QuarantinedMessage]) -> int:
    from bridge.cli.table import as_table, moment
    from bridge.common.text import one_line

    if not found:
        print("nothing was kept aside")
        return 0
    rows = [("number", "received", "source", "the message …", "begins")]
    rows += [
        (str(each.number), moment(each.received_ns), one_line(each.road, 40), one_line(each.reason, 100),
         one_line(_seen(each.raw[: 4 * _BEGINNING]), _BEGINNING))
        for each in found
    ]  # fmt: skip
    print(as_table(rows))
    return 0


def _show(aside: QuarantinedMessage) -> int:
    from bridge.cli.table import moment
    from bridge.common.text import one_line, visible

    print(f"number    {aside.number}")
    print(f"received  {moment(aside.received_ns)}, by {one_line(aside.road, 100)}")
    print(f"reason    the message {one_line(aside.reason, 500)}")
    print(f"\n{visible(_seen(aside.raw), keep=chr(10))}")
    return 0


def _export(found: Iterator[QuarantinedMessage]) -> int:
    import json

    for each in found:
        line = {"number": each.number, "received_ns": each.received_ns, "road": each.road, "reason": each.reason}
        print(json.dumps(line | {"raw": _seen(each.raw)}))
    return 0


def _raw(aside: QuarantinedMessage) -> int:
    if sys.stdout.isatty():
        print(
            "falco-bridge quarantine: these bytes may hold anything; write them to a file, or use show", file=sys.stderr
        )
        return _PROBLEM
    sys.stdout.buffer.write(aside.raw)
    return 0


def _seen(raw: bytes) -> str:
    r"""As text; what is no UTF-8 is written out, ``\xff``."""
    return raw.decode("utf-8", "backslashreplace")
