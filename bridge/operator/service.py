"""The operator listeners of one bridge: admin socket, operator API on TCP, metrics. Built from config and bridge."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bridge.common.listening import ListeningSockets
from bridge.common.secret import revealed
from bridge.config.load import LoadedConfig
from bridge.config.schema.config import Config
from bridge.config.schema.values import ListenAddress
from bridge.http.guard import Guard
from bridge.operator.api.access import Access
from bridge.operator.api.app import api_app
from bridge.operator.api.operations import all_operations
from bridge.operator.inspector import Inspector
from bridge.operator.metrics.app import metrics_app
from bridge.operator.metrics.collector import BridgeCollector
from bridge.operator.operations.channel_test import ChannelOperations
from bridge.operator.operations.dead_letters import DeadLetterOperations
from bridge.operator.operations.incidents import IncidentOperations
from bridge.operator.operations.quarantine import QuarantineOperations
from bridge.operator.operations.reload import ReloadControls, ReloadOperations
from bridge.operator.operations.silences import SilenceOperations
from bridge.operator.operations.status import read_status
from bridge.operator.serving.connection import Caller, ServedSockets
from bridge.operator.serving.server import OperatorServer
from bridge.pipeline.controls import Controls


@dataclass(frozen=True, slots=True)
class RunningBridge:
    """The parts of a running bridge that operators inspect and control."""

    inspector: Inspector
    controls: Controls
    """Silences and incidents."""
    reload: ReloadControls
    routes: Callable[[], Sequence[str]]
    """The names of all routes."""
    config: Callable[[], LoadedConfig]
    """The current config."""
    wake_courier: Callable[[], None]
    try_channel: Callable[[str], None]
    """Makes the courier use a channel again at once."""


class OperatorService:
    """Listens from its creation on, answers once started. Raises SetupError where it cannot listen."""

    def __init__(self, config: Config, listening: ListeningSockets) -> None:
        self._journal = config.journal.path
        self._admin, metrics = config.admin, config.metrics
        assert self._admin.socket is not None
        self._tcp_guard = Guard(token=revealed(self._admin.token), allow=self._admin.allow)
        self._metrics_guard = Guard()
        self._metrics_hosts: tuple[str, ...] = ()
        self._server: OperatorServer | None = None
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
            self._metrics_sockets = [] if metrics is None else _listen_tcp(opened, listening, metrics.listen)
            self._opened = opened.pop_all()

    def attach(self, bridge: RunningBridge) -> None:
        """Serve this bridge. Called once, before ``start``."""
        inspector = bridge.inspector
        operations = all_operations(
            lambda: read_status(inspector, bridge.routes(), bridge.reload),
            ChannelOperations(inspector, bridge.config, bridge.try_channel),
            DeadLetterOperations(self._journal, bridge.wake_courier),
            QuarantineOperations(self._journal),
            SilenceOperations(bridge.controls),
            IncidentOperations(bridge.controls),
            ReloadOperations(bridge.reload),
        )
        served = [ServedSockets([self._admin_socket], api_app(operations, Access()), max_connections=32)]
        if self._tcp_sockets:
            access = Access(self._tcp_guard, self._admin.hosts)
            served.append(
                ServedSockets(self._tcp_sockets, api_app(operations, access), allows=_allows(self._tcp_guard))
            )
        if self._metrics_sockets:
            collector = BridgeCollector(inspector, bridge.reload)
            app = metrics_app(
                self._metrics_guard, collector, inspector.not_ready, self._metrics_hosts, inspector.damage
            )
            served.append(ServedSockets(self._metrics_sockets, app, allows=_allows(self._metrics_guard)))
        self._server = OperatorServer(served)

    def rotate(self, config: Config) -> None:
        """Use the rotated tokens."""
        self._tcp_guard.rotate("", revealed(config.admin.token))
        if config.metrics is not None:
            self._metrics_guard.rotate("", revealed(config.metrics.token))

    def start(self) -> None:
        """Answer requests from now on, in a thread."""
        assert self._server is not None, "attach comes first"
        self._server.start()

    def close(self) -> None:
        """Stop answering, and remove the admin socket."""
        if self._server is not None:
            self._server.close()
        self._opened.close()


def _listen_tcp(opened: ExitStack, listening: ListeningSockets, address: ListenAddress | None) -> list[socket.socket]:
    return [] if address is None else [opened.enter_context(each) for each in listening.tcp(address.host, address.port)]


def _allows(guard: Guard) -> Callable[[Caller], bool]:
    return lambda caller: guard.allows(caller.address)
