"""Arguments of the verbs that try routes on recorded alerts: which alerts, which config, how many processes."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.numbers import whole_number
from bridge.cli.arguments.routes_input import add_labels, read_routing_config
from bridge.cli.arguments.span import add_span, read_span
from bridge.journal.location import journal_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bridge.config.load import RoutingConfig
    from bridge.language.program.program import Redaction
    from bridge.workbench.replay.parts import Plan
    from bridge.workbench.replay.past_silences import PastSilences
    from bridge.workbench.route_sets import RouteSet


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try routes on."""

    plan: Plan
    config: RoutingConfig | None
    labels: Mapping[str, str]
    """Those of the command line; they replace the config's."""
    past: PastSilences
    """The silences that acted then."""

    def remarks(self) -> Iterator[str]:
        """What the report says about silences."""
        past = self.past
        if past.count and past.silences:
            yield (
                f"\nSilences: {past.count:,} of the journal acted as they did then; --without-silences leaves them out."
            )
        elif past.count:
            yield f"\nSilences: {past.count:,} of the journal that acted then left out."
        if past.unusable:
            yield f"\nSilences whose condition cannot be used any more: {', '.join(past.unusable)}"

    def silences_json(self) -> dict[str, Any]:
        """The same for programs."""
        past = self.past
        return {"known": past.count, "replayed": bool(past.silences), "unusable": list(past.unusable)}


def add_trial(parser: Any, *, silences: bool = True) -> None:
    """Add the arguments that name alerts. ``silences`` is whether those of the journal act."""
    parser.add_argument(
        "--from", dest="alerts", action="append", default=[], metavar="FILE",
        help="alerts: Falco's JSON lines, a container log or a journal; - is standard input "
        "(default: the journal of --config)",
    )  # fmt: skip
    add_span(parser, default=None)
    parser.add_argument("--config", type=Path, metavar="FILE", help="use this config's journal, channels and labels")
    parser.add_argument(
        "--processes", type=whole_number(1, 256), default=0, metavar="N",
        help="how many processes read alerts, where no route has memory (default: one for each CPU)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=whole_number(0, 1000), default=3, metavar="N", help="how many examples of each (default 3)"
    )
    if silences:
        parser.add_argument(
            "--without-silences", action="store_true",
            help="leave out the journal's silences, which otherwise act as they did then",
        )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_labels(parser)


def read_trial(args: argparse.Namespace) -> Trial | None:
    """What the arguments name; None, with the problem printed, if that cannot be used."""
    from bridge.workbench.alert_files import AlertFileError
    from bridge.workbench.replay.parts import Plan
    from bridge.workbench.replay.past_silences import past_silences
    from bridge.workbench.replay.recording import TimeRange, parts_of

    span, config = read_span(args), None
    if args.config is not None:
        config = read_routing_config(args.config)
    if span is None or (args.config is not None and config is None):
        return None
    files = list(args.alerts) or ([] if config is None else [journal_text(config.journal)])
    if not files:
        refuse(args, "name alerts with --from FILE, or the bridge's journal with --config FILE")
        return None
    when = TimeRange(span.since_ns, span.until_ns)
    try:
        parts = tuple(parts_of(files, when))
        labels = ({} if config is None else dict(config.labels)) | dict(args.label)
        past = past_silences(parts, when, labels, used=not getattr(args, "without_silences", True))
        return Trial(Plan(parts, when, args.processes), config, dict(args.label), past)
    except AlertFileError as error:
        refuse(args, str(error))
        return None


def read_route_set(args: argparse.Namespace, trial: Trial, names: Sequence[str]) -> RouteSet | None:
    """The routes of these names; None with the errors printed."""
    from bridge.workbench.route_sets import RouteSetError, load_route_set

    try:
        return load_route_set(names, trial.config, trial.labels)
    except RouteSetError as error:
        refuse(args, str(error))
        return None


def known_redactions(trial: Trial, *sets: RouteSet) -> tuple[Redaction, ...]:
    """The redactions that may have been in use: those of the routes, and of the config's routes if they are valid."""
    from bridge.workbench.route_sets import RouteSetError, load_route_set

    found = [redaction for each in sets for redaction in each.program.redactions]
    if trial.config is not None:
        try:
            live = load_route_set([str(path) for path in trial.config.routes], trial.config, trial.labels)
        except RouteSetError:  # they are not what is tried
            return tuple(found)
        found += live.program.redactions
    return tuple(dict.fromkeys(found))


def refuse(args: argparse.Namespace, sentence: str) -> None:
    """Print why the verb does nothing."""
    print(f"falco-bridge {args.verb}: {sentence}", file=sys.stderr)
