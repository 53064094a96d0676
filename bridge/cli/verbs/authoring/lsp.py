"""``falco-bridge lsp``: the language server of ``.route`` files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "lsp",
        help="run the language server for .route files: diagnostics, completion and more",
        description="Speaks the Language Server Protocol on standard input and output. Editors start it. Needs the "
        "extra `lsp`.",
        example="falco-bridge lsp --config falco-bridge.yaml",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE",
        help="the config whose channels and routes the files use (default: falco-bridge.yaml in a folder above each "
        "file)",
    )  # fmt: skip
    parser.add_argument(
        "--history", action="store_true",
        help="show what the config's journal has: beside each route how often it matched in 24 hours, and on a field "
        "its values in the newest alerts",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until the editor ends the connection."""
    try:
        from bridge.editor.features import make_server
    except ModuleNotFoundError as error:
        if error.name not in {"pygls", "lsprotocol"}:
            raise
        from bridge.common.extras import install_command

        print(
            f"falco-bridge lsp: needs a library that is not installed; run: {install_command('lsp')}", file=sys.stderr
        )
        return 2
    return make_server(None if args.config is None else args.config.resolve(), history=args.history).serve()
