"""Accepts the alerts that ``falco-bridge send`` sends to a unix socket, and those that it left in the spool.

A sender connects, writes alerts as in the body of a POST, shuts down its writing side, and reads one line. The line
comes after the commit: ``200`` and the number of alerts, or ``400`` and what was rejected.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.common.net.unix_socket import UnixListener, listen_unix
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.ingest.client import ACCEPTED, MAX_BYTES, REJECTED, TOO_LARGE, TOO_SLOW
from bridge.sources.ingest.spool import Spool
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, read_body
from bridge.sources.state import StateTracker

_CHECK_SECONDS = 1.0
_RETRY_SECONDS = 0.1
_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What the senders can use."""

    connections: int = 64
    seconds: float = 10.0
    """For the alerts to arrive, and again for the sender to read the answer."""
    bytes: int = MAX_BYTES
    """For one connection, and for one file in the spool."""


_DEFAULT_LIMITS = IngestLimits()


class SocketSource:
    """Listens at ``path``, for its own user or for ``group``. Raises SetupError if it cannot."""

    def __init__(
        self,
        name: str,
        path: Path,
        spool: Path,
        group: str = "",
        zone: ZoneInfo | None = None,
        limits: IngestLimits = _DEFAULT_LIMITS,
        listener: UnixListener | None = None,
    ) -> None:
        """``listener`` already listens at this path; without it, the path is bound."""
        self.name = name
        self._zone = zone
        self._limits = limits
        self._spool = Spool(spool, group, zone, limits.bytes)
        self._listener = listener or listen_unix(path, group)
        self._listener.socket.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        self._state = StateTracker(name)
        self._stop = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._acceptor: threading.Thread | None = None

    def run(self, accept: Accept) -> None:
        """Serve until stopped. Connections that are open by then are still served."""
        accept = self._state.counting(accept)
        self._state.connected()
        if self._acceptor is None and not self._stop.is_set():
            self._acceptor = threading.Thread(
                target=self._accept_connections, args=(accept,), name=f"{self.name} accept", daemon=True
            )
            self._acceptor.start()
        while True:
            self._spool.take(self.name, accept)
            count = self._spool.unusable
            self._state.note(f"{count} unusable files in the spool" if count else "")
            if self._stop.wait(_CHECK_SECONDS):
                break
        if self._acceptor is not None:
            self._acceptor.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._connections)

    def stop(self) -> None:
        """Stop listening. Senders then use the spool."""
        if not self._stop.is_set():
            self._stop.set()
            self._listener.remove_path()
            if self._acceptor is None:
                self._listener.close()
            self._wake.close()

    def abort(self) -> int:
        """Close all connections. Nothing is lost: a sender without an answer uses the spool."""
        self.stop()
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        return 0

    def state(self) -> tuple[SourceState, ...]:
        """Listening since when, and the number of unusable files in the spool."""
        return (self._state.now(),)

    # In the acceptor's thread

    def _accept_connections(self, accept: Accept) -> None:
        """Until ``stop``, which must not shut the socket down: another process may listen on it as well."""
        with selectors.DefaultSelector() as selector:
            for each in (self._listener.socket, self._woken):
                selector.register(each, selectors.EVENT_READ)
            while not self._stop.is_set():
                selector.select()
                self._accept_one(accept)
        self._listener.close()
        self._woken.close()

    def _accept_one(self, accept: Accept) -> None:
        try:
            connection, _ = self._listener.socket.accept()
        except BlockingIOError:
            return
        except OSError:  # out of file descriptors
            self._stop.wait(_RETRY_SECONDS)
            return
        with self._changed:
            full = len(self._connections) >= self._limits.connections
            if not full:
                self._connections.add(connection)
        if full:
            connection.close()
            return
        try:
            threading.Thread(target=self._serve, args=(connection, accept), name=self.name, daemon=True).start()
        except RuntimeError:  # the machine has no thread left: this sender uses the spool
            self._end(connection)

    # In one thread for each connection

    def _serve(self, connection: socket.socket, accept: Accept) -> None:
        try:
            # A sender that gets no answer uses the spool. If the alert was committed as well, it is a duplicate.
            with suppress(OSError, Aborted):
                answer = self._handle(connection, accept)
                connection.settimeout(self._limits.seconds)
                connection.sendall(answer.encode() + b"\n")
        finally:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()
        connection.close()

    def _handle(self, connection: socket.socket, accept: Accept) -> str:
        try:
            body = _read(connection, self._limits)
        except TimeoutError:
            return f"{TOO_SLOW} the alerts did not arrive within {self._limits.seconds:.0f} s"
        if body is None:
            return f"{TOO_LARGE} at most {self._limits.bytes} bytes are accepted at a time"
        if not body.strip():
            return f"{REJECTED} nothing was sent"
        received_ns = time.time_ns()
        try:
            payload = read_body(body, received_ns, self._zone)
        except TooManyAlerts:
            return f"{TOO_LARGE} at most {MAX_ALERTS_PER_BODY} alerts are accepted at a time"
        accept(Batch(self.name, received_ns, tuple(payload.alerts), tuple(payload.rejected)))
        return _answer(payload)


def _read(connection: socket.socket, limits: IngestLimits) -> bytes | None:
    """Read to the end. Returns None if there is too much. Raises TimeoutError if it takes too long in total."""
    deadline = time.monotonic() + limits.seconds
    pieces: list[bytes] = []
    size = 0
    while True:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        data = connection.recv(1 << 18)
        if not data:
            return b"".join(pieces)
        pieces.append(data)
        size += len(data)
        if size > limits.bytes:
            return None


def _answer(payload: Payload) -> str:
    accepted = f"{len(payload.alerts)} accepted"
    if payload.rejected:
        reason = payload.rejected[0].reason[:_MAX_REASON]
        return f"{REJECTED} {accepted}, {len(payload.rejected)} rejected and quarantined: the message {reason}"
    return f"{ACCEPTED} {accepted}"
