"""``falco-bridge silence``: adds a silence to a running bridge, lists, changes and ends silences."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.ids import other_kinds, written
from bridge.cli.arguments.running import add_running

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.operator.client import AdminClient
    from bridge.operator.model.silences import SilenceList

_NOT_FOUND = 404
_SECOND_NS = 1_000_000_000
_PREVIEW_SECONDS = 300.0
_TIMES = "write 18:00, '2026-12-01 09:00', '2026-12-01 09:00 Europe/Berlin' or 2026-12-01T09:00:00Z"
_DURATIONS = "a duration is, for example, 30m, 2h or 3d, at most 366d"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "silence",
        help="hold notifications back for a time",
        description="Alerts that match the condition of an active silence send no notification. They are still stored, "
        "and clauses such as `after` still count them. Exits with 0, or with 2 if the bridge refuses.",
        example="falco-bridge silence add 'k8s.ns.name = staging' --for 2h --comment 'load test' "
        "--config falco-bridge.yaml\nfalco-bridge silence list --config falco-bridge.yaml",
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser(
        "add",
        help="add a silence, and show what it would have held back in the last 24 hours",
        example="falco-bridge silence add 'rule = \"Terminal shell\"' --for 30m --config falco-bridge.yaml",
    )
    adding.add_argument(
        "condition", type=written("a condition"), metavar="CONDITION", help="a condition, as after `when` in a route"
    )
    length = adding.add_mutually_exclusive_group(required=True)
    length.add_argument("--for", dest="length", type=_seconds, metavar="DURATION", help="how long, for example 2h")
    length.add_argument("--until", type=_until, metavar="TIME", help="until then: 18:00, 2026-12-01T09:00:00Z")
    adding.add_argument(
        "--in", dest="starts_in", type=_seconds, default=0.0, metavar="DURATION",
        help="begin after this time instead of now",
    )  # fmt: skip
    adding.add_argument("--during", default="", metavar="SCHEDULE", help="only at these times: 'mon-fri 09:00-18:00'")
    adding.add_argument("--comment", default="", metavar="TEXT", help="why")
    adding.add_argument("--dry-run", action="store_true", help="only show what it would have held back")
    _add_list_update_expire(actions, adding)
    parser.set_defaults(run=run)


def _add_list_update_expire(actions: Any, adding: argparse.ArgumentParser) -> None:
    listing = actions.add_parser(
        "list", help="list silences", example="falco-bridge silence list --config falco-bridge.yaml"
    )
    which = listing.add_mutually_exclusive_group()
    which.add_argument("--active", action="store_true", help="only those that have not ended")
    which.add_argument(
        "--expired", action="store_true", help="only those that have ended, for as long as they are stored"
    )
    listing.add_argument("--quiet", "-q", action="store_true", help="print ids only")
    extending = actions.add_parser(
        "extend", help="change the end of a silence, its comment, or who is notified before it ends",
        example="falco-bridge silence extend 1f2e3d4c --for 2h --config falco-bridge.yaml",
    )  # fmt: skip
    extending.add_argument("id", type=written("an id"), metavar="ID", help="an id from `list`")
    length = extending.add_mutually_exclusive_group()
    length.add_argument("--for", dest="length", type=_seconds, metavar="DURATION", help="end after this time from now")
    length.add_argument("--until", type=_until, metavar="TIME", help="end then")
    extending.add_argument("--comment", metavar="TEXT", help="replace the comment")
    expiring = actions.add_parser(
        "expire", help="end silences now", example="falco-bridge silence expire 1f2e3d4c --config falco-bridge.yaml"
    )
    expiring.add_argument("ids", nargs="*", type=written("an id"), metavar="ID", help="ids from `list`")
    expiring.add_argument("--all-of", default="", metavar="USER", help="all that this user added")
    expiring.add_argument("--all", action="store_true", help="all")
    for each in (adding, extending):
        each.add_argument("--announce", metavar="CHANNEL", help="notify this channel before the silence ends")
        each.add_argument("--announce-before", type=_seconds, metavar="DURATION", help="how long before (default 15m)")
    for each in (adding, listing, extending, expiring):
        add_running(each)
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from bridge.cli.arguments.running import admin_socket
    from bridge.operator.client import AdminClient, AdminError

    socket = admin_socket(args)
    if socket is None:
        return 2
    try:
        return {"add": _add, "list": _list, "extend": _extend, "expire": _expire}[args.action](
            args, AdminClient(socket)
        )
    except AdminError as error:
        named = [] if error.status != _NOT_FOUND else [getattr(args, "id", ""), *getattr(args, "ids", [])]
        kinds = "".join(other_kinds(each, "a silence") for each in named)
        print(f"falco-bridge silence: {error}{kinds}", file=sys.stderr)
        return 2


def _add(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.cli.printing.silences import preview_lines, when
    from bridge.operator.model.silences import AddSilence, PreviewSilence, SilencePreview, SilenceStatus

    seconds = _length(args)
    assert seconds is not None
    length = seconds if args.until is None else seconds - args.starts_in
    if length <= 0:
        print("falco-bridge silence: it would end before it begins; give a later --until", file=sys.stderr)
        return 2
    if not args.json or args.dry_run:
        looked_for = PreviewSilence(args.condition, during=args.during)
        preview = client.post("/api/v1/silences/preview", SilencePreview, looked_for, seconds=_PREVIEW_SECONDS)
        _print(args, preview, preview_lines(preview))
    if args.dry_run:
        return 0
    before = {} if args.announce_before is None else {"announce_before": args.announce_before}
    request = AddSilence(
        args.condition, length, args.comment, args.starts_in, args.during, args.announce or "", **before
    )
    added = client.post("/api/v1/silences", SilenceStatus, request)
    _print(args, added, [f"silence {added.id} added: {when(added)}"])
    return 0


def _list(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.cli.printing.silences import silence_lines
    from bridge.operator.model.silences import SilenceList

    found = _ended(client) if args.expired else client.get("/api/v1/silences", SilenceList)
    if args.active:
        found = SilenceList(items=[each for each in found.items if each.state != "ended"])
    if args.quiet and not args.json:
        print("".join(f"{each.id}\n" for each in found.items), end="")
        return 0
    _print(args, found, [line for each in found.items for line in silence_lines(each)] or ["no silences"])
    return 0


def _ended(client: AdminClient) -> SilenceList:
    """All that have ended, page by page."""
    from urllib.parse import quote

    from bridge.operator.model.silences import SilenceList

    items, cursor = [], ""
    while True:
        page = client.get(f"/api/v1/silences?ended=true&cursor={quote(cursor)}", SilenceList)
        items += page.items
        if page.next is None:
            return SilenceList(items=items)
        cursor = page.next


def _extend(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.cli.printing.silences import when
    from bridge.operator.client import segment
    from bridge.operator.model.silences import SilenceStatus, UpdateSilence

    seconds = _length(args)
    if (seconds, args.comment, args.announce, args.announce_before) == (None,) * 4:
        print("falco-bridge silence: give --for, --until, --comment or --announce", file=sys.stderr)
        return 2
    request = UpdateSilence(args.id, seconds, args.comment, args.announce, args.announce_before)
    changed = client.post(f"/api/v1/silences/{segment(args.id)}", SilenceStatus, request)
    _print(args, changed, [f"silence {changed.id} changed: {when(changed)}"])
    return 0


def _expire(args: argparse.Namespace, client: AdminClient) -> int:
    from bridge.operator.client import segment
    from bridge.operator.model.silences import ExpireSilences, SilenceList, SilenceStatus

    if not (args.ids or args.all or args.all_of):
        print("falco-bridge silence: name an id, or give --all-of USER or --all", file=sys.stderr)
        return 2
    if len(args.ids) == 1 and not (args.all or args.all_of):
        ended = client.post(f"/api/v1/silences/{segment(args.ids[0])}/expire", SilenceStatus)
        _print(args, ended, [f"silence {ended.id} ended"])
        return 0
    found = client.post("/api/v1/silences/expire", SilenceList, ExpireSilences(args.ids, args.all_of, args.all))
    _print(args, found, [f"silence {each.id} ended" for each in found.items] or ["no silence had to be ended"])
    missing = [each for each in args.ids if each not in {ended.id for ended in found.items}]
    for each in missing:
        remedy = f"; see: falco-bridge silence list{other_kinds(each, 'a silence')}"
        print(f"falco-bridge silence: there is no silence {each[:40]!a} that has not ended{remedy}", file=sys.stderr)
    return 2 if missing else 0


def _print(args: argparse.Namespace, answer: object, lines: Iterable[str]) -> None:
    import msgspec

    print(msgspec.json.encode(answer).decode() if args.json else "\n".join(lines))


def _length(args: argparse.Namespace) -> float | None:
    """The seconds until it ends; None if no end is given."""
    import time

    if args.until is None:
        return None if args.length is None else float(args.length)
    return max((int(args.until) - time.time_ns()) / _SECOND_NS, 0.001)


def _seconds(text: str) -> float:
    from bridge.common.clocks.durations import parse_duration

    found = parse_duration(text)
    if found is None:
        raise argparse.ArgumentTypeError(_DURATIONS)
    return found / _SECOND_NS


def _until(text: str) -> int:
    import re
    import time

    from bridge.common.clocks.human_times import parse_human_time

    now_ns = time.time_ns()
    found = parse_human_time(text, now_ns)
    if found is not None and found <= now_ns and re.fullmatch(r"\d{1,2}(:\d\d)?\s*([ap]m)?", text.strip().lower()):
        found += 86_400 * _SECOND_NS  # the next time that the clock shows it
    if found is None or found <= now_ns:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time to come; {_TIMES}")
    return found
