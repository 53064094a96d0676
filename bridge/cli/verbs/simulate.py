"""``falco-bridge simulate``: a simulated Falco to try routes with."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.numbers import positive_number, whole_number

if TYPE_CHECKING:
    import ssl

    from bridge.simulate.recording import Recording
    from bridge.simulate.server import StandInFalco

_PROBLEM = 2
_DEFAULT_ADDRESS = "unix:falco.sock"
_DEFAULT_COUNT = 1000
_POLL_SECONDS = 0.05
_STOP_SECONDS = 2.0


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "simulate",
        help="send alerts as Falco does, over gRPC or http_output",
        description="Simulates a Falco: serves alerts over Falco's gRPC protocol until it is stopped (Ctrl-C), or "
        "posts them to a URL. Without FILE, sends the sample alerts that ship with falco-bridge.",
        example="falco-bridge simulate --listen unix:falco.sock --rate 5",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="Falco's JSON alerts, one per line; or a recording NAME.bin"
    )
    _add_what(parser.add_argument_group("alerts"))
    _add_where(parser.add_argument_group("destination"))
    parser.set_defaults(run=run, parser=parser)


def _add_what(group: Any) -> None:
    group.add_argument("--rate", type=positive_number, metavar="N", help="alerts per second (default: all at once)")
    group.add_argument("--loop", action="store_true", help="repeat without end, each alert with the current time")
    group.add_argument("--hostname", metavar="NAME", help="hostname of all alerts")
    group.add_argument("--json-output", action="store_true", help="like json_output: true in falco.yaml (gRPC)")
    group.add_argument("--text", action="store_true", help="like json_output: false in falco.yaml (--http)")
    group.add_argument("--generate", action="store_true", help="generate alerts instead of reading FILE")
    group.add_argument(
        "--count", type=whole_number(1), metavar="N", help=f"number of alerts to generate (default {_DEFAULT_COUNT})"
    )
    group.add_argument("--seed", type=whole_number(0), metavar="N", help="seed of --generate (default 0)")


def _add_where(group: Any) -> None:
    group.add_argument("--listen", metavar="ADDRESS", help=f"unix:PATH or HOST:PORT (default {_DEFAULT_ADDRESS})")
    group.add_argument("--ca", type=Path, metavar="FILE", help="PEM file with the trusted authorities")
    group.add_argument("--cert", type=Path, metavar="FILE", help="PEM file with the certificate; required for TCP")
    group.add_argument("--key", type=Path, metavar="FILE", help="PEM file with the private key")
    group.add_argument("--http", metavar="URL", help="post the alerts to URL instead of serving gRPC")
    group.add_argument(
        "--exit-when-drained", action="store_true", help="exit when clients have read every alert and disconnected"
    )


def run(args: argparse.Namespace) -> int:
    """Send the alerts. Returns 0 when stopped or done, 2 if they cannot be sent."""
    from bridge.daemon.signals import on_stop_signal
    from bridge.simulate.errors import SimulationError

    _check(args)
    stop = threading.Event()
    on_stop_signal(stop.set)
    try:
        return _post(args, stop) if args.http else _serve(args, stop)
    except SimulationError as error:
        print(f"falco-bridge simulate: {error}", file=sys.stderr)
        return _PROBLEM


def _check(args: argparse.Namespace) -> None:
    """Exit with an error if options contradict each other."""
    error = args.parser.error
    if args.generate and args.file:
        error("give a FILE or --generate, not both")
    if not args.generate and (args.count is not None or args.seed is not None):
        error("--count and --seed require --generate")
    if args.http and (args.listen or args.exit_when_drained or args.json_output):
        error("--listen, --json-output and --exit-when-drained are for gRPC; leave them out with --http")
    if args.text and not args.http:
        error("--text is for --http; over gRPC, text is the default without --json-output")
    if args.loop and args.exit_when_drained:
        error("--loop never ends; leave out --exit-when-drained")
    if not args.http and len({args.ca is None, args.cert is None, args.key is None}) > 1:
        error("mutual TLS requires --ca, --cert and --key")
    if args.http and (args.cert is None) is not (args.key is None):
        error("--cert and --key must be given together")


def _serve(args: argparse.Namespace, stop: threading.Event) -> int:
    from bridge.simulate.address import StandInTls
    from bridge.simulate.play import paced
    from bridge.simulate.recording import Form
    from bridge.simulate.server import StandInFalco

    form = Form.JSON if args.json_output else Form.TEXT
    tls = None if args.ca is None else StandInTls(args.ca, args.cert, args.key)
    alerts = _alerts(args)
    falco = StandInFalco(args.listen or _DEFAULT_ADDRESS, tls)
    with falco:
        _say(f"simulated Falco listening on {falco.address}")
        for piece in paced(alerts, args.rate, stop):
            falco.put(*(alert.grpc(form) for alert in piece))
            if args.loop and args.rate is None:
                _await_drained(falco, stop)
        if args.exit_when_drained:
            _await_drained(falco, stop)
            while not stop.is_set() and not falco.stop(_POLL_SECONDS):
                pass
        else:
            stop.wait()
    return 0


def _await_drained(falco: StandInFalco, stop: threading.Event) -> None:
    while not stop.is_set() and not falco.wait_until_drained(_POLL_SECONDS):
        pass


def _post(args: argparse.Namespace, stop: threading.Event) -> int:
    from bridge.simulate.http_output import HttpOutput
    from bridge.simulate.play import paced
    from bridge.simulate.recording import Form

    form = Form.TEXT if args.text else Form.JSON
    output = HttpOutput(args.http, "text/plain" if args.text else "application/json", _context(args))
    _say("simulated Falco posting alerts")
    for piece in paced(_alerts(args), args.rate, stop):
        for alert in piece:
            if stop.is_set():
                break
            output.post(alert.http(form))
    output.close()
    posted = output.posted
    _say(f"posted {posted.total}: {posted.accepted} accepted, {posted.refused} refused, {posted.dropped} not answered")
    return 0 if posted.accepted == posted.total else 1


def _context(args: argparse.Namespace) -> ssl.SSLContext | None:
    """The TLS context for an https URL."""
    import ssl

    from bridge.simulate.errors import SimulationError

    try:
        context = ssl.create_default_context(cafile=args.ca)
        if args.cert is not None:
            context.load_cert_chain(args.cert, args.key)
    except OSError as error:
        files = ", ".join(str(file) for file in (args.ca, args.cert, args.key) if file is not None)
        raise SimulationError(f"{files}: cannot be used ({error.strerror or error}); name PEM files") from None
    return context


def _alerts(args: argparse.Namespace) -> Iterator[Recording]:
    """The alerts to play, in order. Raises SimulationError if they cannot be read."""
    from bridge.simulate.files import read_recordings
    from bridge.simulate.generate import generate
    from bridge.simulate.play import endlessly, from_node
    from bridge.simulate.samples import sample_alerts

    alerts: Iterator[Recording]
    if args.generate:
        alerts = iter(generate(_DEFAULT_COUNT if args.count is None else args.count, args.seed or 0))
    else:
        alerts = iter(read_recordings(args.file or sample_alerts()))
    if args.hostname is not None:
        alerts = from_node(alerts, args.hostname)
    return endlessly(list(alerts)) if args.loop else alerts


def _say(line: str) -> None:
    print(f"falco-bridge simulate: {line}", file=sys.stderr, flush=True)
