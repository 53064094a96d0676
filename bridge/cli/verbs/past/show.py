"""``falco-bridge show``: shows one alert with its decisions, deliveries, attempts and incidents."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from bridge.cli.arguments.config_names import unknown_names
from bridge.cli.arguments.ids import other_kinds
from bridge.cli.arguments.journal_input import NoInputError, add_journal, opened, read_input

_NONE, _PROBLEM = 1, 2
_MOST = 20


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "show",
        help="show an alert with its decisions and deliveries",
        description="Shows one stored alert: what each route decided then and why, every delivery with every attempt, "
        "the digests and joins that name it, and what its incidents sent later. Exits with 0, with 1 if no alert has "
        "the id, or with 2 on an error.",
        example="falco-bridge show 98eb6bfa3c1d2e4f --config falco-bridge.yaml\n"
        "falco-bridge show 98eb6bfa3c1d2e4f --channel pager --config falco-bridge.yaml",
    )
    parser.add_argument("id", metavar="ID", help="an id, or its start")
    parser.add_argument(
        "--channel", default="", metavar="NAME", help="first show whether it reached this channel, and why not"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_journal(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the alert; returns the exit code."""
    from bridge.cli.printing.story_page import story_lines, story_object
    from bridge.history.story import read_story
    from bridge.journal import JournalError

    try:
        with opened(read_input(args).location) as journal:
            found = journal.history.alerts_with_id(args.id, _MOST)
            if len(found) != 1:
                return _not_one(args.id, [each.alert.id for each in found])
            story = read_story(journal, found[0])
    except NoInputError:
        return _PROBLEM
    except JournalError as error:
        print(f"falco-bridge show: {error}", file=sys.stderr)
        return _PROBLEM
    if args.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(story_object(story)), indent=1).decode())
    else:
        print("\n".join(story_lines(story, args.channel)))
    if args.channel and not story.of_channel(args.channel):
        for sentence in unknown_names(args.config, channel=args.channel):
            print(f"falco-bridge show: {sentence}", file=sys.stderr)
    return 0


def _not_one(start: str, ids: list[str]) -> int:
    from bridge.common.text import one_line

    shown = one_line(start, 40)
    if not ids:
        more = other_kinds(start, "an alert") or "; `falco-bridge history` lists alerts with their ids"
        print(f"falco-bridge show: no stored alert has an id that starts with {shown}{more}", file=sys.stderr)
        return _NONE
    more = " and more" if len(ids) == _MOST else ""
    print(f"falco-bridge show: several ids start with {shown}:", *ids, sep="\n  ", end=f"{more}\n", file=sys.stderr)
    return _PROBLEM
