"""``falco-bridge dead``: lists dead letters, shows one, retries or discards them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.ids import number_of

if TYPE_CHECKING:
    from bridge.config.load import InstancePaths
    from bridge.journal.protocols import DeadLetterQueue
    from bridge.operator.model.dead_letters import DeadLetterDetail, DeadLetterSummary, SelectDeadLetters

_NONE, _PROBLEM = 1, 2
_WIDEST = 100
_CHANGE_SECONDS = 300.0


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "dead",
        help="list, show, retry or discard dead letters",
        description="A dead letter is a delivery that is not tried again: the channel rejected it permanently, or "
        "it is too old. Exits with 0, with 1 if there is no such dead letter, with 2 if the command or config is "
        "wrong.",
        example="falco-bridge dead list --config falco-bridge.yaml\n"
        "falco-bridge dead retry --channel pager --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list dead letters, oldest first",
        example="falco-bridge dead list --channel pager --config falco-bridge.yaml",
    )
    listing.add_argument("--channel", metavar="NAME", help="only those of this channel")
    show = actions.add_parser(
        "show",
        help="show one dead letter with its alert and attempts",
        example="falco-bridge dead show 7 --config falco-bridge.yaml",
    )
    number = number_of("a dead letter", "falco-bridge dead list")
    show.add_argument("ids", type=number, nargs=1, metavar="ID", help="an id from `list`")
    for action, what in (("retry", "send dead letters again"), ("discard", "discard dead letters")):
        acting = actions.add_parser(
            action, help=what, example=f"falco-bridge dead {action} 7 8 --config falco-bridge.yaml"
        )
        acting.add_argument("ids", type=number, nargs="*", metavar="ID", help="ids from `list`")
        acting.add_argument("--channel", metavar="NAME", help="all dead letters of this channel")
        acting.add_argument("--all", action="store_true", help="all dead letters")
        acting.set_defaults(parser=acting)
    for each in actions.choices.values():
        each.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="the config that the bridge runs with"
        )
        each.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from bridge.cli.arguments.running import instance_paths
    from bridge.journal import JournalError
    from bridge.operator.client import AdminError

    paths = instance_paths(args)
    if paths is None:
        return _PROBLEM
    try:
        return _change(args, paths) if args.action in {"retry", "discard"} else _read(args, paths)
    except (AdminError, JournalError) as error:
        print(f"falco-bridge dead: {error}", file=sys.stderr)
        return _PROBLEM


def _change(args: argparse.Namespace, paths: InstancePaths) -> int:
    import msgspec

    from bridge.cli.printing.table import many
    from bridge.operator.model.dead_letters import SelectDeadLetters

    if bool(args.ids) + bool(args.channel) + args.all != 1:
        args.parser.error("give one of: ID…, --channel NAME, --all")
    changed = _changed(args.action, paths, SelectDeadLetters(args.ids or None, args.channel, args.all))
    missing = sorted(set(args.ids) - set(changed))
    if args.json:
        print(msgspec.json.encode({"ids": changed, "missing": missing}).decode())
    else:
        print(f"{many(len(changed), 'dead letter')} {'will be sent again' if args.action == 'retry' else 'discarded'}")
    if not changed and args.channel:
        _print_unknown(args)
    for identity in missing:
        print(f"falco-bridge dead: there is no dead letter {identity}; see: falco-bridge dead list", file=sys.stderr)
    return _NONE if missing or (args.channel and not changed) else 0


def _changed(action: str, paths: InstancePaths, which: SelectDeadLetters) -> list[int]:
    """Change them in the running bridge, or in the journal if none runs."""
    from bridge.journal.opening import open_for_router, open_to_read
    from bridge.operator.actor import Actor
    from bridge.operator.client import AdminClient, NotRunningError
    from bridge.operator.model.dead_letters import DeadLettersChanged
    from bridge.operator.operations.dead_letters import DeadLetterAction, change

    try:
        target = f"/api/v1/dead-letters/{action}"
        return AdminClient(paths.admin).post(target, DeadLettersChanged, which, seconds=_CHANGE_SECONDS).ids
    except NotRunningError:
        open_to_read(paths.journal).close()  # a wrong name must not create a journal
        journal = open_for_router(paths.journal)
    try:
        return change(journal.dead_letters, DeadLetterAction(action), which, Actor.of_user(os.geteuid()).name)
    finally:
        journal.close()


def _read(args: argparse.Namespace, paths: InstancePaths) -> int:
    from bridge.journal.opening import open_to_read

    journal = open_to_read(paths.journal)
    try:
        queue = journal.dead_letters
        return _show(args, queue) if args.action == "show" else _list(args, queue)
    finally:
        journal.close()


def _list(args: argparse.Namespace, queue: DeadLetterQueue) -> int:
    import msgspec

    from bridge.operator.operations.dead_letters import summary

    count = 0
    for letter in queue.letters(args.channel):
        count += 1
        shown = summary(letter)
        print(msgspec.json.encode(shown).decode() if args.json else _line(shown))
    if not count and not args.json:
        print("no dead letters" + (f" of channel {args.channel}" if args.channel else ""))
    if not count and args.channel:
        _print_unknown(args)
    return 0


def _print_unknown(args: argparse.Namespace) -> None:
    from bridge.cli.arguments.config_names import unknown_names

    for sentence in unknown_names(args.config, channel=args.channel):
        print(f"falco-bridge dead: {sentence}", file=sys.stderr)


def _show(args: argparse.Namespace, queue: DeadLetterQueue) -> int:
    import msgspec

    from bridge.operator.operations.dead_letters import show

    (identity,) = args.ids
    letter = show(queue, identity)
    if letter is None:
        print(f"falco-bridge dead: there is no dead letter {identity}; see: falco-bridge dead list", file=sys.stderr)
        return _NONE
    as_json = msgspec.json.format(msgspec.json.encode(letter), indent=1).decode() if args.json else ""
    print(as_json or "\n".join(_page(letter)))
    return 0


def _line(letter: DeadLetterSummary) -> str:
    from bridge.cli.printing.table import moment
    from bridge.common.text import one_line

    headline = (
        f"{letter.id}  {moment(letter.died_ns)}  {letter.channel}  {', '.join(letter.routes)}: {letter.alert.rule}"
    )
    return f"{one_line(headline, 2 * _WIDEST)}\n    {one_line(letter.reason, 3 * _WIDEST)}"


def _page(letter: DeadLetterDetail) -> Iterator[str]:
    from bridge.cli.printing.table import moment
    from bridge.common.text import one_line

    alert = letter.alert
    rows = [
        ("dead letter", str(letter.id)), ("channel", letter.channel), ("route", ", ".join(letter.routes)),
        ("created", moment(letter.created_ns)), ("died", moment(letter.died_ns)), ("reason", letter.reason),
        ("status", "" if letter.status is None else str(letter.status)), ("attempts", str(letter.attempts)),
        ("", ""), ("alert", alert.id), ("rule", alert.rule), ("priority", alert.priority),
        ("time", moment(alert.time_ns)), ("host", alert.hostname), ("output", alert.output),
        *sorted(alert.output_fields.items()),
    ]  # fmt: skip
    for name, value in rows:
        if value or not name:
            yield f"{one_line(name, _WIDEST):<12}  {one_line(value, 10 * _WIDEST)}".rstrip()
    yield ""
    for each in letter.tried:
        status = "" if each.status is None else f"{each.status}  "
        yield f"attempt {each.number:<4}  {moment(each.attempted_ns)}  {status}{one_line(each.reason, 3 * _WIDEST)}"
    for act in letter.acts:
        yield f"{act.action:<12}  {moment(act.acted_ns)}  by {one_line(act.actor, _WIDEST)}"
    if len(letter.tried) < letter.attempts:
        yield f"({letter.attempts - len(letter.tried)} more attempts are not stored)"
