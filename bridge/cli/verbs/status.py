"""``falco-bridge status``: how a running bridge is doing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from bridge.cli.running import add_running, admin_socket

_LONGEST = 100


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "status",
        help="show how a running bridge is doing",
        description="Asks the running bridge over its admin socket: since when it runs, what came in, its sources, "
        "routes and channels, and which Falcos drop events. Exits with 0, or with 1 where no bridge answers.",
        example="falco-bridge status --config falco-bridge.yaml",
    )
    add_running(parser)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask and tell."""
    from bridge.operator.client import AdminError, ask

    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        answer = ask(socket, "status")
    except AdminError as error:
        print(f"falco-bridge status: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=1, ensure_ascii=False) if args.json else "\n".join(_text(answer)))
    return 0


def _text(said: dict[str, Any]) -> Iterator[str]:
    from bridge.cli.table import ago, lasting, moment, size

    state = f"NOT READY: {said['unready']}" if said["unready"] else "ready"
    since = said["since_ns"]
    yield f"falco-bridge {said['version']}, running since {moment(since)} ({lasting(since)}): {state}"
    came = f"{said['alerts']}, the last {ago(said['last_alert_ns'])}; {said['repeated']} repeated"
    yield f"alerts    {came}; {_aside(said)}"
    files = said["journal_bytes"]
    yield f"journal   {size(files.get('journal', 0))}, and {size(files.get('wal', 0))} of write-ahead log"
    courier = said["courier"]
    yield f"courier   process {courier['pid'] or 'none'}, restarted {courier['restarts']} times"
    yield from _sources(said)
    yield from _routes(said)
    yield from _channels(said)
    yield from _drops(said)


def _aside(said: dict[str, Any]) -> str:
    kept = "" if said["quarantined"] is None else f", {said['quarantined']} kept aside (falco-bridge quarantine list)"
    return f"{said['refused']} refused{kept}"


def _sources(said: dict[str, Any]) -> Iterator[str]:
    from bridge.cli.table import ago, as_table, lasting
    from bridge.common.text import one_line

    rows = [("source", "state", "alerts", "a second", "last", "failures", "")]
    for each in said["sources"]:
        since = each["connected_since_ns"]
        name = " ".join(dict.fromkeys(filter(None, (each["source_name"], each["peer"]))))
        state = "DOWN" if since is None else f"up {lasting(since)}"
        said_of_it = one_line(each["problem"] or each["detail"], 4 * _LONGEST)
        rows.append((
            one_line(name, _LONGEST), state, str(each["alerts"]), f"{each['alerts_per_second']:.1f}",
            ago(each["last_alert_ns"]), str(each["failures"]), said_of_it,
        ))  # fmt: skip
    yield f"\n{as_table(rows)}"
    yield from _left_out(said, "sources")


def _routes(said: dict[str, Any]) -> Iterator[str]:
    from bridge.cli.table import as_table
    from bridge.common.text import one_line

    rows = [("route", "decisions since the start")]
    for each in said["routes"]:
        counts = ", ".join(f"{count} {action}" for action, count in sorted(each["decisions"].items()))
        rows.append((one_line(each["route"], _LONGEST), counts or "none"))
    yield f"\n{as_table(rows)}"
    yield from _left_out(said, "routes")


def _left_out(said: dict[str, Any], what: str) -> Iterator[str]:
    if (more := said[f"{what}_in_all"] - len(said[what])) > 0:
        yield f"and {more} more {what}"


def _channels(said: dict[str, Any]) -> Iterator[str]:
    from bridge.cli.table import as_table
    from bridge.common.text import one_line

    if said["channels"] is None:
        yield "\nthe journal cannot be read just now: nothing is known of the channels"
        return
    rows = [("channel", "circuit", "waiting", "delivered", "dead letters", "last failure")]
    rows += [
        (each["channel"], each["circuit"] or "-", str(each["waiting"]), str(each["delivered"]),
         str(each["dead_letters"]), one_line(each["last_failure"], 2 * _LONGEST))
        for each in said["channels"]
    ]  # fmt: skip
    yield f"\n{as_table(rows)}"


def _drops(said: dict[str, Any]) -> Iterator[str]:
    from bridge.cli.table import as_table
    from bridge.common.text import one_line

    if not said["nodes_that_drop"]:
        return
    rows = [("Falco drops on", "events not seen", "alerts thrown away")]
    rows += [
        (one_line(each["node"], _LONGEST), f"{each['events_dropped']:.0f}", f"{each['outputs_dropped']:.0f}")
        for each in said["nodes_that_drop"]
    ]
    yield f"\n{as_table(rows)}"
