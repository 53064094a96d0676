"""``--since`` and ``--until``: the span of time that a verb reads."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since_ns`` until just before ``until_ns``, in nanoseconds since the epoch. None is no limit."""

    since_ns: int | None
    until_ns: int | None

    def holds(self, time_ns: int) -> bool:
        """Whether it contains a time."""
        since_ns, until_ns = self.since_ns, self.until_ns
        return (since_ns is None or since_ns <= time_ns) and (until_ns is None or time_ns < until_ns)


def add_span(parser: Any, default: str | None = "24h") -> None:
    """Add ``--since`` and ``--until``. ``default`` is what ``--since`` is without it."""
    shown = "the first alert" if default is None else default
    parser.add_argument(
        "--since", type=_time, default=default, metavar="TIME",
        help=f"start of the time span: 2h, 'yesterday 22:00', 'monday 9:30', 2026-11-26T22:00:00Z (default: {shown})",
    )  # fmt: skip
    parser.add_argument("--until", type=_time, metavar="TIME", help="end of the time span, in the same forms")


def read_span(args: argparse.Namespace) -> Span | None:
    """The span of the arguments; None, with the problem printed, if it is empty."""
    if args.since is not None and args.until is not None and args.since >= args.until:
        print(f"falco-bridge {args.verb}: --since must be a time before --until", file=sys.stderr)
        return None
    return Span(args.since, args.until)


def _time(text: str) -> int:
    import time

    from bridge.common.clocks.human_times import HUMAN_TIME_FORMS, parse_human_time

    found = parse_human_time(text, time.time_ns())
    if found is None:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time; {HUMAN_TIME_FORMS}")
    return found
