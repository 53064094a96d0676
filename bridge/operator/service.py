"""The operator listeners of one bridge: admin socket, operator API on TCP, metrics. Built from config and bridge."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bridge.common.net.listening import ListeningSockets
from bridge.common.secret import revealed
from bridge.config.link_key import link_key
from bridge.config.schema.config import Config
from bridge.config.schema.values import ListenAddress
from bridge.http.guard import Guard
from bridge.operator.running import RunningBridge, operations_of

if TYPE_CHECKING:
    from bridge.operator.serving.connection import Caller, ServedSockets
    from bridge.operator.serving.server import OperatorServer


class OperatorService:
    """Listens from its creation on, answers once started. Raises SetupError where it cannot listen."""

    def __init__(self, config: Config, listening: ListeningSockets) -> None:
        self._journal = config.journal.location
        self._admin, metrics, self._acknowledge = config.admin, config.metrics, config.acknowledge
        assert self._admin.socket is not None
        self._tcp_guard = Guard(token=revealed(self._admin.token), allow=self._admin.allow)
        self._metrics_guard = Guard()
        self._metrics_hosts: tuple[str, ...] = ()
        self._server: OperatorServer | None = None
        self._bridge: RunningBridge | None = None
        if metrics is not None:
            self._metrics_guard = Guard(token=revealed(metrics.token), allow=metrics.allow)
            self._metrics_hosts = (*metrics.hosts, metrics.listen.host)
        self._opened = ExitStack()
        with ExitStack() as opened:  # closes what is open if the next one fails
            admin = listening.unix(self._admin.socket)
            opened.callback(admin.close)
            self._admin_socket = admin.socket
            opened.callback(admin.remove_path)
            self._tcp_sockets = _listen_tcp(opened, listening, self._admin.listen)
            acknowledge = self._acknowledge
            self._link_key = b"" if acknowledge is None else link_key(config.journal.location)
            self._link_sockets = [] if acknowledge is None else _listen_tcp(opened, listening, acknowledge.listen)
            self._metrics_sockets = [] if metrics is None else _listen_tcp(opened, listening, metrics.listen)
            self._opened = opened.pop_all()

    def attach(self, bridge: RunningBridge) -> None:
        """Serve this bridge. Called once, before ``start``."""
        self._bridge = bridge

    def rotate(self, config: Config) -> None:
        """Use the rotated tokens."""
        self._tcp_guard.rotate("", revealed(config.admin.token))
        if config.metrics is not None:
            self._metrics_guard.rotate("", revealed(config.metrics.token))

    def start(self) -> None:
        """Answer requests from now on, in a thread."""
        # Starlette, uvicorn and the metrics take longer to import than everything else: sources start before.
        from bridge.operator.serving.server import OperatorServer

        self._server = OperatorServer(self._served())
        self._server.start()

    def _served(self) -> list[ServedSockets]:
        from bridge.operator.api.access import Access
        from bridge.operator.api.app import api_app
        from bridge.operator.metrics.app import metrics_app
        from bridge.operator.metrics.collector import BridgeCollector
        from bridge.operator.serving.connection import ServedSockets

        assert self._bridge is not None, "attach comes first"
        inspector = self._bridge.inspector
        operations = operations_of(self._bridge, self._journal)
        served = [ServedSockets([self._admin_socket], api_app(operations, Access()), max_connections=32)]
        if self._tcp_sockets:
            access = Access(self._tcp_guard, self._admin.hosts)
            served.append(
                ServedSockets(self._tcp_sockets, api_app(operations, access), allows=_allows(self._tcp_guard))
            )
        if self._metrics_sockets:
            collector = BridgeCollector(inspector, self._bridge.reload)
            app = metrics_app(
                self._metrics_guard, collector, inspector.not_ready, self._metrics_hosts, warnings_of(self._bridge)
            )
            served.append(ServedSockets(self._metrics_sockets, app, allows=_allows(self._metrics_guard)))
        if self._acknowledge is not None:
            from bridge.operator.acknowledge.app import acknowledge_app

            links = acknowledge_app(self._bridge.incidents, self._acknowledge.public_url, self._link_key)
            served.append(ServedSockets(self._link_sockets, links))
        return served

    def close(self) -> None:
        """Stop answering, and remove the admin socket."""
        if self._server is not None:
            self._server.close()
        self._opened.close()


def warnings_of(bridge: RunningBridge) -> Callable[[], str]:
    """What is wrong although the bridge is ready: a rejected reload, a damaged journal."""
    from bridge.operator.operations.reload import reload_problem

    return lambda: "; ".join(filter(None, (reload_problem(bridge.reload), bridge.inspector.damage())))


def _listen_tcp(opened: ExitStack, listening: ListeningSockets, address: ListenAddress | None) -> list[socket.socket]:
    return [] if address is None else [opened.enter_context(each) for each in listening.tcp(address.host, address.port)]


def _allows(guard: Guard) -> Callable[[Caller], bool]:
    return lambda caller: guard.allows(caller.address)
