"""The command ``falco-bridge``: the bridge itself, and the verbs around it.

Nothing heavy is imported here or at the top of any verb: ``--version`` and ``--help`` answer at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from bridge import __version__
from bridge.cli.parser import Parser

VERBS = (
    "check",
    "fmt",
    "test",
    "match",
    "explain",
    "fields",
    "falco_config",
    "simulate",
    "demo",
    "status",
    "send",
    "dead",
    "channels",
    "quarantine",
)
"""Each is a module here with ``add_parser(subparsers)``, which sets ``run``: arguments to exit code."""

USAGE = 2
"""Exit code: asked for something that cannot be done as it was asked."""
_INTERRUPTED = 130
_PIPE_CLOSED = 141
_NOWHERE_TO_WRITE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale that lacks a letter, a file's name that is no text
    try:
        parser = _parser(_asked_for(given))
        if given and not given[0].startswith("-") and _module(given[0]) not in VERBS:
            parser.refuse("verb", given[0], [verb.replace("_", "-") for verb in VERBS])
        return _run(parser, given)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python must not find the broken pipe again as it leaves.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except OSError as error:
        if error.errno not in _NOWHERE_TO_WRITE or error.filename is not None:
            raise
        print(f"falco-bridge: the output cannot be written ({error.strerror})", file=sys.stderr)
        os._exit(USAGE)  # Python would try once more to write what is left


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    args, rest = parser.parse_known_args(arguments)
    if rest:
        _take_files(parser, args, rest)
    verb = getattr(args, "run", None)
    if verb is not None:
        if args.bridge_config is not None:
            parser.error(f"--config before a verb runs the bridge; write: falco-bridge {args.verb} … after the verb")
        code = int(verb(args))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    if args.bridge_config is None:
        parser.print_help(sys.stderr)
        return USAGE
    from bridge.daemon.start import run_bridge

    return run_bridge(args.bridge_config)


def _take_files(parser: argparse.ArgumentParser, args: argparse.Namespace, rest: list[str]) -> None:
    """Files behind an option (``match CONDITION -c FILE``), which argparse leaves over; nothing else may be."""
    files = getattr(args, "files", None)
    if files is None or any(word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    files += [Path(word) if args.verb != "match" else word for word in rest]


def _asked_for(given: Sequence[str]) -> Sequence[str]:
    """The one verb that is named first, so that it need not wait for the others to be imported; or all of them."""
    name = _module(given[0]) if given else ""
    return (name,) if name in VERBS else VERBS


def _module(verb: str) -> str:
    return verb.replace("-", "_")


def _parser(verbs_known: Sequence[str]) -> Parser:
    parser = Parser(
        prog="falco-bridge",
        description="Takes Falco's alerts in, decides by .route files who must hear of each, and delivers them.",
        example="falco-bridge demo                          # new here? this shows it at work\n"
        "falco-bridge check --config falco-bridge.yaml\n"
        "falco-bridge --config falco-bridge.yaml    # the bridge itself",
    )
    parser.add_argument("--version", action="version", version=f"falco-bridge {__version__}")
    parser.add_argument(
        "--config", dest="bridge_config", type=Path, metavar="FILE", help="run the bridge with this configuration"
    )
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB")
    for name in verbs_known:
        import_module(f"bridge.cli.verbs.{name}").add_parser(verbs)
    return parser
