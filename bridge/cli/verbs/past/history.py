"""``falco-bridge history``: searches recorded alerts and their decisions, the newest first."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.journal_input import (
    NoInputError,
    add_journal,
    add_output,
    add_wanted,
    opened,
    read_input,
    read_wanted,
    unknown_in_config,
    warn_of_unknown,
)
from bridge.cli.arguments.numbers import whole_number
from bridge.cli.arguments.span import add_span, read_span
from bridge.journal.location import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.history.index.folder import IndexFolder
    from bridge.history.wanted import Wanted
    from bridge.journal.protocols import Journal
    from bridge.journal.records import RecordedAlert

_NONE, _PROBLEM = 1, 2
_SHOWN = 50


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "history",
        help="search recorded alerts and their decisions",
        description="Prints the stored alerts that meet CONDITION and the options, the newest first, with their ids "
        "and what was decided then. Times are those at which the bridge received the alerts. Exits with 0, with 1 if "
        "nothing was found, or with 2 on an error.",
        example="falco-bridge history 'k8s.ns.name = payments' --since 'yesterday 22:00' --config falco-bridge.yaml\n"
        "falco-bridge history --reason throttled --since 2h --config falco-bridge.yaml",
    )
    add_wanted(parser)
    add_span(parser)
    parser.add_argument(
        "--limit",
        type=whole_number(0),
        default=_SHOWN,
        metavar="N",
        help=f"print the newest N; 0 for all (default: {_SHOWN})",
    )
    parser.add_argument("--follow", action="store_true", help="then print alerts as they are stored, until interrupted")
    add_output(parser)
    add_journal(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was found; returns the exit code."""
    from bridge.cli.arguments.condition_input import are_fields
    from bridge.cli.printing.alert_output import AlertOutput
    from bridge.history.index.folder import IndexFolder
    from bridge.journal import JournalError

    span = read_span(args)
    if span is None or not are_fields(args.fields):
        return _PROBLEM
    try:
        given = read_input(args)
        wanted = read_wanted(args, given)
        output = AlertOutput(args, given.labels)
        with opened(given.location) as journal:
            numbers = journal.history.span(span.since_ns, span.until_ns)
            found, more = _newest(journal, IndexFolder(files_of(given.location)), wanted, numbers, args.limit)
            if args.follow:
                from bridge.history.follow import follow

                warn_of_unknown(args)
                output.lines(reversed(found))
                output.lines(follow(journal.history, wanted, numbers.stop))
            output.print(found)
    except NoInputError:
        return _PROBLEM
    except JournalError as error:
        print(f"falco-bridge history: {error}", file=sys.stderr)
        return _PROBLEM
    if more:
        print(f"falco-bridge history: the newest {args.limit} of more; --limit 0 prints all", file=sys.stderr)
    elif not found:
        print(": ".join(["falco-bridge history: no alert found", *unknown_in_config(args)]), file=sys.stderr)
    return 0 if found else _NONE


def _newest(
    journal: Journal, index: IndexFolder, wanted: Wanted, numbers: range, limit: int
) -> tuple[list[RecordedAlert], bool]:
    """The newest wanted alerts, and whether there are more."""
    from itertools import islice

    from bridge.cli.printing.progress import Progress
    from bridge.history.search import Search

    with Progress("searching") as progress:
        search = Search(journal.history, index)
        found: Iterator[RecordedAlert] = search.newest(wanted, numbers, progress.update)
        alerts = list(found if limit == 0 else islice(found, limit + 1))
    return (alerts, False) if limit == 0 else (alerts[:limit], len(alerts) > limit)
