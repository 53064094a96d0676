"""``falco-bridge status``: shows the state of a running bridge, problems first."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.running import add_running, admin_socket

if TYPE_CHECKING:
    from bridge.operator.model.status import ConsoleStatus, Status

_LONGEST = 100


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "status",
        help="show the state of a running bridge",
        description="Shows what needs attention, then alerts, sources, routes and channels of the running bridge. "
        "Exits with 0, with 1 if no bridge answers, with 2 if the command or config is wrong.",
        example="falco-bridge status --config falco-bridge.yaml",
    )
    add_running(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--watch", action="store_true", help="print it again every two seconds, until interrupted")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the status."""
    from bridge.operator.client import AdminClient, AdminError
    from bridge.operator.model.status import Status

    socket = admin_socket(args)
    if socket is None:
        return 2
    client = AdminClient(socket)
    try:
        if args.watch:
            _print_each(args, client.events("/api/v1/events", Status))
        else:
            status = client.get("/api/v1/status", Status)
            print(_json(status, indent=1) if args.json else _page(status))
    except AdminError as error:
        print(f"falco-bridge status: {error}", file=sys.stderr)
        return 1
    return 0


def _print_each(args: argparse.Namespace, statuses: Iterable[Status]) -> None:
    for each in statuses:
        if args.json:
            print(_json(each), flush=True)
        else:
            clear = "\x1b[H\x1b[2J" if sys.stdout.isatty() else ""
            print(f"{clear}{_page(each)}\n", flush=True)


def _json(status: Status, indent: int = 0) -> str:
    import msgspec

    text = msgspec.json.encode(status)
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def _page(status: Status) -> str:
    return "\n".join(_text(status))


def _text(status: Status) -> Iterator[str]:
    from bridge.cli.printing.fleet import fleet_lines
    from bridge.cli.printing.table import ago, lasting, moment, size, styled

    state = styled(f"NOT READY: {status.not_ready}", "bold red") if status.not_ready else "ready"
    running = f"running since {moment(status.started_ns)} ({lasting(status.started_ns)})"
    yield f"falco-bridge {status.version}, {running}: {state}"
    yield from _problems(status)
    yield f"\nalerts    {status.alerts}, latest: {ago(status.last_alert_ns)}; {status.duplicates} duplicates"
    quarantined = "" if status.quarantined is None else f"; {status.quarantined} in the quarantine"
    hint = " (falco-bridge quarantine list)" if status.quarantined else ""
    yield f"rejected  {status.rejected}{quarantined}{hint}"
    log = f", and {size(status.journal_bytes.wal)} of write-ahead log" if status.journal_bytes.wal else ""
    yield f"journal   {size(status.journal_bytes.journal)}{log}"
    if status.index_lag is not None:
        yield f"history   {f'{status.index_lag} alerts are not indexed yet' if status.index_lag else 'indexed'}"
    courier = f"process {status.courier.pid or 'none'}, restarted {status.courier.restarts} times"
    yield f"courier   {courier if status.courier.used else 'none: this bridge does not have the role'}"
    if status.console is not None:
        yield f"console   {_console(status.console)}"
    yield from _shadow(status)
    yield from _memory(status)
    yield from _look_back(status)
    yield from fleet_lines(status.fleet)
    yield from _sources(status)
    yield from _routes(status)
    yield from _channels(status)
    yield from _drops(status)


def _console(console: ConsoleStatus) -> str:
    state = f"at {console.address}" if console.address else "not served"
    return f"{state}, process {console.pid or 'none'}, restarted {console.restarts} times"


def _memory(status: Status) -> Iterator[str]:
    """What the clauses with memory remember."""
    from bridge.cli.printing.table import many, size
    from bridge.common.text import one_line

    memory = status.memory
    if memory is None:
        return
    evicted = f", {many(memory.evicted, 'key')} evicted" if memory.evicted else ""
    yield (
        f"memory    {many(memory.keys, 'key')} in about {size(memory.bytes)}, {many(memory.timers, 'timer')} waiting"
        + evicted
    )
    if memory.forgotten:
        yield f"          state removed by the last reload: {one_line('; '.join(memory.forgotten), 4 * _LONGEST)}"


def _look_back(status: Status) -> Iterator[str]:
    """How far the clauses that run for the first time are."""
    from bridge.cli.printing.table import many
    from bridge.common.text import one_line

    if status.look_back is not None:
        routes = one_line(", ".join(status.look_back.routes), 2 * _LONGEST)
        yield f"look-back {status.look_back.read} of {many(status.look_back.total, 'recorded alert')} read for {routes}"


