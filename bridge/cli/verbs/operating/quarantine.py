"""``falco-bridge quarantine``: shows messages that could not be parsed as alerts. Works on the journal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.ids import number_of
from bridge.cli.arguments.numbers import whole_number
from bridge.cli.arguments.running import instance_paths
from bridge.journal.location import location_of

if TYPE_CHECKING:
    from bridge.journal.protocols import History
    from bridge.journal.records import QuarantinedMessage

_LISTED = 50
_BEGINNING = 60
_NONE, _PROBLEM = 1, 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "quarantine",
        help="show messages that could not be parsed as alerts",
        description="The quarantine holds the newest 1000 rejected messages, each with the reason. The journal is "
        "read, whether the bridge runs or not. Invisible bytes are written as escapes. Exits with 1 if `show` or "
        "`export` finds no such message.",
        example="falco-bridge quarantine list --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="list the newest messages, one per line",
        example="falco-bridge quarantine list --config falco-bridge.yaml --limit 10",
    )
    listing.add_argument(
        "--limit", type=whole_number(1), default=_LISTED, metavar="N", help=f"maximum number (default {_LISTED})"
    )
    show = actions.add_parser(
        "show", help="show one message in full", example="falco-bridge quarantine show 7 --config falco-bridge.yaml"
    )
    number = number_of("a quarantined message", "falco-bridge quarantine list")
    show.add_argument("number", type=number, metavar="NUMBER", help="a number from `list`")
    export = actions.add_parser(
        "export",
        help="print all messages as JSON lines, or the exact bytes of one",
        example="falco-bridge quarantine export 7 --config falco-bridge.yaml > alert",
    )
    export.add_argument(
        "number", type=number, nargs="?", metavar="NUMBER", help="print the exact bytes of this message"
    )
    for each in (listing, show, export):
        which = each.add_mutually_exclusive_group(required=True)
        which.add_argument("--config", type=Path, metavar="FILE", help="the config that names the journal")
        which.add_argument("--journal", type=location_of, metavar="JOURNAL", help="a file, or a database's URL")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, show or export."""
    from bridge.journal import JournalError
    from bridge.journal.opening import open_to_read

    path = args.journal
    if path is None:
        paths = instance_paths(args)
        if paths is None:
            return _PROBLEM
        path = paths.journal
    try:
        journal = open_to_read(path)
        try:
            return _act(args, journal.history)
        finally:
            journal.close()
    except JournalError as error:
        print(f"falco-bridge quarantine: {error}", file=sys.stderr)
        return _PROBLEM


def _act(args: argparse.Namespace, history: History) -> int:
    if args.action == "list":
        return _list(history.newest_quarantined(args.limit))
    if args.number is None:
        return _export(history.quarantine())
    message = history.quarantined(args.number)
    if message is None:
        remedy = "see: falco-bridge quarantine list"
        print(f"falco-bridge quarantine: message {args.number} is not in the quarantine; {remedy}", file=sys.stderr)
        return _NONE
    return _show(message) if args.action == "show" else _raw(message)


def _list(messages: list[QuarantinedMessage]) -> int:
    from bridge.cli.printing.table import as_table, moment
    from bridge.common.text import one_line

    if not messages:
        print("the quarantine is empty")
        return 0
    rows = [("number", "received", "source", "the message …", "starts with")]
    rows += [
        (str(each.number), moment(each.received_ns), one_line(each.source_name, 40), one_line(each.reason, 100),
         one_line(_text(each.raw[: 4 * _BEGINNING]), _BEGINNING))
        for each in messages
    ]  # fmt: skip
    print(as_table(rows))
    return 0


def _show(message: QuarantinedMessage) -> int:
    from bridge.cli.printing.table import moment
    from bridge.common.text import one_line, visible

    print(f"number    {message.number}")
    print(f"received  {moment(message.received_ns)}, from {one_line(message.source_name, 100)}")
    print(f"reason    the message {one_line(message.reason, 500)}")
    print(f"\n{visible(_text(message.raw), keep=chr(10))}")
    return 0


def _export(messages: Iterator[QuarantinedMessage]) -> int:
    import msgspec

    from bridge.operator.operations.quarantine import quarantined

    for each in messages:
        print(msgspec.json.encode(quarantined(each)).decode())
    return 0


def _raw(message: QuarantinedMessage) -> int:
    if sys.stdout.isatty():
        print(
            "falco-bridge quarantine: these bytes could change the terminal; redirect them to a file, or use show",
            file=sys.stderr,
        )
        return _PROBLEM
    sys.stdout.buffer.write(message.raw)
    return 0


def _text(raw: bytes) -> str:
    r"""As text; bytes that are not UTF-8 are written as ``\xff``."""
    return raw.decode("utf-8", "backslashreplace")
