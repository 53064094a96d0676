"""``falco-bridge match``: grep for alerts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.routes_input import add_labels, read_deciding
from bridge.cli.table import as_table

if TYPE_CHECKING:
    from bridge.alert import Alert
    from bridge.matching import Predicate

_NONE, _PROBLEM = 1, 2
_WIDEST = 60


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "match",
        help="print the alerts that meet a condition, like grep",
        description="Reads alerts from files (Falco's JSON lines, container logs, or the bridge's journal; without "
        "FILE, the journal of --config, else standard input) and prints those that meet CONDITION. Exits as grep does: "
        "0 where some did, 1 where none did, 2 on a mistake.",
        example="falco-bridge match 'proc.cmdline contains \"rm -rf\"' /var/log/falco/falco.log\n"
        "falco-bridge match 'k8s.ns.name = payments' --config falco-bridge.yaml",
    )
    parser.add_argument(
        "condition", type=_text, metavar="CONDITION", help="as after `when`: 'proc.cmdline contains \"rm -rf\"'"
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="- is standard input")
    parser.add_argument("-c", "--count", action="store_true", help="print how many, not which")
    parser.add_argument("-v", "--invert-match", action="store_true", help="those that do not meet it")
    parser.add_argument("--fields", type=_names, metavar="A,B", help="print these fields as a table")
    parser.add_argument(
        "--import", dest="imports", type=Path, action="append", default=[], metavar="FILE",
        help="a .route file whose macros and lists the condition uses",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="with this config's macros, lists, labels and journal"
    )
    add_labels(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Match and print; a file that cannot be read is told, and the others are read all the same."""
    labels = dict(args.label)
    if args.config is not None:
        config = read_deciding(args.config)
        if config is None:
            return _PROBLEM
        labels = dict(config.labels) | labels
        args.imports = [*config.routes, *args.imports]
        args.files = args.files or [str(config.journal)]
    predicate = _predicate(args, labels)
    if predicate is None or not _are_fields(args.fields or ()):
        return _PROBLEM
    reading = _Reading(args.files or ["-"])
    found = _print(reading.matching(predicate, invert=args.invert_match), args, labels)
    if reading.failed:
        return _PROBLEM
    return 0 if found else _NONE


def _predicate(args: argparse.Namespace, labels: dict[str, str]) -> Predicate | None:
    from bridge.language.checker.check import check_condition
    from bridge.language.checker.scope import Known
    from bridge.language.diagnostics.render import render_text
    from bridge.language.diagnostics.source import SourceText
    from bridge.language.program.condition import All, Compare, Exists, Not
    from bridge.language.program.condition import Any as AnyOf
    from bridge.matching import compile_condition
    from bridge.workbench.routes import read_import

    definitions = []
    for path in args.imports:
        source = read_import("", str(path))
        if isinstance(source, str):
            print(f"falco-bridge match: {source}", file=sys.stderr)
            return None
        definitions.append(source)
    source = SourceText("CONDITION", args.condition)
    condition = check_condition(source, Known(None, labels or None), definitions, read_import)
    if not isinstance(condition, Compare | Exists | Not | All | AnyOf):
        sources = {source.path: source, **{each.path: each for each in definitions}}
        print(render_text(condition, sources).rstrip(), file=sys.stderr)
        return None
    return compile_condition(condition, labels)


def _are_fields(names: Sequence[str]) -> bool:
    """Whether each could be a field's name; a column that nothing can fill is a slip of the pen, and is told."""
    from bridge.language.checker.check import check_condition
    from bridge.language.checker.scope import Known
    from bridge.language.diagnostics.render import render_text
    from bridge.language.diagnostics.source import SourceText

    sources = [SourceText("--fields", f"{name} exists") for name in names]
    wrong = [(each, found) for each in sources if isinstance(found := check_condition(each, Known(None, None)), tuple)]
    for source, problems in wrong:
        print(render_text(problems, {source.path: source}).rstrip(), file=sys.stderr)
    return not wrong


class _Reading:
    """The alerts of several files."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self.failed = False
        """Whether one could not be read."""

    def matching(self, predicate: Predicate, *, invert: bool) -> Iterator[tuple[Alert, bytes]]:
        """Those that meet the condition; what else there was is told at the end."""
        from bridge.workbench.alert_files import AlertFileError, Line, read_alerts, skipped

        others = 0
        for path in self._files:
            try:
                for each in read_alerts(path):
                    if not isinstance(each, Line):
                        others += 1
                    elif predicate(each.alert) is not invert:
                        yield each.alert, each.text
            except AlertFileError as error:
                self.failed = True
                print(f"falco-bridge match: {error}", file=sys.stderr)
        if others:
            print(f"falco-bridge match: {skipped(others)}", file=sys.stderr)


def _print(found: Iterator[tuple[Alert, bytes]], args: argparse.Namespace, labels: dict[str, str]) -> int:
    if args.count:
        count = sum(1 for _ in found)
        print(count)
        return count
    if args.fields:
        rows = [[_shown(alert, name, labels) for name in args.fields] for alert, _ in found]
        if rows:
            print(as_table([args.fields, *rows]))
        return len(rows)
    count, follows = 0, sys.stdout.isatty() or "-" in (args.files or ["-"])
    for _, text in found:
        count += 1
        sys.stdout.buffer.write(text + b"\n")
        if follows:
            sys.stdout.buffer.flush()
    sys.stdout.buffer.flush()
    return count


def _shown(alert: Alert, name: str, labels: dict[str, str]) -> str:
    from bridge.alert.alert import clock_text
    from bridge.common.text import one_line

    if name.startswith("label."):
        value: object = labels.get(name.removeprefix("label."))
    elif name == "time":
        value = clock_text("evt.time.iso8601", alert.time_ns).removesuffix("+0000") + "Z"
    elif name in {"rule", "priority", "source", "hostname", "output"}:
        value = str(getattr(alert, name))
    elif name == "tags":
        value = ",".join(alert.tags)
    else:
        value = alert.get(name)
    return "<NA>" if value is None else one_line(str(value), _WIDEST)


def _text(argument: str) -> str:
    """What is no UTF-8 is read as it is in alerts."""
    return os.fsencode(argument).decode("utf-8", "replace")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in _text(text).split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("name fields: --fields proc.name,user.name")
    return names
