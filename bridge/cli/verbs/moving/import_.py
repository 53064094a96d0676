"""``falco-bridge import``: writes a config and routes that do what another tool's config does."""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.migration.falcosidekick.translate import Translation

_CONFIG = "falco-bridge.yaml"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "import",
        help="write a config and routes that do what falcosidekick's config does",
        description="Reads the config of another tool and writes falco-bridge.yaml and route files that do the same. "
        "Prints what is different and checks what was written. Exits with 1 if the check finds errors, with 2 if "
        "FILE cannot be used.",
        example="falco-bridge import falcosidekick config.yaml --output bridge/",
    )
    actions = parser.add_subparsers(title="tools", dest="tool", metavar="TOOL", required=True)
    falcosidekick = actions.add_parser(
        "falcosidekick",
        help="falcosidekick's config.yaml, Helm values, or environment variables",
        description="Reads falcosidekick's config.yaml, the Helm values of its chart or of Falco's, or a list of its "
        "environment variables, one NAME=value a line. Secrets are not written: the config refers to environment "
        "variables, by the names that falcosidekick has for them. The variables of a running falcosidekick are the "
        "output of: kubectl exec deploy/falcosidekick -- env",
        example="falco-bridge import falcosidekick values.yaml --output bridge/\nfalco-bridge import falcosidekick -",
    )
    falcosidekick.add_argument("file", metavar="FILE", help="the config; - is standard input")
    falcosidekick.add_argument(
        "--output", type=Path, default=Path(), metavar="DIR", help="the folder to write to (default: the current one)"
    )
    falcosidekick.add_argument(
        "--env-file", type=Path, metavar="FILE",
        help="also write the environment variables with their values, readable by you only",
    )  # fmt: skip
    falcosidekick.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Translate, write, report and check; returns the exit code."""
    from bridge.migration.falcosidekick.settings import UnreadableConfigError, read_settings
    from bridge.migration.falcosidekick.translate import KNOWN, ROUTE_FILE, translate

    try:
        translation = translate(read_settings(_text_of(args.file), KNOWN))
    except (OSError, UnicodeDecodeError) as error:
        return _refuse(f"{args.file}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}")
    except UnreadableConfigError as error:
        return _refuse(f"{args.file}: {error}")
    if not translation.channels:
        _print_differences(translation)
        return _refuse(f"{args.file}: it enables no output that becomes a channel, so nothing was written")
    files = {_CONFIG: translation.config, ROUTE_FILE: translation.routes}
    paths = [*(args.output / name for name in files), *([] if args.env_file is None else [args.env_file])]
    if problem := _cannot_write(paths, force=args.force):
        return _refuse(problem)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (args.output / name).write_text(content, encoding="utf-8")
        if args.env_file is not None:
            _write_variables(args.env_file, translation)
    except OSError as error:
        return _refuse(f"{error.filename or args.output}: {error.strerror}")
    _print_report(translation, [args.output / name for name in files])
    return _check(args.output / _CONFIG, translation)


def _text_of(file: str) -> str:
    """Raises OSError and UnicodeDecodeError."""
    from bridge.common.files.text_file import read_bounded_text

    if file != "-":
        return read_bounded_text(Path(file), "utf-8-sig")
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return sys.stdin.buffer.read().decode("utf-8-sig")


def _cannot_write(paths: list[Path], *, force: bool) -> str:
    """What is in the way of the files; empty if nothing is."""
    from bridge.common.files.presence import exists, is_file

    if len({each.resolve() for each in paths}) < len(paths):
        return f"--env-file {paths[-1]} is a file of the config; choose another file"
    for path in paths:
        if exists(path) and not is_file(path):
            return f"{path} is not a file; choose another name"
        if exists(path) and not force:
            return f"{path} exists; choose another file, or overwrite it with --force"
    return ""


def _write_variables(path: Path, translation: Translation) -> None:
    """One ``NAME='value'`` a line, as systemd's EnvironmentFile and shells read it. Raises OSError.

    A variable whose value is not in the imported file is a comment.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(
            f"{each.name}={shlex.quote(each.value)}\n" if each.value else f"# {each.name}=  {each.meaning}\n"
            for each in translation.variables
        )


def _refuse(problem: str) -> int:
    print(f"falco-bridge import: {problem}", file=sys.stderr)
    return 2


def _print_report(translation: Translation, paths: list[Path]) -> None:
    print(f"wrote {' and '.join(map(str, paths))}")
    print(f"channels: {', '.join(translation.channels)}")
    if translation.variables:
        print("\nenvironment variables that the config needs:")
        width = max(len(each.name) for each in translation.variables)
        for each in translation.variables:
            print(f"  {each.name:<{width}}  {each.meaning}")
    _print_differences(translation)


def _print_differences(translation: Translation) -> None:
    if translation.differences:
        print("\nwhat is different:")
        for each in translation.differences:
            print(f"  {each}")


def _check(config: Path, translation: Translation) -> int:
    """Check the files as ``falco-bridge check`` does, with the values of the variables."""
    from bridge.cli.verbs.check import run as check

    os.environ.update({each.name: each.value for each in translation.variables if each.value})
    print("\nfalco-bridge check says:")
    arguments = argparse.Namespace(
        config=config, files=[], rules=[], fields=[], format="text", fix=False, strict=False, no_secrets=False
    )
    return check(arguments)
