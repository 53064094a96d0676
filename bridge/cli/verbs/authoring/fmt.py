"""``falco-bridge fmt``: formats .route files."""

from __future__ import annotations

import argparse
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

_NO_NEWLINE = "\\ No newline at end of file"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "fmt",
        help="format .route files",
        description="Rewrites .route files in the standard layout, comments included. Their meaning does not "
        "change. A file with a syntax error is reported and not changed.",
        example="falco-bridge fmt --check payments.route",
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".route files; - formats standard input to standard output",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file would change")
    how.add_argument("--diff", action="store_true", help="change nothing; show the changes; exit as --check")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Format the files. Returns 0, 1 if a file would change, or 2 if one cannot be read or has a syntax error."""
    code = 0
    for path in args.files:
        code = max(code, _format(path, args))
    return code


def _format(path: Path, args: argparse.Namespace) -> int:
    from bridge.common.files.text_file import read_bounded_text
    from bridge.language.diagnostics.render import render_text
    from bridge.language.diagnostics.source import SourceText
    from bridge.language.format.formatter import format_text

    try:
        text = _standard_input() if str(path) == "-" else read_bounded_text(path, "utf-8-sig")
    except OSError as error:
        return _fail(f"{path}: cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        return _fail(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8")
    source = SourceText(str(path), text)
    formatted = format_text(source)
    if not isinstance(formatted, str):
        return _fail(render_text(formatted, {source.path: source}).rstrip())
    changed = formatted != text
    if args.diff:
        lines = unified_diff(text.splitlines(True), formatted.splitlines(True), str(path), f"{path} (formatted)")
        print("".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n" for line in lines), end="")
    elif args.check:
        if changed:
            print(f"{path}: would be reformatted; run: falco-bridge fmt {path}")
    elif str(path) == "-":
        print(formatted, end="")
    elif changed:
        return _replace(path, formatted)
    return int(changed and (args.check or args.diff))


def _standard_input() -> str:
    text = sys.stdin.buffer.read().decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _replace(path: Path, text: str) -> int:
    """Replace the file at once. A byte order mark and the line ends of Windows stay."""
    from bridge.common.files.text_file import encoded_like, read_bounded, replace_file

    try:
        replace_file(path, encoded_like(text, read_bounded(path)))
    except OSError as error:
        return _fail(f"{path}: cannot be written ({error.strerror})")
    print(f"{path}: reformatted")
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2
