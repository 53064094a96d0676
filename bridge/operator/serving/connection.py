"""One HTTP connection: its caller, and limits on what it may cost.

uvicorn speaks HTTP and runs the ASGI application. This subclass adds what uvicorn does not do: it identifies the
caller (SO_PEERCRED or address), limits connections per listener, and closes connections whose request does not arrive,
or whose answer is not read, in time. At the limit, the connection that has been idle for longest is closed in favour of
the new one, or else one whose client does not read its answer, so neither can shut out a health check.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from bridge.common.net.unix_socket import peer_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

CALLER = "caller"
"""Key of the ``Caller`` in an ASGI scope's state."""
STOPPING = "stopping"
"""Key of the ``asyncio.Event`` in an ASGI scope's state that is set when the server stops."""
TOO_MANY_CONNECTIONS = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who connected, as the kernel reports it."""

    uid: int | None
    """The user id of the process at the other end of a unix socket; None on TCP."""
    address: str = ""
    """The IP address of the other end; empty on a unix socket."""


@dataclass(slots=True, eq=False)
class ServedSockets:
    """Listening sockets and the application that answers there."""

    sockets: Sequence[socket.socket]
    app: ASGIApp
    allows: Callable[[Caller], bool] = lambda _caller: True
    """Whether a connection from this caller is accepted; others are closed without an answer."""
    max_connections: int = 64
    connections: dict[OperatorConnection, None] = field(default_factory=dict)
    """Open connections, the one that has been idle for longest first."""


class OperatorConnection(H11Protocol):
    """A connection to one of ``ServedSockets``."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        served: ServedSockets,
        stopping: asyncio.Event,
        request_seconds: float,
    ) -> None:
        """``request_seconds`` is the time for a request to arrive, and for a client to resume reading an answer."""
        super().__init__(config, state, {STOPPING: stopping})
        self.app = served.app
        self._served = served
        self._request_seconds = request_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self.is_unread = False
        """Whether the client does not read its answer."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()

    # Called by asyncio and uvicorn

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or close it."""
        super().connection_made(transport)
        caller = _caller(transport)
        self.app_state[CALLER] = caller
        if not self._served.allows(caller):
            self.abort()
        elif not self._make_room():
            transport.write(TOO_MANY_CONNECTIONS)
            transport.close()
        else:
            self._served.connections[self] = None
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._served.connections.pop(self, None)
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Stop the deadline once the request is complete."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.is_idle and not self.cycle.more_body:
            self._stop_deadline()

    def pause_writing(self) -> None:
        """The client does not read its answer."""
        self.is_unread = True
        self._start_deadline()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.is_unread = False
        if self.is_idle:
            self._start_deadline()  # the answer is written; the next request is awaited
        else:
            self._stop_deadline()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Expect the next request."""
        if self._served.connections.pop(self, 0) is None:
            self._served.connections[self] = None  # now the one that has been idle for the shortest time
        self._start_deadline()
        super().on_response_complete()

    def _make_room(self) -> bool:
        connections = self._served.connections
        if len(connections) < self._served.max_connections:
            return True
        idle = (each for each in connections if each.is_idle)
        unread = (each for each in connections if each.is_unread)
        replaced = next(idle, None) or next(unread, None)
        if replaced is None:
            return False
        del connections[replaced]
        replaced.abort()
        return True

    def _start_deadline(self) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(self._request_seconds, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _caller(transport: asyncio.BaseTransport) -> Caller:
    raw: Any = transport.get_extra_info("socket")
    if raw.family != socket.AF_UNIX:
        address = transport.get_extra_info("peername")
        return Caller(None, str(address[0]) if address else "")
    return Caller(peer_of(raw).uid)
