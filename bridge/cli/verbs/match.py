"""``falco-bridge match``: prints the alerts that meet a condition, like grep."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.condition_input import are_fields, condition_text, field_names
from bridge.cli.arguments.ids import ids_among
from bridge.cli.arguments.routes_input import add_labels, read_routing_config
from bridge.cli.printing.alert_rows import field_text
from bridge.cli.printing.table import as_table
from bridge.journal.location import journal_text

if TYPE_CHECKING:
    from bridge.alert import Alert
    from bridge.workbench.condition import LoadedCondition

_NONE, _PROBLEM = 1, 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "match",
        help="print the alerts that match a condition, as grep does for lines",
        description="Reads alerts from files and prints those that meet CONDITION. Files are Falco's JSON lines, "
        "container logs or the bridge's journal; without FILE, it reads the journal of --config, or else standard "
        "input. Exits as grep does: 0 if an alert matched, 1 if none did, 2 on an error.",
        example="falco-bridge match 'proc.cmdline contains \"rm -rf\"' /var/log/falco/falco.log\n"
        "falco-bridge match 'k8s.ns.name = payments' --config falco-bridge.yaml",
    )
    parser.add_argument(
        "condition",
        type=condition_text,
        metavar="CONDITION",
        help="a condition, as after `when`: 'proc.cmdline contains \"rm -rf\"'",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="files with alerts; - is standard input")
    parser.add_argument("-c", "--count", action="store_true", help="print only the number of matching alerts")
    parser.add_argument("-v", "--invert-match", action="store_true", help="select alerts that do not meet it")
    parser.add_argument(
        "--id", default="", metavar="ID", help="only alerts whose id starts with ID; `--fields id` prints ids"
    )
    parser.add_argument("--fields", type=field_names, metavar="A,B", help="print these fields as a table")
    parser.add_argument(
        "--import", dest="imports", type=Path, action="append", default=[], metavar="FILE",
        help="a .route file whose macros and lists the condition uses",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="use this config's macros, lists, labels and journal"
    )
    add_labels(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the matching alerts; returns the exit code. A file that cannot be read does not stop the others."""
    labels = dict(args.label)
    if wrong := ids_among(args.files):
        remedy = f"for an alert's id write --id {wrong[0]}"
        print(f"falco-bridge match: there is no file {wrong[0]}; {remedy}", file=sys.stderr)
        return _PROBLEM
    # Unlike Path, os.path takes a text that is too long for the name of a file.
    if args.files and not os.path.exists(args.files[0]) and os.path.isfile(args.condition):  # noqa: PTH110, PTH113
        print(f"falco-bridge match: {args.condition} is a file; write the condition before it", file=sys.stderr)
        return _PROBLEM
    if args.config is not None:
        config = read_routing_config(args.config)
        if config is None:
            return _PROBLEM
        labels = dict(config.labels) | labels
        args.imports = [*config.routes, *args.imports]
        args.files = args.files or [journal_text(config.journal)]
    condition = _condition(args, labels)
    if condition is None or not are_fields(args.fields or ()):
        return _PROBLEM
    search = _Search(args.files or ["-"], condition, args.id.lower(), invert=args.invert_match)
    count = _print(search.matches(), args, labels)
    if search.failed:
        return _PROBLEM
    return 0 if count else _NONE


def _condition(args: argparse.Namespace, labels: dict[str, str]) -> LoadedCondition | None:
    """The condition, or None with its errors on standard error."""
    from bridge.language.diagnostics.render import render_text
    from bridge.workbench.condition import ConditionErrors, load_condition

    loaded = load_condition(args.condition, args.imports, labels)
    if isinstance(loaded, ConditionErrors):
        print(render_text(loaded.diagnostics, loaded.sources).rstrip(), file=sys.stderr)
        return None
    return loaded


class _Search:
    """The alerts of several files that meet a condition."""

    def __init__(self, files: Sequence[str], condition: LoadedCondition, start: str = "", *, invert: bool) -> None:
        """``start`` is what the ids of alerts start with."""
        self._files = files
        self._start = start
        self._condition = condition
        self._invert = invert
        self.failed = False
        """Whether a file could not be read."""

    def matches(self) -> Iterator[tuple[Alert, bytes]]:
        """Each alert with its line. Reports at the end how many lines were not alerts."""
        from bridge.workbench.alert_files import AlertFileError, Line, read_alerts, skipped

        others = 0
        for path in self._files:
            try:
                for each in read_alerts(path, id_start=self._start):
                    if not isinstance(each, Line):
                        others += 1
                        continue
                    alert = self._condition.complete(each.alert)
                    if self._condition.predicate(alert) is not self._invert and alert.id.startswith(self._start):
                        yield alert, each.text
            except AlertFileError as error:
                self.failed = True
                print(f"falco-bridge match: {error}", file=sys.stderr)
        if others:
            print(f"falco-bridge match: {skipped(others)}", file=sys.stderr)


def _print(matches: Iterator[tuple[Alert, bytes]], args: argparse.Namespace, labels: dict[str, str]) -> int:
    """Print as the arguments say; returns how many alerts matched."""
    from bridge.common.control_characters import escaped

    if args.count:
        count = sum(1 for _ in matches)
        print(count)
        return count
    if args.fields:
        rows = [[field_text(alert, name, labels) for name in args.fields] for alert, _ in matches]
        if rows:
            print(as_table([args.fields, *rows]))
        return len(rows)
    count, flush = 0, sys.stdout.isatty() or "-" in (args.files or ["-"])
    for _, text in matches:
        count += 1
        sys.stdout.buffer.write(escaped(text.decode("utf-8", "replace")).encode() + b"\n")
        if flush:
            sys.stdout.buffer.flush()
    sys.stdout.buffer.flush()
    return count
