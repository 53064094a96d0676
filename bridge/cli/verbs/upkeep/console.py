"""``falco-bridge console``: web pages about a running bridge and its journal, without the bridge starting them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.config.schema.console import ConsoleSettings
    from bridge.config.schema.values import ListenAddress
    from bridge.console.process.launch import ConsoleLaunch

_PROBLEM = 2
_DEFAULT = "127.0.0.1:2804"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "console",
        help="serve web pages about the bridge and its journal",
        description="Shows incidents, recorded alerts, routes, channels, silences and terminal sessions in a browser, "
        "in a separate process that only reads the journal. Uses `console` of the config; options override it. Without "
        "`console`, a visitor over TCP signs in with a token that is printed. Needs the extra `console`.",
        example="falco-bridge console --config falco-bridge.yaml",
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the config that the bridge runs with"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--listen", type=_address, metavar="HOST:PORT",
        help=f"the address (default: that of the config, or {_DEFAULT}; port 0 takes a free one)",
    )  # fmt: skip
    where.add_argument(
        "--unix", type=Path, metavar="PATH", help="a unix socket, for this user and root, without a token"
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="NAME",
        help="a name by which browsers reach it through a proxy; required to listen beyond this machine",
    )  # fmt: skip
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="the token that visitors sign in with (default: that of the config, or a new one, printed)",
    )
    parser.add_argument(
        "--write", action="store_true", help="allow actions: acknowledge, resolve, silence, retry, test"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from bridge.common.errors import SetupError
    from bridge.common.extras import install_command
    from bridge.console.process.launch import missing_library

    if missing_library():
        return _failed(f"needs a library that is not installed; run: {install_command('console')}")
    try:
        return _serve(args)
    except SetupError as error:
        return _failed(str(error))


def _serve(args: argparse.Namespace) -> int:
    import secrets

    from bridge.common.log_setup import configure_logging
    from bridge.console.process.launch import masked_texts
    from bridge.console.process.serve import Listening, come_second, console_of, serve, stopped_by_signal

    printed = secrets.token_urlsafe(24)
    launch = _launch(args, printed)
    if launch is None:
        return _PROBLEM
    configure_logging(launch.log["level"], launch.log["format"], masked_texts(launch))
    console, listening = console_of(launch), Listening(launch)

    def ready() -> None:
        if launch.listen is None:
            print(f"serving at the unix socket {listening.address}", flush=True)
            return
        print(f"open http://{listening.address}/", flush=True)
        if launch.access.token == printed:
            print(f"sign in with this token: {printed}", flush=True)

    come_second()
    serve(console, listening, stopped_by_signal(), ready)
    return 0


def _launch(args: argparse.Namespace, new_token: str) -> ConsoleLaunch | None:
    """What is served: the config's, and the options first. None, with the problem printed, if something is wrong."""
    from bridge.config.load import ConsoleConfig, find_console_config
    from bridge.console.process.launch import Surroundings, launch_of

    found = find_console_config(args.config, os.environ)
    if not isinstance(found, ConsoleConfig):
        print(found.text(), end="", file=sys.stderr)
        return None
    settings = _settings(args, found.console, new_token)
    if settings is None:
        return None
    rest = Surroundings(args.config.absolute(), found.journal, found.admin, found.routes, found.labels, found.fields)
    log = {"level": found.log.level, "format": found.log.format}
    return launch_of(settings, rest, log, {"hosts": tuple(args.host)})


def _settings(args: argparse.Namespace, configured: ConsoleSettings | None, new_token: str) -> ConsoleSettings | None:
    """The section of the config, with the options in place of its keys. None, with the problem printed."""
    from msgspec.structs import replace

    from bridge.config.schema.console import ConsoleSettings
    from bridge.config.schema.values import SocketPath, Token

    settings = configured or ConsoleSettings(listen=_listen_address(_address(_DEFAULT)))
    if args.unix is not None:
        settings = replace(settings, listen=None, socket=SocketPath(args.unix.absolute()), group="", token=None)
    elif args.listen is not None:
        settings = replace(settings, listen=_listen_address(args.listen), socket=None)
    if settings.listen is not None:
        if not (settings.listen.is_loopback or args.host or settings.public_url):
            host = settings.listen.host
            _failed(f"{host} can be reached from other machines; put a proxy with TLS before it and add --host NAME")
            return None
        token = _read_token(args.token_file) if args.token_file is not None else ""
        if token is None:
            return None
        if token or configured is None:
            settings = replace(settings, token=Token(token or new_token))
    return replace(settings, write=True) if args.write else settings


def _read_token(path: Path) -> str | None:
    """The token of visitors; None, with the problem printed, if the file has none."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _failed(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'}); check the file")
        return None
    if len(token) < 16:
        _failed(f"{path}: a token has at least 16 characters; make one: openssl rand -hex 24 > {path}")
        return None
    return token


def _listen_address(address: tuple[str, int]) -> ListenAddress:
    from bridge.config.schema.values import ListenAddress

    host, port = address
    return ListenAddress(host, port, f"{host}:{port}")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"`{text}` is not an address; write HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _failed(sentence: str) -> int:
    print(f"falco-bridge console: {sentence}", file=sys.stderr)
    return _PROBLEM
