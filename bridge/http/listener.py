"""Accepts connections. Whether a sender may connect is decided before the TLS handshake, which is expensive."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import structlog

from bridge.common.files.reloading import Reloading
from bridge.common.net.tcp_socket import listen_tcp
from bridge.http.admission import Admission, Admitted
from bridge.http.connection import HttpConnection
from bridge.http.guard import ConnectionLimits, Guard, Timeouts
from bridge.http.handler import RequestHandler
from bridge.http.request import Reply

_ACCEPT_BATCH = 64
"""Connections accepted in one call."""
_MAX_REFUSED = 64
"""Concurrent connections that only receive a refusal, and those beyond the limits that may ask for a health check."""
_TIMEOUTS = Timeouts()
_SHUTDOWN_SECONDS = 2.0
_MAX_LOGGED_CAUSES = 20
_PAUSE_SECONDS = 0.5
_COMPARE = "compare http_output's ca_cert, client_cert and client_key in falco.yaml with tls here"
_AUTHORITY = "set http_output's ca_cert in falco.yaml to the CA that signed tls.cert here"
_REMEDIES = {
    "HTTP_REQUEST": "the sender used plain HTTP; begin http_output's url in falco.yaml with https://",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "set http_output's mtls, client_cert and client_key in falco.yaml",
    "CERTIFICATE_VERIFY_FAILED": "set tls.ca here to the CA that signed http_output's client_cert in falco.yaml",
    "TLSV1_ALERT_UNKNOWN_CA": _AUTHORITY,
    "SSLV3_ALERT_BAD_CERTIFICATE": _AUTHORITY,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _AUTHORITY,
}
"""Remedies by OpenSSL's name of the cause."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """Listening sockets and their open connections. Raises SetupError if it cannot listen.

    ``retire`` lets senders move to another process that has the same sockets: every connection ends with the response
    to its next request, and no request is refused or lost meanwhile.
    """

    def __init__(
        self,
        host: str,
        port: int,
        guard: Guard,
        limits: ConnectionLimits,
        tls: Reloading[ssl.SSLContext] | None = None,
        timeouts: Timeouts = _TIMEOUTS,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        """``sockets`` already listen at this address; without them, it is bound."""
        self._host = host
        self._sockets = list(sockets) or listen_tcp(host, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self._admission = Admission(guard, limits)
        self._tls = tls
        self._timeouts = timeouts
        self._refused: dict[HttpConnection, None] = {}
        self._spare: dict[HttpConnection, None] = {}
        """Connections beyond the limits, the oldest first."""
        self._tasks: dict[HttpConnection, asyncio.Task[None]] = {}
        self._logged: set[str] = set()
        self._log = structlog.get_logger("http")
        self.connections: set[HttpConnection] = set()
        self._retiring = False
        self.failed_handshakes = 0
        self.replaced = 0
        """Connections that were closed in favor of others."""

    @property
    def count(self) -> int:
        """The number of admitted connections."""
        return self._admission.count

    def open(self, loop: asyncio.AbstractEventLoop, handler: RequestHandler[HttpConnection]) -> None:
        """Accept connections and pass their requests to the handler. Can be called again after ``pause``."""
        self._loop, self._handler = loop, handler
        for each in self._sockets:
            loop.add_reader(each.fileno(), self._accept, each)

    def tick(self, now: float) -> None:
        """End the connections whose deadline has passed. ``now`` is the monotonic time."""
        for connection in list(self.connections):
            connection.tick(now)

    def stop(self) -> None:
        """Stop listening, and close each connection after its pending responses."""
        self.close()
        for connection in list(self.connections):
            connection.stop()

    def retire(self) -> None:
        """End each connection with its next response, those included that are accepted from now on."""
        self._retiring = True
        for connection in self.connections:
            connection.retire()

    def pause(self) -> None:
        """Accept no connections for now. They wait in the backlog."""
        for each in self._sockets:
            self._loop.remove_reader(each.fileno())

    def close(self) -> None:
        """Stop listening. Open connections are not affected."""
        self.pause()
        for each in self._sockets:
            each.close()
        self._sockets = []

    async def abort_connections(self) -> None:
        """Close all connections at once."""
        for connection in list(self.connections):
            connection.abort()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def remove(self, connection: HttpConnection) -> None:
        """Forget a connection that has ended."""
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        if connection.refused:
            self._refused.pop(connection, None)
            self._spare.pop(connection, None)
        else:
            self._admission.remove(connection)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPT_BATCH):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            accepted.setblocking(False)
            self._admit(accepted, address[0])

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Out of descriptors or memory: leave further connections in the backlog for a moment."""
        if error.errno not in _EXHAUSTED:
            raise error
        self._log.error("cannot accept connections", problem=error.strerror, remedy="raise the limit of open files")
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        refusal = self._admission.forbids(peer)
        if refusal is not None:
            self._admit_refused(accepted, peer, refusal)
            return
        refusal = self._admission.full(peer)
        if refusal is not None:
            replaced = self._admission.replaceable(peer)
            if replaced is None:
                self._admit_spare(accepted, peer, refusal)
                return
            self._replace(replaced)
        connection = HttpConnection(self._handler, peer, self._admission, None, self._timeouts)
        self._admission.add(connection)
        self._start(accepted, connection)

    def _admit_refused(self, accepted: socket.socket, peer: str, refusal: Reply) -> None:
        """Answer a sender that may not connect, without a TLS handshake."""
        if self._tls is not None or len(self._refused) >= _MAX_REFUSED:
            self._handler.on_refused(refusal)
            accepted.close()
            return
        connection = HttpConnection(self._handler, peer, self._admission, refusal, self._timeouts)
        self._refused[connection] = None
        self._start(accepted, connection)

    def _admit_spare(self, accepted: socket.socket, peer: str, refusal: Reply) -> None:
        """Every place is taken by a sender that delivers: answer a health check, and refuse anything else."""
        if len(self._spare) >= _MAX_REFUSED:
            self._replace(next(iter(self._spare)))
        connection = HttpConnection(self._handler, peer, self._admission, refusal, self._timeouts, spare=True)
        self._spare[connection] = None
        self._start(accepted, connection)

    def _replace(self, connection: Admitted) -> None:
        """Close a connection now, to make room for another."""
        assert isinstance(connection, HttpConnection)
        self.replaced += 1
        self.remove(connection)
        connection.abort()
        task = self._tasks.get(connection)
        if task is not None:
            task.cancel()

    def _start(self, accepted: socket.socket, connection: HttpConnection) -> None:
        self.connections.add(connection)
        if self._retiring:
            connection.retire()
        task = self._loop.create_task(self._connect(accepted, connection))
        self._tasks[connection] = task
        task.add_done_callback(lambda _: self._connected(accepted, connection))

    def _connected(self, accepted: socket.socket, connection: HttpConnection) -> None:
        task = self._tasks.pop(connection)
        if task.cancelled():  # before it began
            accepted.close()

    async def _connect(self, accepted: socket.socket, connection: HttpConnection) -> None:
        limits: dict[str, Any] = {}
        context = None if self._tls is None else self._tls.current()
        if context is not None:
            limits = {"ssl_handshake_timeout": self._timeouts.handshake, "ssl_shutdown_timeout": _SHUTDOWN_SECONDS}
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: connection, accepted, ssl=context, **limits)
            if context is None and not transport.is_closing():
                connection.shared.open(accepted, transport)
        except (OSError, EOFError) as error:  # includes ssl.SSLError and timeouts
            accepted.close()
            self.remove(connection)
            self._log_handshake(error, connection.peer)
        except asyncio.CancelledError:
            accepted.close()
            self.remove(connection)

    def _log_handshake(self, error: Exception, peer: str) -> None:
        """Log each cause once: a Falco with a wrong certificate connects every second."""
        self.failed_handshakes += 1
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        if why not in self._logged and len(self._logged) < _MAX_LOGGED_CAUSES:
            self._logged.add(why)
            self._log.warning(
                "tls handshake failed", listening=f"{self._host}:{self.port}", peer=peer,
                problem=why, remedy=_REMEDIES.get(why, _COMPARE),
            )  # fmt: skip