def _shadow(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import many, moment

    shadow = status.shadow
    if shadow is None or shadow.problem:
        return
    skipped = f", {shadow.skipped} skipped" if shadow.skipped else ""
    counts = f"gained {shadow.gained}, lost {shadow.lost}, changed {shadow.changed}"
    tried = f"{many(shadow.alerts, 'alert')} tried since {moment(shadow.since_ns)}{skipped}"
    yield f"shadow    {tried}: notifications {counts} (falco-bridge diff --shadow)"


def _problems(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import many, styled
    from bridge.common.text import one_line

    if not status.problems:
        yield "no problems"
        return
    yield styled(f"{many(len(status.problems), 'problem')}:", "bold red")
    for each in status.problems:
        yield f"  {one_line(each.subject, 2 * _LONGEST)}: {one_line(each.text, 4 * _LONGEST)}"
        if each.remedy:
            yield f"      {one_line(each.remedy, 2 * _LONGEST)}"


def _sources(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import Cell, Styled, ago, as_table, lasting
    from bridge.common.text import one_line

    rows: list[tuple[Cell, ...]] = [("source", "state", "alerts", "per second", "last", "failures", "")]
    for each in status.sources:
        name = " ".join(dict.fromkeys(filter(None, (each.source_name, each.peer))))
        since = each.connected_since_ns
        state: Cell = Styled("DOWN", "bold red") if since is None else f"up {lasting(since)}"
        if each.read_by:
            state = f"read by {one_line(each.read_by, _LONGEST)}"
        rows.append((
            one_line(name, _LONGEST), state, str(each.alerts), f"{each.alerts_per_second:.1f}",
            ago(each.last_alert_ns), str(each.failures), one_line(each.problem or each.detail, 4 * _LONGEST),
        ))  # fmt: skip
    yield f"\n{as_table(rows)}"
    yield from _not_listed(status.source_count - len(status.sources), "sources")


def _routes(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import as_table
    from bridge.common.text import one_line

    memory = _by_route(status)
    rows = [("route", "decisions since the start", *(["memory"] if memory else []))]
    for each in status.routes:
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(each.decisions.items()))
        remembered = [memory.get(each.route, "")] if memory else []
        rows.append((one_line(each.route, _LONGEST), counts or "none", *remembered))
    yield f"\n{as_table(rows)}"
    yield from _not_listed(status.route_count - len(status.routes), "routes")


def _by_route(status: Status) -> dict[str, str]:
    """What each route remembers."""
    from bridge.cli.printing.table import many

    found: dict[str, list[int]] = {}
    for each in () if status.memory is None else status.memory.clauses:
        sums = found.setdefault(each.route, [0, 0, 0])
        for place, count in enumerate((each.keys, each.timers, each.evicted)):
            sums[place] += count
    return {
        route: f"{many(keys, 'key')}, {many(timers, 'timer')}" + (f", {evicted} evicted" if evicted else "")
        for route, (keys, timers, evicted) in found.items()
    }


def _not_listed(count: int, what: str) -> Iterator[str]:
    if count > 0:
        yield f"and {count} more {what}"


def _channels(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import Cell, Styled, as_table
    from bridge.common.text import one_line

    if status.channels is None:
        yield "\nchannels  unknown: the journal cannot be read at the moment"
        return
    rows: list[tuple[Cell, ...]] = [("channel", "circuit", "waiting", "delivered", "dead letters", "last failure")]
    for each in status.channels:
        circuit: Cell = each.circuit or "-"
        if each.circuit not in {None, "closed"}:
            circuit = Styled(str(each.circuit), "bold red")
        rows.append((
            each.channel, circuit, str(each.waiting), str(each.delivered), str(each.dead_letters),
            one_line(each.last_failure, 2 * _LONGEST),
        ))  # fmt: skip
    yield f"\n{as_table(rows)}"


def _drops(status: Status) -> Iterator[str]:
    from bridge.cli.printing.table import as_table
    from bridge.common.text import one_line

    if not status.nodes_with_drops:
        return
    rows = [("node where Falco drops", "events dropped", "alerts dropped")]
    rows += [
        (one_line(each.node, _LONGEST), f"{each.events_dropped:.0f}", f"{each.outputs_dropped:.0f}")
        for each in status.nodes_with_drops
    ]
    yield f"\n{as_table(rows)}"
