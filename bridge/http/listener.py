"""Where the http source listens: who is let in is decided at the first byte of TCP, before anything is spent on TLS."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import structlog

from bridge.common.errors import SetupError
from bridge.common.reloading import Renewed
from bridge.http.connection import HttpConnection, RequestHandler
from bridge.http.guard import Admission, ConnectionLimits, Guard
from bridge.http.request import Reply

_BACKLOG = 1024
_ACCEPT_BATCH = 64
"""Connections accepted in one go, and those turned away that may be told why at the same time."""
_HANDSHAKE_SECONDS = 10.0
_SHUTDOWN_SECONDS = 2.0
_MAX_LOGGED_CAUSES = 20
_PAUSE_SECONDS = 0.5
_COMPARE = "compare http_output's ca_cert, client_cert and client_key in falco.yaml with tls here"
_AUTHORITY = "let http_output's ca_cert in falco.yaml be the authority that signed tls.cert here"
_REMEDIES = {
    "HTTP_REQUEST": "plain HTTP was spoken: let http_output's url in falco.yaml begin with https://",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "set http_output's mtls, client_cert and client_key in falco.yaml",
    "CERTIFICATE_VERIFY_FAILED": "let tls.ca here be the authority that signed http_output's client_cert in falco.yaml",
    "TLSV1_ALERT_UNKNOWN_CA": _AUTHORITY,
    "SSLV3_ALERT_BAD_CERTIFICATE": _AUTHORITY,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _AUTHORITY,
}
"""By OpenSSL's name of the cause."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """Listening sockets, and the connections that came in by them. Raises SetupError where it cannot listen."""

    def __init__(
        self, host: str, port: int, guard: Guard, limits: ConnectionLimits, tls: Renewed[ssl.SSLContext] | None
    ) -> None:
        self._host = host
        self._sockets = _listen(host, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self._admission = Admission(guard, limits)
        self._tls = tls
        self._rejected = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged: set[str] = set()
        self._log = structlog.get_logger("http")
        self.connections: set[HttpConnection] = set()
        self.failed_handshakes = 0

    @property
    def count(self) -> int:
        """How many are connected."""
        return self._admission.count

    def open(self, loop: asyncio.AbstractEventLoop, handler: RequestHandler) -> None:
        """Let in who comes."""
        self._loop, self._handler = loop, handler
        self._sockets = self._sockets or _listen(self._host, self.port)
        for each in self._sockets:
            loop.add_reader(each.fileno(), self._accept, each)

    def close(self) -> None:
        """Let nobody in any more."""
        for each in self._sockets:
            self._loop.remove_reader(each.fileno())
            each.close()
        self._sockets = []

    async def abort_connections(self) -> None:
        """Hang up on everybody."""
        for connection in list(self.connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def remove(self, connection: HttpConnection) -> None:
        """One is gone."""
        if connection not in self.connections:
            return
        self.connections.remove(connection)
        if connection.rejected_on_connect:
            self._rejected -= 1
        else:
            self._admission.remove(connection.peer)

    # Within

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
        """No descriptor or memory for one more; those who wait keep waiting."""
        if error.errno not in _EXHAUSTED:
            raise error
        self._log.error(
            "no connection can be taken just now", problem=error.strerror, remedy="raise the limit of open files"
        )
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        refusal = self._admission.refusal(peer)
        if refusal is None:
            self._start(accepted, peer)
            return
        if self._tls is not None or self._rejected >= _ACCEPT_BATCH:
            self._handler.on_refused(refusal)
            accepted.close()
        else:
            self._start(accepted, peer, refusal)

    def _start(self, accepted: socket.socket, peer: str, refusal: Reply | None = None) -> None:
        connection = HttpConnection(self._handler, peer, refusal)
        self.connections.add(connection)
        if refusal is None:
            self._admission.add(peer)
        else:
            self._rejected += 1
        task = self._loop.create_task(self._connect(accepted, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, accepted: socket.socket, connection: HttpConnection) -> None:
        limits: dict[str, Any] = {}
        context = None if self._tls is None else self._tls.current()
        if context is not None:
            limits = {"ssl_handshake_timeout": _HANDSHAKE_SECONDS, "ssl_shutdown_timeout": _SHUTDOWN_SECONDS}
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted, ssl=context, **limits)
        except (OSError, EOFError) as error:  # ssl.SSLError and time-outs are among them
            accepted.close()
            self.remove(connection)
            self._log_handshake(error, connection.peer)
        except asyncio.CancelledError:
            accepted.close()
            self.remove(connection)

    def _log_handshake(self, error: Exception, peer: str) -> None:
        """Once in a while of the same: scanners come all day, and a Falco with a wrong certificate every second."""
        self.failed_handshakes += 1
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        if why not in self._logged and len(self._logged) < _MAX_LOGGED_CAUSES:
            self._logged.add(why)
            self._log.warning(
                "a TLS handshake failed (said once for each cause)", listening=f"{self._host}:{self.port}", peer=peer,
                problem=why, remedy=_REMEDIES.get(why, _COMPARE),
            )  # fmt: skip


def _listen(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that the name has; ``::`` takes both kinds. Raises SetupError."""
    found: list[socket.socket] = []
    try:
        if host == "::" and socket.has_dualstack_ipv6():
            return [
                _quiet(
                    socket.create_server(("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
                )
            ]
        for family, _, _, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            taken = found[0].getsockname()[1] if found else address[1]
            found.append(_quiet(socket.create_server((address[0], taken), family=family, backlog=_BACKLOG)))
    except (OSError, OverflowError) as error:
        for each in found:
            each.close()
        raise SetupError(f"{host}:{port}: cannot listen there ({error}); is the port taken, or another's?") from error
    return found


def _quiet(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    return listening
