"""``falco-bridge commands``: shows the commands that were typed in terminals, by session."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.condition_input import condition_text
from bridge.cli.arguments.routes_input import add_labels
from bridge.cli.arguments.span import add_span, read_span
from bridge.common.clocks.times import DAY_NS
from bridge.journal.location import Location, files_of, location_of

if TYPE_CHECKING:
    from bridge.alert import Alert
    from bridge.cli.arguments.span import Span
    from bridge.history.wanted import Wanted
    from bridge.journal.protocols import Journal

_NONE, _PROBLEM = 1, 2
_SHOW = "show"
_LEAST_ID = 4


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "commands",
        help="show the commands that were typed in terminals",
        description="Shows terminal sessions with their commands, what each ran and what it wrote. Reads the journal, "
        "or with --from recorded alerts of the terminal rules: Falco's JSON lines, also compressed by gzip. CONDITION "
        "is a condition as after `when`; `show ID` prints a whole session, by the id of the session or of one of "
        "its commands. Exits with 1 if there is no such command.",
        example="falco-bridge commands --pod prod/api-0 --since 1h --config falco-bridge.yaml\n"
        "falco-bridge commands 'cmd.wrote contains \"/etc/cron.d/\"' --from falco.jsonl.gz",
    )
    parser.add_argument(
        "words", nargs="*", type=condition_text, metavar="CONDITION", help="a condition, or `show` and an id"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the config that names the journal")
    which.add_argument("--journal", type=location_of, metavar="JOURNAL", help="a file, or a database's URL")
    which.add_argument("--from", dest="recordings", nargs="+", metavar="FILE", help="files with recorded alerts")
    parser.add_argument("--pod", type=condition_text, metavar="NS/POD", help="only in this pod")
    parser.add_argument("--node", type=condition_text, metavar="NAME", help="only on this node")
    parser.add_argument(
        "--user", type=condition_text, metavar="NAME", help="only by this user of the shell or of Kubernetes"
    )
    parser.add_argument("--session", metavar="ID", help="only in this session")
    add_span(parser)
    parser.set_defaults(since=None)  # as in its help of a journal; recordings are read whole
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object per command")
    form.add_argument("--csv", action="store_true", help="print CSV with a header")
    parser.add_argument("--follow", action="store_true", help="print commands as they are added to the journal")
    parser.add_argument(
        "--import", dest="imports", type=Path, action="append", default=[], metavar="FILE",
        help="a .route file whose macros and lists the condition uses",
    )  # fmt: skip
    add_labels(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the commands; returns the exit code."""
    from bridge.journal import JournalError
    from bridge.workbench.alert_files import AlertFileError

    if args.since is None and not args.recordings:
        args.since = time.time_ns() - DAY_NS
    span = read_span(args)
    if span is None or not _are_words(args):
        return _PROBLEM
    try:
        return _from_files(args, span) if args.recordings else _from_journal(args, span)
    except (AlertFileError, JournalError) as error:
        print(f"falco-bridge commands: {error}", file=sys.stderr)
        return _PROBLEM


def _are_words(args: argparse.Namespace) -> bool:
    problem = ""
    if _shown_id(args) is None and len(args.words) > 1:
        problem = "write the condition in quotes, as one argument"
        if args.words[0] == _SHOW:
            problem = "name one id: show ID"
    elif args.words == [_SHOW]:
        problem = "show needs the id of a session or of a command"
    elif _shown_id(args) is not None and (len(args.words[1]) < _LEAST_ID or args.follow):
        problem = f"show takes at least {_LEAST_ID} characters of an id, and no --follow"
    elif args.follow and (args.recordings or args.csv):
        problem = "--follow reads the journal, and prints text or --json"
    if problem:
        print(f"falco-bridge commands: {problem}", file=sys.stderr)
    return not problem


def _shown_id(args: argparse.Namespace) -> str | None:
    return args.words[1].lower() if len(args.words) == 2 and args.words[0] == _SHOW else None


