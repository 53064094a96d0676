"""``falco-bridge silence``: adds a silence to a running bridge, lists silences, ends one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.running import add_running

if TYPE_CHECKING:
    from bridge.operator.client import AdminClient
    from bridge.operator.model import SilencePreview, SilenceStatus

_SECOND_NS = 1_000_000_000
_WIDTH = 100
_PREVIEW_SECONDS = 300.0


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "silence",
        help="hold notifications back for a time",
        description="What matches the condition of a silence sends no notification while the silence acts. Alerts are "
        "still stored, and clauses such as `after` still count them. Exits with 0, or with 2 if the bridge refuses.",
        example="falco-bridge silence add 'k8s.ns.name = staging' --for 2h --comment 'load test' "
        "--config falco-bridge.yaml\nfalco-bridge silence list --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser(
        "add",
        help="add a silence, and show what it would have held back in the last 24 hours",
        example="falco-bridge silence add 'rule = \"Terminal shell\"' --for 30m --config falco-bridge.yaml",
    )
    adding.add_argument("condition", metavar="CONDITION", help="a condition, as after `when` in a route")
    adding.add_argument("--for", dest="length", required=True, metavar="DURATION", help="how long, for example 2h")
    adding.add_argument("--in", dest="starts_in", metavar="DURATION", help="begin after this time instead of now")
    adding.add_argument("--during", default="", metavar="SCHEDULE", help="only at these times: 'mon-fri 09:00-18:00'")
    adding.add_argument("--comment", default="", metavar="TEXT", help="why")
    adding.add_argument("--dry-run", action="store_true", help="only show what it would have held back")
    listing = actions.add_parser(
        "list", help="list silences", example="falco-bridge silence list --config falco-bridge.yaml"
    )
    expiring = actions.add_parser(
        "expire", help="end a silence now", example="falco-bridge silence expire 1f2e3d4c --config falco-bridge.yaml"
    )
    expiring.add_argument("id", metavar="ID", help="an id from `list`")
    for each in (adding, listing, expiring):
        add_running(each)
        each.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from bridge.cli.running import admin_socket
    from bridge.operator.client import AdminClient, AdminError

    socket = admin_socket(args)
    if socket is None:
        return 2
    client = AdminClient(socket)
    try:
        match args.action:
            case "add":
                return _add(args, client)
            case "list":
                return _list(args, client)
            case _:
                return _expire(args, client)
    except AdminError as error:
        print(f"falco-bridge silence: {error}", file=sys.stderr)
        return 2


def _add(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.operator.model import AddSilence, PreviewSilence, SilencePreview, SilenceStatus

    seconds, starts_in = _seconds(args.length), 0.0 if args.starts_in is None else _seconds(args.starts_in)
    if seconds is None or starts_in is None:
        print("falco-bridge silence: a duration is, for example, 30m, 2h or 3d, at most 366d", file=sys.stderr)
        return 2
    if not args.json or args.dry_run:
        preview = client.post(
            "/api/v1/silences/preview", SilencePreview, PreviewSilence(args.condition), seconds=_PREVIEW_SECONDS
        )
        _print(args, preview, _muted(preview))
    if args.dry_run:
        return 0
    request = AddSilence(args.condition, seconds, args.comment, starts_in, args.during)
    added = client.post("/api/v1/silences", SilenceStatus, request)
    _print(args, added, [f"silence {added.id} added: {_when(added)}"])
    return 0


def _list(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.operator.model import SilenceList

    found = client.get("/api/v1/silences", SilenceList)
    _print(args, found, [line for each in found.items for line in _lines(each)] or ["no silences"])
    return 0


def _expire(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.operator.client import segment
    from bridge.operator.model import SilenceStatus

    ended = client.post(f"/api/v1/silences/{segment(args.id)}/expire", SilenceStatus)
    _print(args, ended, [f"silence {ended.id} ended"])
    return 0


def _print(args: argparse.Namespace, answer: object, lines: list[str]) -> None:
    import msgspec

    print(msgspec.json.encode(answer).decode() if args.json else "\n".join(lines))


def _seconds(text: str) -> float | None:
    from bridge.common.durations import parse_duration

    found = parse_duration(text)
    return None if found is None else found / _SECOND_NS


def _muted(preview: SilencePreview) -> list[str]:
    return list(_muted_lines(preview))


def _muted_lines(preview: SilencePreview) -> Iterator[str]:
    from bridge.cli.table import many, moment
    from bridge.common.text import one_line

    if not preview.alerts:
        yield "in the last 24 hours it would have held back nothing"
        return
    yield f"in the last 24 hours it would have held back {many(preview.alerts, 'alert')}"
    for what, counts in (("route", preview.routes), ("channel", preview.channels)):
        for name, count in counts.items():
            yield f"  {count:>7}  {what} {one_line(name, _WIDTH)}"
    for each in preview.examples:
        shown = f"{moment(each.time_ns)}  {each.priority}  {each.hostname}  {each.rule}: {each.output}"
        yield f"  {one_line(shown, 2 * _WIDTH)}"


def _lines(silence: SilenceStatus) -> Iterator[str]:
    from bridge.common.text import one_line

    yield f"{silence.id}  {silence.state:<7}  {one_line(silence.condition, 2 * _WIDTH)}"
    comment = f': "{one_line(silence.comment, _WIDTH)}"' if silence.comment else ""
    yield f"          {_when(silence)}, by {one_line(silence.author, _WIDTH)}{comment}"


def _when(silence: SilenceStatus) -> str:
    from bridge.cli.table import moment
    from bridge.common.text import one_line

    during = f", only {one_line(silence.schedule, _WIDTH)}" if silence.schedule else ""
    return f"from {moment(silence.from_ns)} until {moment(silence.until_ns)}{during}"
