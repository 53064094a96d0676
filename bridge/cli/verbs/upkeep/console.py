"""``falco-bridge console``: web pages about a running bridge and its journal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.console.app import Console

_PROBLEM = 2
_DEFAULT = "127.0.0.1:2804"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "console",
        help="serve web pages about the bridge and its journal",
        description="Shows incidents, recorded alerts, routes, channels, silences and terminal sessions in a browser, "
        "in a process of its own that only reads the journal. On TCP a visitor signs in with a token. Needs the "
        "extra `console`.",
        example="falco-bridge console --config falco-bridge.yaml",
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the config that the bridge runs with"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--listen", type=_address, default=_address(_DEFAULT), metavar="HOST:PORT",
        help=f"the address (default {_DEFAULT}; port 0 takes a free one)",
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
        help="the token that visitors sign in with (default: a new one, printed)",
    )
    parser.add_argument("--write", action="store_true", help="allow acts: acknowledge, resolve, silence, retry, test")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from bridge.common.errors import SetupError

    try:
        return _serve(args)
    except SetupError as error:
        return _failed(str(error))
    except ModuleNotFoundError as error:
        if error.name not in {"jinja2", "markupsafe"}:
            raise
        from bridge.common.extras import install_command

        return _failed(f"needs a library that is not installed; run: {install_command('console')}")


def _serve(args: argparse.Namespace) -> int:
    from bridge.cli.running import instance_paths
    from bridge.common.tcp_socket import listen_tcp
    from bridge.common.unix_socket import listen_unix
    from bridge.console.serve import serve, serve_unix

    host, port = args.listen
    if args.unix is None and not args.host and not _is_local(host):
        return _failed(f"{host} can be reached from other machines; put a proxy with TLS before it and add --host NAME")
    paths = instance_paths(args)
    token = "" if args.unix is not None else _token(args.token_file)
    if paths is None or token is None:
        return _PROBLEM
    console = _console(args, paths.admin, token)
    if console is None:
        return _PROBLEM
    if args.unix is not None:
        serve_unix(
            console, listen_unix(args.unix), lambda: print(f"serving at the unix socket {args.unix}", flush=True)
        )
        return 0
    sockets = listen_tcp(host, port)
    address = sockets[0].getsockname()
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]

    def ready() -> None:
        print(f"open http://{shown}:{address[1]}/", flush=True)
        if args.token_file is None:
            print(f"sign in with this token: {token}", flush=True)

    serve(console, sockets, ready)
    return 0


def _console(args: argparse.Namespace, admin: Path, token: str) -> Console | None:
    """What is shown; None, with the problem printed, if the config is wrong."""
    from bridge.cli.routes_input import read_routing_config
    from bridge.console.access import Access
    from bridge.console.app import Console
    from bridge.console.reader import Reader
    from bridge.operator.client import AdminClient

    routing = read_routing_config(args.config)
    if routing is None:
        return None
    reader = Reader(routing.journal, routing.routes, routing.labels)
    return Console(reader, AdminClient(admin), Access(token, tuple(args.host)), args.write)


def _token(path: Path | None) -> str | None:
    """The token of visitors; None, with the problem printed, if the file has none."""
    import secrets

    if path is None:
        return secrets.token_urlsafe(24)
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _failed(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'}); check the file")
        return None
    if len(token) < 16:
        _failed(f"{path}: a token has at least 16 characters; make one: openssl rand -hex 24 > {path}")
        return None
    return token


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"`{text}` is not an address; write HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _is_local(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failed(sentence: str) -> int:
    print(f"falco-bridge console: {sentence}", file=sys.stderr)
    return _PROBLEM