def _from_files(args: argparse.Namespace, span: Span) -> int:
    from bridge.workbench.commands import read_commands

    commands = read_commands(args.recordings)
    if _shown_id(args) is None:
        commands = (each for each in commands if span.holds(each.time_ns))
    return _print(args, commands)


def _from_journal(args: argparse.Namespace, span: Span) -> int:
    from bridge.cli.arguments.running import instance_paths
    from bridge.journal.opening import open_to_read

    path = args.journal
    if path is None:
        paths = instance_paths(args)
        if paths is None:
            return _PROBLEM
        path = paths.journal
    journal = open_to_read(path)
    try:
        if args.follow:
            return _follow(args, journal)
        since_ns = None if _shown_id(args) is not None else span.since_ns
        return _print(args, _recorded(journal, path, journal.history.span(since_ns, span.until_ns)))
    finally:
        journal.close()


def _recorded(journal: Journal, location: Location, numbers: range) -> list[Alert]:
    """The commands in the journal, in the order in which they were typed."""
    from bridge.cli.printing.progress import Progress
    from bridge.history.index.folder import IndexFolder
    from bridge.history.search import Search

    search = Search(journal.history, IndexFolder(files_of(location)))
    with Progress("searching") as progress:
        found = [each.alert for each in search.newest(_wanted(), numbers, progress.update)]
    return sorted(found, key=lambda alert: (alert.time_ns, alert.id))


def _wanted() -> Wanted:
    from bridge.alert.command import COMMAND_RULE
    from bridge.history.wanted import Wanted

    return Wanted(rules=frozenset({COMMAND_RULE}))


def _print(args: argparse.Namespace, alerts: Iterable[Alert]) -> int:
    """Print the commands that are wanted; returns the exit code."""
    from bridge.cli.printing.command_list import as_csv, as_json, as_sessions, one_session

    shown = _shown_id(args)
    if shown is not None:
        found = one_session(alerts, shown)
        if isinstance(found, str):
            print(f"falco-bridge commands: {found}", file=sys.stderr)
            return _NONE
        alerts = found
    chosen = _chosen(args, alerts)
    if chosen is None:
        return _PROBLEM
    count = 0
    for line in as_json(chosen) if args.json else as_csv(chosen) if args.csv else as_sessions(chosen):
        count += 1
        print(line)
    if not count and not args.json:
        print("falco-bridge commands: no such command is recorded", file=sys.stderr)
    return 0 if count else _NONE


def _chosen(args: argparse.Namespace, alerts: Iterable[Alert]) -> Iterator[Alert] | None:
    """The commands that meet the condition and the options; None, with the problem printed, if that is wrong."""
    from bridge.workbench.commands import Selection

    selection = Selection(args.pod, args.node, args.user, args.session)
    predicate = None
    if args.words and _shown_id(args) is None:
        from bridge.language.diagnostics.render import render_text
        from bridge.workbench.condition import ConditionErrors, load_condition

        loaded = load_condition(args.words[0], args.imports, dict(args.label))
        if isinstance(loaded, ConditionErrors):
            print(render_text(loaded.diagnostics, loaded.sources).rstrip(), file=sys.stderr)
            return None
        predicate = loaded.predicate
    return (alert for alert in alerts if selection.takes(alert) and (predicate is None or predicate(alert)))


def _follow(args: argparse.Namespace, journal: Journal) -> int:
    """Print commands as they are added, until interrupted."""
    from bridge.cli.printing.command_list import as_json, as_lines
    from bridge.history.follow import follow

    added = follow(journal.history, _wanted(), journal.history.span().stop)
    chosen = _chosen(args, (each.alert for each in added))
    if chosen is None:
        return _PROBLEM
    for line in as_json(chosen) if args.json else as_lines(chosen):
        print(line, flush=True)
    return 0
