"""The command ``falco-bridge``: runs the bridge, or one of the verbs.

Nothing heavy is imported here or at the top of a verb, so that ``--version`` and ``--help`` answer at once.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing takes longer to import than the rest of --version
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import NoReturn

    from bridge.cli.parser import Parser

VERBS = (
    "check",
    "config",
    "config_schema",
    "fmt",
    "lsp",
    "test",
    "replay",
    "diff",
    "suggest",
    "match",
    "commands",
    "explain",
    "history",
    "show",
    "tail",
    "fields",
    "falco_config",
    "import",
    "simulate",
    "demo",
    "status",
    "doctor",
    "console",
    "send",
    "dead",
    "channels",
    "quarantine",
    "silence",
    "incidents",
    "ack",
    "resolve",
    "reload",
    "journal",
    "completion",
)
"""Each is a module in ``bridge.cli.verbs``. Its ``add_parser(subparsers)`` sets ``run``: arguments to exit code."""
FOLDERS = {
    "fmt": "authoring",
    "lsp": "authoring",
    "test": "authoring",
    "fields": "authoring",
    "import": "moving",
    "status": "operating",
    "dead": "operating",
    "channels": "operating",
    "quarantine": "operating",
    "silence": "operating",
    "incidents": "operating",
    "ack": "operating",
    "resolve": "operating",
    "reload": "operating",
    "commands": "past",
    "history": "past",
    "show": "past",
    "tail": "past",
    "replay": "trial",
    "diff": "trial",
    "suggest": "trial",
    "doctor": "upkeep",
    "console": "upkeep",
    "journal": "upkeep",
}
"""The verbs whose modules are in a subfolder of ``bridge.cli.verbs``."""

USAGE = 2
"""Exit code: the command line is wrong, or the output cannot be written."""
_RUNNING = ("run", "start", "serve")
"""What people type to run the bridge."""
_COMPARISONS = frozenset(
    ("=", "==", "!=", "contains", "icontains", "startswith", "endswith", "glob", "regex", "in", "exists", "and", "or")
)
"""Words that follow the field in a condition. No file has such a name."""
_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if list(given) == ["--version"]:
        from bridge import __version__

        print(f"falco-bridge {__version__}")
        return 0
    from io import TextIOWrapper

    if isinstance(sys.stdout, TextIOWrapper):
        # The locale may lack a character, and a file name may be any bytes.
        sys.stdout.reconfigure(errors="backslashreplace")
        if arguments is None and list(given[:1]) != ["fmt"]:  # its output is a route file, which must stay as it is
            _escape_output()
    try:
        return _run(given)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        import os

        # The reader has closed the pipe, as `head` does. Python must not fail on it again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except OSError as error:
        return _unwritable(error)


def _escape_output() -> None:
    """No text in an alert, a file or a name acts on the terminal or on what reads the output."""
    import os

    from bridge.common.control_characters import EscapingOutput

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or not hasattr(stream, "buffer"):
            continue
        colours = stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
        encoding, errors, buffered = stream.encoding, stream.errors, stream.line_buffering
        stream.flush()
        escaping = EscapingOutput(stream.detach(), encoding, errors, line_buffering=buffered or name == "stderr")
        escaping.colours = colours
        setattr(sys, name, escaping)


def make_parser(verbs: Sequence[str]) -> Parser:
    """The parser of the command line, with these verbs."""
    from importlib import import_module
    from pathlib import Path

    from bridge import __version__
    from bridge.cli.parser import Parser

    parser = Parser(
        prog="falco-bridge",
        description="Receives Falco's alerts, routes them by .route files, and delivers them to channels.",
        example="falco-bridge demo                          # see it at work\n"
        "falco-bridge check --config falco-bridge.yaml\n"
        "falco-bridge --config falco-bridge.yaml    # run the bridge",
    )
    parser.add_argument(
        "--version", action="version", version=f"falco-bridge {__version__}", help="print the version and exit"
    )
    parser.add_argument(
        "--config", dest="bridge_config", type=Path, metavar="FILE", help="run the bridge with this config"
    )
    below = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB")
    for name in verbs:
        module = "import_" if name == "import" else name  # `import` is a word of Python
        import_module(".".join(filter(None, ("bridge.cli.verbs", FOLDERS.get(name), module)))).add_parser(below)
    return parser


def _run(given: Sequence[str]) -> int:
    name = _module(given[0]) if given else ""
    # Only the verb that is named is imported, and none to run the bridge.
    runs_bridge = len(given) == 2 and given[0] == "--config"
    parser = make_parser(() if runs_bridge else (name,) if name in VERBS else VERBS)
    if given and not given[0].startswith("-") and name not in VERBS:
        _refuse_verb(parser, given[0])
    args, rest = parser.parse_known_args(given)
    _refuse_unquoted(parser, args, rest)
    if rest:
        _take_files(parser, args, rest)
    verb = getattr(args, "run", None)
    if verb is not None:
        if args.bridge_config is not None:
            parser.error(f"--config before a verb runs the bridge; write: falco-bridge {args.verb} --config FILE …")
        code = int(verb(args))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    if args.bridge_config is None:
        parser.print_help(sys.stderr)
        return USAGE
    from bridge.daemon.start import run_bridge

    return run_bridge(args.bridge_config)


def _refuse_verb(parser: Parser, word: str) -> NoReturn:
    """Exit with the command that was probably meant: a verb, or one that uses the file that was named."""
    meant = ""
    if word in _RUNNING:
        meant = "run the bridge with: falco-bridge --config FILE"
    elif word.endswith((".yaml", ".yml")):
        meant = f"run the bridge with: falco-bridge --config {word}"
    elif word.endswith(".route"):
        meant = f"check a route file with: falco-bridge check {word}"
    if meant:
        parser.exit(USAGE, f"{parser.prog}: there is no verb `{word}`; {meant}\n")
    parser.refuse("verb", word, [verb.replace("_", "-") for verb in VERBS])


def _refuse_unquoted(parser: Parser, args: argparse.Namespace, rest: list[str]) -> None:
    """Exit if the words after a condition are the rest of it, which the shell has split."""
    condition = getattr(args, "condition", None)
    words = [*map(str, getattr(args, "files", ())), *rest]
    if isinstance(condition, str) and words and words[0] in _COMPARISONS:
        parser.exit(USAGE, f"{parser.prog} {args.verb}: write the condition in quotes: '{condition} {words[0]} …'\n")


def _take_files(parser: argparse.ArgumentParser, args: argparse.Namespace, rest: list[str]) -> None:
    """Files after an option (``match CONDITION -c FILE``) are left over by argparse. Anything else is an error."""
    from pathlib import Path

    files = getattr(args, "files", None)
    if files is None or any(word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    files += [Path(word) if args.verb != "match" else word for word in rest]


def _module(verb: str) -> str:
    return verb.replace("-", "_")


def _unwritable(error: OSError) -> int:
    """Report that standard output cannot be written, as on a full disk. Raises any other error again."""
    import errno
    import os

    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EIO} or error.filename is not None:
        raise error
    print(f"falco-bridge: the output cannot be written ({error.strerror})", file=sys.stderr)
    os._exit(USAGE)  # Python would try to write the rest again
