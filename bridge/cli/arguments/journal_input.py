"""Arguments of the verbs that search a journal: which journal, which alerts, and how they are printed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.condition_input import condition_text, field_names
from bridge.cli.arguments.routes_input import add_labels, read_routing_config
from bridge.journal.location import Location, location_of

if TYPE_CHECKING:
    from bridge.history.wanted import Wanted
    from bridge.journal.protocols import Journal
    from bridge.workbench.condition import LoadedCondition


class NoInputError(Exception):
    """An argument cannot be used; the problem is printed."""


@dataclass(frozen=True, slots=True)
class JournalInput:
    """Where a journal is, and what the config beside it defines."""

    location: Location
    imports: Sequence[Path] = ()
    labels: dict[str, str] = field(default_factory=dict)


def add_journal(parser: Any) -> None:
    """Add ``--config`` and ``--journal``; one of them is required."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", type=Path, metavar="FILE", help="the config that the bridge runs with")
    which.add_argument("--journal", type=location_of, metavar="JOURNAL", help="a journal: a file, or a database's URL")


def add_wanted(parser: Any) -> None:
    """Add the arguments that say which alerts are wanted."""
    parser.add_argument(
        "condition", nargs="?", type=condition_text, metavar="CONDITION", help="a condition, as after `when` in a route"
    )
    parser.add_argument(
        "--rule", type=condition_text, action="append", default=[], metavar="NAME", help="alerts of this Falco rule"
    )
    parser.add_argument(
        "--route", type=condition_text, default="", metavar="NAME", help="alerts that this route matched"
    )
    parser.add_argument(
        "--channel",
        type=condition_text,
        default="",
        metavar="NAME",
        help="alerts that were sent to this channel, at once or in a digest",
    )
    parser.add_argument(
        "--reason", metavar="REASON", help="alerts with this reason of a decision: sent, throttled, silenced, …"
    )
    parser.add_argument(
        "--words",
        type=condition_text,
        action="append",
        default=[],
        metavar="TEXT",
        help="alerts whose text or fields have all these words",
    )
    parser.add_argument(
        "--import", dest="imports", type=Path, action="append", default=[], metavar="FILE",
        help="a .route file whose macros and lists the condition uses",
    )  # fmt: skip
    add_labels(parser)


def add_output(parser: Any) -> None:
    """Add ``--fields``, ``--json`` and ``--csv``."""
    parser.add_argument("--fields", type=field_names, default=[], metavar="A,B", help="the columns of the table or CSV")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON lines: Falco's objects with id and decisions")
    form.add_argument("--csv", action="store_true", help="print CSV")


def read_input(args: argparse.Namespace) -> JournalInput:
    """The journal and what its config defines. Raises NoInputError."""
    given = dict(getattr(args, "label", ()))
    if args.config is None:
        return JournalInput(args.journal, labels=given)
    config = read_routing_config(args.config)
    if config is None:
        raise NoInputError
    return JournalInput(config.journal, config.routes, dict(config.labels) | given)


def read_wanted(args: argparse.Namespace, given: JournalInput) -> Wanted:
    """What the arguments ask for. Raises NoInputError."""
    from bridge.history.wanted import Wanted, wanted_words
    from bridge.workbench.condition import ConditionErrors, load_condition

    condition = predicate = None
    if args.condition is not None:
        loaded = load_condition(args.condition, [*given.imports, *args.imports], given.labels)
        if isinstance(loaded, ConditionErrors):
            from bridge.language.diagnostics.render import render_text

            raise _failed(render_text(loaded.diagnostics, loaded.sources).rstrip())
        condition, predicate = loaded.condition, loaded.predicate
        _warn_of_redacted(loaded, args.verb)
    words = wanted_words(args.words)
    if args.words and not words:
        raise _failed(f"falco-bridge {args.verb}: --words contains no letter or digit")
    return Wanted(
        condition, predicate, frozenset(args.rule), words, args.route, args.channel, _reason(args.reason, args.verb)
    )


def unknown_in_config(args: argparse.Namespace) -> list[str]:
    """A sentence for each route, channel and rule of ``add_wanted`` that the config does not have."""
    from bridge.cli.arguments.config_names import unknown_names

    return list(unknown_names(args.config, route=args.route, channel=args.channel, rules=args.rule))


def warn_of_unknown(args: argparse.Namespace) -> None:
    """Say so before alerts are waited for that may never come."""
    for sentence in unknown_in_config(args):
        print(f"falco-bridge {args.verb}: {sentence}", file=sys.stderr)


def _warn_of_redacted(loaded: LoadedCondition, verb: str) -> None:
    """Say where the condition cannot be judged: the stored text is not what the routes saw."""
    from bridge.common.text import one_line
    from bridge.matching.fields import fields_of

    fields = one_line(", ".join(sorted(fields_of(loaded.condition) & loaded.redacted)), 200)
    if fields:
        print(
            f"falco-bridge {verb}: routes redact {fields}; where text was removed, the condition cannot be judged and "
            "sees the replacement",
            file=sys.stderr,
        )


def _reason(text: str | None, verb: str) -> Any:
    from bridge.common.suggest import did_you_mean
    from bridge.routing import Reason

    if text is None:
        return None
    known = {each.value: each for each in Reason}
    word = text.replace("-", "_").replace(" ", "_")
    if word not in known:
        meant = did_you_mean(word, known) or f"the reasons are {', '.join(known)}"
        raise _failed(f"falco-bridge {verb}: there is no reason `{text}`; {meant}")
    return known[word]


@contextmanager
def opened(location: Location) -> Iterator[Journal]:
    """The journal, open to read. Raises JournalError."""
    from bridge.journal.opening import open_to_read

    journal = open_to_read(location)
    try:
        yield journal
    finally:
        journal.close()


def _failed(sentence: str) -> NoInputError:
    print(sentence, file=sys.stderr)
    return NoInputError()
