"""``falco-bridge channels``: how each channel is; ``channels test NAME``: what its far side says to a real message."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.delivery import Health

_FAILED, _PROBLEM = 1, 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "channels",
        help="show how each channel is, or send one a test message",
        description="Tells of each channel what the courier last knew of it: whether it is used (its circuit), since "
        "when, how many deliveries wait, what was delivered and what died. `falco-bridge channels test NAME` sends a "
        "real message and tells what the far side said; it exits with 0 where the message was taken, otherwise with 1.",
        example="falco-bridge channels --config falco-bridge.yaml\n"
        "falco-bridge channels test pager --config falco-bridge.yaml",
    )
    parser.add_argument("words", nargs="*", metavar="test NAME", help="send that channel a real test message")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the configuration that the bridge runs with"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Show, or test."""
    from bridge.cli.running import places
    from bridge.journal import JournalError
    from bridge.operator.client import AdminError

    words = args.words
    if words and (len(words) != 2 or words[0] != "test"):
        args.parser.error("write: falco-bridge channels test NAME --config FILE")
    found = places(args)
    if found is None:
        return _PROBLEM
    try:
        return _test(args, found.admin, words[1]) if words else _show(args, found.journal)
    except (AdminError, JournalError) as error:
        print(f"falco-bridge channels: {error}", file=sys.stderr)
        return _PROBLEM


def _show(args: argparse.Namespace, path: Path) -> int:
    from bridge.journal.sqlite import Journal
    from bridge.journal.sqlite.dead import dead_counts

    journal = Journal.open_to_read(path)
    try:
        health, dead = journal.health(), dead_counts(journal)
        names = sorted({*health, *dead, *journal.channels_waited_for()})
        waiting = {name: journal.waiting(name) for name in names}
    finally:
        journal.close()
    if args.json:
        import msgspec

        rows = [
            {"name": name, "waiting": count, "configured": name in health, "dead_letters": dead.get(name, 0)}
            | (msgspec.to_builtins(health[name]) if name in health else {})
            for name, count in waiting.items()
        ]
        print(json.dumps(rows, indent=1))
    elif not waiting:
        print("no courier has worked on this journal yet")
    else:
        from bridge.cli.table import as_table

        table = [_row(name, health.get(name), count, dead.get(name, 0)) for name, count in waiting.items()]
        print(as_table([_HEADER, *table]))
        for name, each in health.items():
            if each.failures:
                mend = "; deliveries wait until its URL or its secret is mended" if each.broken else ""
                print(f"{name}: {_failed(each)}: {each.reason}{mend}")
        if dead:
            print(f"dead letters are shown by: falco-bridge dead list --config {shlex.quote(str(args.config))}")
    return 0


_HEADER = (
    "channel", "circuit", "since", "waiting", "delivered", "in digests", "dead letters", "last success",
    "last failure", "rate",
)  # fmt: skip


def _row(name: str, health: Health | None, waiting: int, dead: int) -> tuple[str, ...]:
    from bridge.cli.table import ago

    if health is None:
        return (name, "not in the config", "", str(waiting), "", "", str(dead), "", "", "")
    return (
        name, health.circuit.value, ago(health.since_ns), str(waiting), str(health.delivered), str(health.folded),
        str(dead), ago(health.success_ns), ago(health.failure_ns), health.rate or "unlimited",
    )  # fmt: skip


def _failed(health: Health) -> str:
    once = health.failures == 1
    return "the last attempt failed" if once else f"failed {health.failures} times in a row; the last"


def _test(args: argparse.Namespace, socket: Path, name: str) -> int:
    from bridge.config.load import Config, load_config
    from bridge.operator.channel_test import OPERATION, PATIENCE_SECONDS, try_channel
    from bridge.operator.client import NotRunningError, ask

    try:
        trial = ask(socket, OPERATION, {"channel": name}, seconds=PATIENCE_SECONDS + 10)
    except NotRunningError:
        config = load_config(args.config, os.environ)
        if not isinstance(config, Config):
            for problem in config:
                print(f"falco-bridge: {problem.text()}", file=sys.stderr)
            return _PROBLEM
        trial = try_channel(config, name)
    if args.json:
        print(json.dumps(trial))
    else:
        status = "" if trial["status"] is None else f" (status {trial['status']})"
        said = "took the message" if trial["verdict"] == "delivered" else f"did not take it: {trial['reason']}"
        print(f"{name} {said}{status}, after {trial['seconds']:.2f} s")
    return 0 if trial["verdict"] == "delivered" else _FAILED
