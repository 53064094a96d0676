"""``falco-bridge dead``: what could not be delivered, why, and what is to become of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.config.load import InstancePaths
    from bridge.journal.sqlite import Journal
    from bridge.journal.sqlite.dead import AttemptRecord, DeadLetter

_NONE, _PROBLEM = 1, 2
_WIDEST = 100


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "dead",
        help="list dead letters, show one, send them again or discard them",
        description="A dead letter is a delivery that a channel refused for good, or that was given up. "
        "Exits with 0, with 1 where there is no such dead letter, with 2 on a mistake.",
        example="falco-bridge dead list --config falco-bridge.yaml\n"
        "falco-bridge dead retry --channel pager --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="every dead letter, oldest first",
        example="falco-bridge dead list --channel pager --config falco-bridge.yaml",
    )
    listing.add_argument("--channel", metavar="NAME", help="of this channel only")
    show = actions.add_parser(
        "show",
        help="one dead letter with its alert and every attempt",
        example="falco-bridge dead show 7 --config falco-bridge.yaml",
    )
    show.add_argument("ids", type=int, nargs=1, metavar="ID", help="as `list` tells it")
    for action, what in (("retry", "send again"), ("discard", "let go; the history keeps them")):
        acting = actions.add_parser(
            action, help=what, example=f"falco-bridge dead {action} 7 8 --config falco-bridge.yaml"
        )
        acting.add_argument("ids", type=int, nargs="*", metavar="ID", help="as `list` tells it")
        acting.add_argument("--channel", metavar="NAME", help="all of this channel's")
        acting.add_argument("--all", action="store_true", help="all")
        acting.set_defaults(parser=acting)
    for each in actions.choices.values():
        each.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the configuration that the bridge runs with"
        )
        each.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from bridge.cli.running import places
    from bridge.journal import JournalError
    from bridge.operator.client import AdminError

    found = places(args)
    if found is None:
        return _PROBLEM
    try:
        return _act(args, found) if args.action in {"retry", "discard"} else _look(args, found)
    except (AdminError, JournalError) as error:
        print(f"falco-bridge dead: {error}", file=sys.stderr)
        return _PROBLEM


def _act(args: argparse.Namespace, places: InstancePaths) -> int:
    from bridge.cli.table import many
    from bridge.operator.dead_letters import DeadLetterAction, DeadLetterSelection, ask_fate

    if bool(args.ids) + bool(args.channel) + args.all != 1:
        args.parser.error("name dead letters by ID, or --channel NAME, or --all")
    which = DeadLetterSelection(tuple(args.ids) if args.ids else None, args.channel)
    done = ask_fate(places, DeadLetterAction.RETRY if args.action == "retry" else DeadLetterAction.DISCARD, which)
    missing = sorted(set(args.ids) - set(done))
    if args.json:
        print(json.dumps({"done": done, "no_dead_letter": missing}))
    else:
        told = "will be sent again" if args.action == "retry" else "discarded"
        print(f"{many(len(done), 'dead letter')} {told}")
    for identity in missing:
        print(f"falco-bridge dead: there is no dead letter {identity}", file=sys.stderr)
    return _NONE if missing or (args.channel and not done) else 0


def _look(args: argparse.Namespace, places: InstancePaths) -> int:
    from bridge.journal.sqlite import Journal
    from bridge.journal.sqlite.dead import dead_letters

    journal = Journal.open_to_read(places.journal)
    try:
        if args.action == "show":
            return _show(args, journal)
        count = 0
        for letter in dead_letters(journal, args.channel):
            count += 1
            print(json.dumps(_as_json(letter, [])) if args.json else _line(letter))
    finally:
        journal.close()
    if not count and not args.json:
        print("no dead letters" + (f" of channel {args.channel}" if args.channel else ""))
    return 0


def _show(args: argparse.Namespace, journal: Journal) -> int:
    from bridge.journal.sqlite.dead import attempts_of, dead_letters

    (identity,) = args.ids
    for letter in dead_letters(journal, identity=identity):
        tried = attempts_of(journal, identity)
        print(json.dumps(_as_json(letter, tried), indent=1) if args.json else "\n".join(_page(letter, tried)))
        return 0
    print(f"falco-bridge dead: there is no dead letter {identity}; see: falco-bridge dead list", file=sys.stderr)
    return _NONE


def _line(letter: DeadLetter) -> str:
    from bridge.common.text import one_line

    headline = (
        f"{letter.id}  {_moment(letter.died_ns)}  {letter.channel}  {', '.join(letter.routes)}: {letter.alert.rule}"
    )
    return f"{one_line(headline, 2 * _WIDEST)}\n    {one_line(letter.reason, 3 * _WIDEST)}"


def _page(letter: DeadLetter, tried: list[AttemptRecord]) -> Iterator[str]:
    from bridge.common.text import one_line

    alert = letter.alert
    rows = [
        ("dead letter", str(letter.id)), ("channel", letter.channel), ("route", ", ".join(letter.routes)),
        ("made", _moment(letter.made_ns)), ("died", _moment(letter.died_ns)), ("reason", letter.reason),
        ("status", "" if letter.status is None else str(letter.status)), ("attempts", str(letter.attempts)),
        ("", ""), ("alert", alert.id), ("rule", alert.rule), ("priority", str(alert.priority)),
        ("time", _moment(alert.time_ns)), ("host", alert.hostname), ("output", alert.output),
        *sorted(alert.fields.items()),
    ]  # fmt: skip
    for name, value in rows:
        if value or not name:
            yield f"{one_line(name, _WIDEST):<12}  {one_line(value, 10 * _WIDEST)}".rstrip()
    yield ""
    for each in tried:
        status = "" if each.status is None else f"{each.status}  "
        yield f"attempt {each.number:<4}  {_moment(each.at_ns)}  {status}{one_line(each.reason, 3 * _WIDEST)}"
    if len(tried) < letter.attempts:
        yield f"({letter.attempts - len(tried)} more attempts are not kept)"


def _as_json(letter: DeadLetter, tried: list[AttemptRecord]) -> dict[str, object]:
    alert = letter.alert
    body: dict[str, object] = {
        "id": letter.id, "channel": letter.channel, "routes": letter.routes, "made_ns": letter.made_ns,
        "died_ns": letter.died_ns, "attempts": letter.attempts, "status": letter.status, "reason": letter.reason,
        "alert": {"id": alert.id, "time_ns": alert.time_ns, "rule": alert.rule, "priority": str(alert.priority),
                  "source": alert.source, "hostname": alert.hostname, "output": alert.output,
                  "output_fields": dict(alert.fields)},
    }  # fmt: skip
    if tried:
        body["tried"] = [
            {"number": each.number, "at_ns": each.at_ns, "status": each.status, "reason": each.reason} for each in tried
        ]
    return body


def _moment(at_ns: int) -> str:
    from bridge.alert.alert import clock_text

    return clock_text("evt.time.iso8601", at_ns)[:19].replace("T", " ") + "Z"
