"""Serves the console: makes it of what it gets, listens, and answers until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.alert.catalogue import FieldType, set_added_fields
from bridge.common.net.tcp_socket import listen_tcp
from bridge.common.net.unix_socket import UnixListener, listen_unix
from bridge.config.schema.file_values import read_field_list_file
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.console.app import Console, console_app
from bridge.console.backtest.runs import Backtests
from bridge.console.data.reader import Reader
from bridge.console.process.launch import AccessLaunch, ConsoleLaunch, ProxyLaunch
from bridge.console.visitors.access import Access
from bridge.console.visitors.people import People
from bridge.console.visitors.sessions import Sessions
from bridge.console.visitors.trusted_proxy import TrustedProxy
from bridge.journal.location import location_from
from bridge.language.program.fields.values import parse_network
from bridge.operator.client import AdminClient
from bridge.operator.serving.connection import ServedSockets
from bridge.operator.serving.server import OperatorServer

if TYPE_CHECKING:
    from bridge.console.visitors.oidc.sign_in import SignIns

_NICENESS = 19
"""The bridge comes first: on a core that both want, the kernel gives 1.5 % to this one. With 10 it would give 10 %."""


def console_of(launch: ConsoleLaunch) -> Console:
    """The console."""
    use_fields(launch.fields)
    reader = Reader(location_from(launch.journal), [Path(each) for each in launch.imports], launch.labels)
    client, backtests = AdminClient(Path(launch.admin)), Backtests(launch.config)
    return Console(reader, client, _access(launch.access), backtests, _sign_ins(launch.access))


class Listening:
    """The sockets of a console. Raises SetupError where it cannot listen."""

    def __init__(self, launch: ConsoleLaunch) -> None:
        self._unix: UnixListener | None = None
        self.sockets: Sequence[socket.socket]
        if launch.listen is None:
            self._unix = listen_unix(Path(launch.socket), launch.group)
            self.sockets = [self._unix.socket]
            self.address = launch.socket
        else:
            self.sockets = listen_tcp(*launch.listen)
            host, port = self.sockets[0].getsockname()[:2]
            self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Stop listening."""
        if self._unix is not None:
            self._unix.close()
        for each in self.sockets:
            each.close()


def serve(console: Console, listening: Listening, stopped: threading.Event, ready: Callable[[], None]) -> None:
    """Answer until ``stopped`` is set. Calls ``ready`` once visitors are answered."""
    served = ServedSockets(listening.sockets, console_app(console), allows=console.access.may_connect)
    server = OperatorServer([served])
    try:
        server.start()
        ready()
        stopped.wait()
    finally:
        server.close()
        listening.close()


def come_second() -> None:
    """Give the bridge precedence over this process."""
    os.nice(_NICENESS)


def stopped_by_signal() -> threading.Event:
    """Set at SIGINT and SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


def use_fields(files: Sequence[str]) -> None:
    """Add the fields that these files list to the catalogue. A file that cannot be read is left out."""
    fields: list[FieldType] = []
    for each in files:
        try:
            fields += read_field_list_file(each, Path()).fields
        except InvalidValueError:
            continue
    set_added_fields(fields)


def _access(launch: AccessLaunch) -> Access:
    people = People(launch.write, launch.viewers, launch.editors)
    return Access(
        launch.token, launch.is_unix, launch.hosts, launch.public_url, people, Sessions(launch.session_seconds),
        _proxy(launch.proxy),
    )  # fmt: skip


def _proxy(launch: ProxyLaunch | None) -> TrustedProxy | None:
    if launch is None:
        return None
    networks = tuple(each for text in launch.allow if (each := parse_network(text)) is not None)
    return TrustedProxy(networks, launch.name_header, launch.groups_header)


def _sign_ins(launch: AccessLaunch) -> SignIns | None:
    if launch.oidc is None:
        return None
    from bridge.console.visitors.oidc.provider import Provider
    from bridge.console.visitors.oidc.sign_in import SignIns

    return SignIns(launch.oidc, launch.public_url, Provider(launch.oidc))
