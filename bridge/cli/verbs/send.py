"""``falco-bridge send``: sends alerts to the running bridge. Falco's program_output starts it for every alert."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_PIECE = 1 << 18
"""The size of one request, if there is more input."""
_MAX_SECONDS = 3600.0
_QUIET_SECONDS = 0.2
"""Input that stays open is sent after a pause of this length."""
_FIRST_BYTES = frozenset(b"{[0123456789")


class _TooLargeError(Exception):
    """The input cannot be split into pieces that a bridge accepts."""


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "send",
        help="send alerts to the running bridge, or write them to its spool",
        description="Sends alerts, Falco's JSON or text lines, to the running bridge. If none accepts them, writes "
        "them to the spool, which the bridge reads when it starts. Exits with 0 once the alerts are on the disk, and "
        "with 1 if something is not an alert (the bridge has quarantined it) or could not be sent. "
        "falco.yaml: program_output: {enabled: true, program: falco-bridge send --socket PATH}",
        example="falco-bridge send --socket /run/falco-bridge/ingest.sock alerts.jsonl",
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="the alerts (default: standard input)")
    parser.add_argument("--socket", required=True, metavar="PATH", help="`socket` of the source in the bridge's config")
    parser.add_argument(
        "--spool", metavar="FOLDER", help="`spool` of that source (default: PATH with the suffix .spool)"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="DURATION", help="time limit for the bridge (default: 5s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send everything. Returns the exit code."""
    spool = args.spool or os.path.splitext(args.socket)[0] + ".spool"  # noqa: PTH122  # pathlib costs milliseconds
    try:
        descriptor = 0 if args.file == "-" else os.open(args.file, os.O_RDONLY | os.O_CLOEXEC)
        return max((_send(args.socket, spool, piece, args.timeout) for piece in _pieces(descriptor)), default=0)
    except _TooLargeError as error:
        print(f"falco-bridge send: NOT SENT, from here to the end of the input: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"falco-bridge send: {args.file} cannot be read ({error.strerror})", file=sys.stderr)
        return 2


def _seconds(text: str) -> float:
    """A duration, or a number of seconds."""
    with suppress(ValueError):
        seconds = float(text.removesuffix("s"))  # the common case, without another import
        if 0 < seconds <= _MAX_SECONDS:
            return seconds
    from bridge.common.clocks.durations import parse_duration

    nanoseconds = parse_duration(text)
    if nanoseconds is None or nanoseconds > _MAX_SECONDS * 1e9:
        raise argparse.ArgumentTypeError(f"`{text}` is not a duration of at most 1h; write 500ms, 5s or 1m30s")
    return nanoseconds / 1e9


def _send(path: str, spool: str, piece: bytes, seconds: float) -> int:
    from bridge.sources.ingest.client import ACCEPTED, SpoolError, UnreachedError, send_alerts, write_to_spool

    try:
        answer = send_alerts(path, piece, seconds)
    except UnreachedError as unreached:
        try:
            write_to_spool(spool, piece)
        except SpoolError as error:
            print(f"falco-bridge send: NOT SENT: {unreached}; {error}", file=sys.stderr)
            return 1
        print(f"falco-bridge send: {unreached}; written to the spool {spool}", file=sys.stderr)
        return 0
    if answer.startswith(ACCEPTED):
        return 0
    print(f"falco-bridge send: {answer.partition(' ')[2]}", file=sys.stderr)
    return 1


def _pieces(descriptor: int) -> Iterator[bytes]:
    """Split the input between alerts: at a maximal size, after a pause, and at its end."""
    import select

    from bridge.sources.ingest.client import MAX_BYTES

    held = b""
    while True:
        waiting = _QUIET_SECONDS if held.endswith(b"\n") else None
        if waiting is not None and not select.select([descriptor], [], [], waiting)[0]:
            yield held
            held = b""
        data = os.read(descriptor, _PIECE)
        held += data
        if not data:
            break
        if len(held) >= _PIECE and (end := _last_alert_start(held)):
            yield held[:end]
            held = held[end:]
        elif len(held) > MAX_BYTES:
            raise _TooLargeError(f"more than {MAX_BYTES} bytes without the start of an alert")
    if held.strip():
        yield held


def _last_alert_start(data: bytes) -> int:
    """The offset of the last line that begins an alert. Everything before it is complete."""
    at = len(data)
    while (at := data.rfind(b"\n", 0, at)) >= 0:
        if at + 1 < len(data) and data[at + 1] in _FIRST_BYTES:
            return at + 1
    return 0
