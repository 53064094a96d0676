"""``falco-bridge tail``: prints alerts as they are stored, with their decisions."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.arguments.journal_input import (
    NoInputError,
    add_journal,
    add_output,
    add_wanted,
    opened,
    read_input,
    read_wanted,
    warn_of_unknown,
)
from bridge.cli.arguments.numbers import whole_number

_PROBLEM = 2
_SHOWN = 10
_SEARCHED = 10_000
"""How many of the newest alerts are searched for those that are shown first."""


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "tail",
        help="print alerts as they are stored, with their decisions",
        description="Prints the newest alerts that meet CONDITION and the options, then each further one when it is "
        "stored, until interrupted (Ctrl-C). Control characters in alerts are shown as escapes.",
        example="falco-bridge tail --config falco-bridge.yaml\n"
        "falco-bridge tail 'priority >= critical' --config falco-bridge.yaml",
    )
    add_wanted(parser)
    parser.add_argument(
        "-n",
        dest="limit",
        type=whole_number(0),
        default=_SHOWN,
        metavar="N",
        help="print the newest N first (default 10)",
    )
    add_output(parser)
    add_journal(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print alerts until interrupted; returns the exit code of a problem."""
    from itertools import islice

    from bridge.cli.arguments.condition_input import are_fields
    from bridge.cli.printing.alert_output import AlertOutput
    from bridge.history.follow import follow
    from bridge.history.search import Search
    from bridge.journal import JournalError

    if not are_fields(args.fields):
        return _PROBLEM
    try:
        given = read_input(args)
        wanted = read_wanted(args, given)
        output = AlertOutput(args, given.labels)
        warn_of_unknown(args)
        with opened(given.location) as journal:
            numbers = journal.history.span()
            searched = range(max(numbers.start, numbers.stop - _SEARCHED), numbers.stop)
            newest = list(islice(Search(journal.history).newest(wanted, searched), args.limit))
            output.lines(reversed(newest))
            output.lines(follow(journal.history, wanted, numbers.stop))
    except NoInputError:
        return _PROBLEM
    except JournalError as error:
        print(f"falco-bridge tail: {error}", file=sys.stderr)
        return _PROBLEM
    return 0
