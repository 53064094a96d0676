"""``falco-bridge channels``: shows the state of each channel; ``channels test NAME`` sends a test message."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.journal.location import Location

if TYPE_CHECKING:
    from bridge.cli.printing.table import Cell
    from bridge.delivery import Health
    from bridge.operator.model.channels import ChannelTestResult

_FAILED, _PROBLEM = 1, 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "channels",
        help="show the state of each channel, or send a test message to one",
        description="Shows for each channel whether it is in use (its circuit), and how many deliveries wait, "
        "were delivered or became dead letters. `falco-bridge channels test NAME` sends a test message and shows "
        "the answer; in a fleet, the bridge that delivers to the channel sends it. It exits with 0 if the channel "
        "accepted the message, with 1 if not, with 2 if the command or config is wrong.",
        example="falco-bridge channels --config falco-bridge.yaml\n"
        "falco-bridge channels test pager --config falco-bridge.yaml",
    )
    parser.add_argument("words", nargs="*", metavar="test NAME", help="send a test message to this channel")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the config that the bridge runs with"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Show the channels, or test one."""
    from bridge.cli.arguments.running import instance_paths
    from bridge.journal import JournalError
    from bridge.operator.actor import OperationError
    from bridge.operator.client import AdminError

    words = args.words
    if words and (len(words) != 2 or words[0] != "test"):
        args.parser.error("write: falco-bridge channels test NAME --config FILE")
    paths = instance_paths(args)
    if paths is None:
        return _PROBLEM
    try:
        return _test(args, paths.admin, words[1]) if words else _show(args, paths.journal)
    except (AdminError, OperationError, JournalError) as error:
        print(f"falco-bridge channels: {error}", file=sys.stderr)
        return _PROBLEM


def _show(args: argparse.Namespace, location: Location) -> int:
    from bridge.journal.opening import open_to_read

    journal = open_to_read(location)
    try:
        health, dead = journal.deliveries.health(), journal.dead_letters.counts()
        names = sorted({*health, *dead, *journal.deliveries.waiting_channels()})
        waiting = {name: journal.deliveries.waiting(name) for name in names}
    finally:
        journal.close()
    if args.json:
        _print_json(waiting, health, dead)
    elif not waiting:
        print("no courier has used this journal yet")
    else:
        _print_table(args.config, waiting, health, dead)
    return 0


def _print_json(waiting: Mapping[str, int], health: Mapping[str, Health], dead: Mapping[str, int]) -> None:
    import msgspec

    rows = [
        {"name": name, "waiting": count, "configured": name in health, "dead_letters": dead.get(name, 0)}
        | (msgspec.to_builtins(health[name]) if name in health else {})
        for name, count in waiting.items()
    ]
    print(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode())


def _print_table(
    config: Path, waiting: Mapping[str, int], health: Mapping[str, Health], dead: Mapping[str, int]
) -> None:
    """Failing channels first."""
    from bridge.cli.printing.table import as_table, styled
    from bridge.common.text import one_line

    for name, each in health.items():
        if each.failures:
            remedy = "; deliveries wait until its URL or secret is fixed" if each.channel_fault else ""
            failed = f"{_times(each)}: {one_line(each.reason, 400)}{remedy}"
            print(f"{styled(one_line(name, 100), 'bold red')}: {failed}")
    unused = "not in the config" if health else "no courier yet"  # a courier writes the health of its channels first
    rows = [_row(name, health.get(name), count, dead.get(name, 0), unused) for name, count in waiting.items()]
    print(as_table([_HEADER, *rows]))
    if dead:
        print(f"to list the dead letters: falco-bridge dead list --config {shlex.quote(str(config))}")


_HEADER = (
    "channel", "circuit", "since", "waiting", "delivered", "in digests", "dead letters", "last success",
    "last failure", "rate",
)  # fmt: skip


def _row(name: str, health: Health | None, waiting: int, dead: int, unused: str) -> tuple[Cell, ...]:
    from bridge.cli.printing.table import Styled, ago

    if health is None:
        return (name, unused, "", str(waiting), "", "", str(dead), "", "", "")
    circuit: Cell = health.circuit.value
    if health.circuit.value != "closed":
        circuit = Styled(health.circuit.value, "bold red")
    return (
        name, circuit, ago(health.since_ns), str(waiting), str(health.delivered), str(health.digested),
        str(dead), ago(health.success_ns), ago(health.failure_ns), health.rate or "unlimited",
    )  # fmt: skip


def _times(health: Health) -> str:
    once = health.failures == 1
    return "the last attempt failed" if once else f"failed {health.failures} times in a row; the last"


def _test(args: argparse.Namespace, socket: Path, name: str) -> int:
    import msgspec

    result = _result(args.config, socket, name)
    if result is None:
        return _PROBLEM
    delivered = result.verdict == "delivered"
    if args.json:
        print(msgspec.json.encode(result).decode())
    else:
        status = "" if result.status is None else f" (status {result.status})"
        answer = "accepted the message" if delivered else f"did not accept the message: {result.reason}"
        sender = f"; sent by bridge {result.bridge}" if result.bridge else ""
        note = f": {result.note}" if result.note else ""
        print(f"{name} {answer}{status}, after {result.seconds:.2f} s{sender}{note}")
    return 0 if delivered else _FAILED


def _result(path: Path, socket: Path, name: str) -> ChannelTestResult | None:
    """From the running bridge, or from a test without one; None, with the problems printed, if the config is wrong."""
    from bridge.config.load import load_config
    from bridge.operator.client import AdminClient, NotRunningError, segment
    from bridge.operator.model.channels import ChannelTestResult
    from bridge.operator.operations.channel_test import PATIENCE_SECONDS, test_channel

    try:
        target = f"/api/v1/channels/{segment(name)}/test"
        return AdminClient(socket).post(target, ChannelTestResult, seconds=PATIENCE_SECONDS + 10)
    except NotRunningError:
        config = load_config(path, os.environ)
    if config.config is not None:
        return test_channel(config, name)
    print(config.errors().text(), end="", file=sys.stderr)
    return None
