"""``falco-bridge send``: hands alerts to the running bridge; what Falco's program_output starts for every alert."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_PIECE = 1 << 18
"""Bytes that are handed over at a time, where more comes."""
_MAX_SECONDS = 3600.0
_QUIET_SECONDS = 0.2
"""An input that stays open and says nothing for so long has said what it had to say."""
_FIRST_BYTES = frozenset(b"{[0123456789")


class _TooLargeError(Exception):
    """The input cannot be cut into pieces that a bridge takes."""


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "send",
        help="hand alerts to the running bridge, or leave them in its spool",
        description="Hands alerts, Falco's JSON or text lines, to the running bridge. Exits with 0 once they are on "
        "the disk: committed by the bridge or, where none takes them, in the spool, from where it takes them in. "
        "Exits with 1 where something is no alert (the bridge has kept it aside) or neither took it. "
        "falco.yaml: program_output: {enabled: true, program: falco-bridge send --socket PATH}",
        example="falco-bridge send --socket /run/falco-bridge/ingest.sock alerts.jsonl",
    )
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="what to send; standard input without it")
    parser.add_argument(
        "--socket", required=True, metavar="PATH", help="where the bridge listens: its config's `socket` source"
    )
    parser.add_argument("--spool", metavar="FOLDER", help="that source's `spool`; PATH with .spool for its ending")
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="DURATION", help="how long the bridge may take, as 500ms (5s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send everything; 0 where all of it is safe."""
    spool = args.spool or os.path.splitext(args.socket)[0] + ".spool"  # noqa: PTH122  # pathlib costs milliseconds
    try:
        descriptor = 0 if args.file == "-" else os.open(args.file, os.O_RDONLY | os.O_CLOEXEC)
        return max((_send(args.socket, spool, piece, args.timeout) for piece in _pieces(descriptor)), default=0)
    except _TooLargeError as error:
        print(f"falco-bridge send: NOT SENT, it and what comes behind it: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"falco-bridge send: {args.file} cannot be read ({error.strerror})", file=sys.stderr)
        return 2


def _seconds(text: str) -> float:
    """A duration as everywhere else, or bare seconds."""
    with suppress(ValueError):
        seconds = float(text.removesuffix("s"))  # who is started for every alert need not load the language for that
        if 0 < seconds <= _MAX_SECONDS:
            return seconds
    from bridge.common.durations import parse_duration

    nanoseconds = parse_duration(text)
    if nanoseconds is None or nanoseconds > _MAX_SECONDS * 1e9:
        raise argparse.ArgumentTypeError(f"`{text}` is no duration up to an hour; write 500ms, 5s or 1m30s")
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
        print(f"falco-bridge send: {unreached}; it waits in the spool {spool}", file=sys.stderr)
        return 0
    if answer.startswith(ACCEPTED):
        return 0
    print(f"falco-bridge send: {answer.partition(' ')[2]}", file=sys.stderr)
    return 1


def _pieces(descriptor: int) -> Iterator[bytes]:
    """The input, cut between alerts: at its end, where much has come, or where it falls quiet."""
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
            raise _TooLargeError(f"more than {MAX_BYTES} bytes without the beginning of an alert")
    if held.strip():
        yield held


def _last_alert_start(data: bytes) -> int:
    """Where the last line that begins an alert begins: what comes before it is whole."""
    at = len(data)
    while (at := data.rfind(b"\n", 0, at)) >= 0:
        if at + 1 < len(data) and data[at + 1] in _FIRST_BYTES:
            return at + 1
    return 0
