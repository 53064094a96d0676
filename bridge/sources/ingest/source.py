"""Takes what ``falco-bridge send`` hands over on a unix socket, and what it left in the spool while no bridge ran.

A connection brings the bytes of one or more alerts, as a POST's body would, ends its writing, and gets one line back
once they are committed: ``200`` and what was taken, or ``400`` and what was kept aside.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.common.unix_socket import listen
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.ingest.client import ACCEPTED, MAX_BYTES, REFUSED, TOO_LARGE, TOO_SLOW
from bridge.sources.ingest.spool import Spool
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, read_body
from bridge.sources.state import StateTracker

_MAX_CONNECTIONS = 64
_TIMEOUT_SECONDS = 10.0
"""For the alerts to come whole, and for the answer to be taken."""
_CHECK_SECONDS = 1.0
_RETRY_SECONDS = 0.1
_MAX_REASON = 200


class SocketSource:
    """Listens at ``path``, for its own user or for ``group``. Raises SetupError where it cannot."""

    def __init__(self, name: str, path: Path, spool: Path, group: str = "", zone: ZoneInfo | None = None) -> None:
        self.name = name
        self._path = path
        self._zone = zone
        self._spool = Spool(spool, group, zone)
        self._listener = listen(path, group)
        self._state = StateTracker(name)
        self._stop = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._acceptor: threading.Thread | None = None

    def run(self, accept: Accept) -> None:
        """Serve until stopped; those who are being served by then still are."""
        accept = self._state.counting(accept)
        self._state.connected()
        if self._acceptor is None:
            self._acceptor = threading.Thread(
                target=self._accept_connections, args=(accept,), name=f"{self.name} accept", daemon=True
            )
            self._acceptor.start()
        while True:
            self._spool.take(self.name, accept)
            self._update_detail()
            if self._stop.wait(_CHECK_SECONDS):
                break
        self._acceptor.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._connections)

    def stop(self) -> None:
        """Take no more connections: whoever comes now leaves it in the spool."""
        if not self._stop.is_set():
            self._stop.set()
            self._path.unlink(missing_ok=True)
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def abort(self) -> int:
        """Hang up on everybody. Nothing is lost by it: who gets no answer leaves it in the spool."""
        self.stop()
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        return 0

    def state(self) -> tuple[SourceState, ...]:
        """How it is doing."""
        return (self._state.now(),)

    def _update_detail(self) -> None:
        count = self._spool.unusable
        self._state.note(f"{count} in the spool that cannot be taken in" if count else "")

    # In the acceptor's thread

    def _accept_connections(self, accept: Accept) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed, or no descriptor is free
                self._stop.wait(_RETRY_SECONDS)
                continue
            with self._changed:
                full = len(self._connections) >= _MAX_CONNECTIONS
                if not full:
                    self._connections.add(connection)
            if full:
                connection.close()
            else:
                threading.Thread(
                    target=self._serve_connection, args=(connection, accept), name=self.name, daemon=True
                ).start()

    # In a thread a connection

    def _serve_connection(self, connection: socket.socket, accept: Accept) -> None:
        try:
            # Whoever gets no answer leaves it in the spool; should both arrive, it is one alert all the same.
            with suppress(OSError, Aborted):
                answer = self._handle(connection, accept)
                connection.settimeout(_TIMEOUT_SECONDS)
                connection.sendall(answer.encode() + b"\n")
        finally:
            with self._changed:
                self._connections.discard(connection)
                self._changed.notify_all()
            connection.close()

    def _handle(self, connection: socket.socket, accept: Accept) -> str:
        try:
            body = _read(connection)
        except TimeoutError:
            return f"{TOO_SLOW} alerts are handed over within {_TIMEOUT_SECONDS:.0f} s"
        if body is None:
            return f"{TOO_LARGE} at most {MAX_BYTES} bytes are taken at a time"
        if not body.strip():
            return f"{REFUSED} nothing was sent"
        received_ns = time.time_ns()
        try:
            payload = read_body(body, received_ns, self._zone)
        except TooManyAlerts:
            return f"{TOO_LARGE} at most {MAX_ALERTS_PER_BODY} alerts are taken at a time"
        accept(Batch(self.name, received_ns, tuple(payload.alerts), tuple(payload.rejected)))
        return _verdict(payload)


def _read(connection: socket.socket) -> bytes | None:
    """All that is sent; None where it is too large. Raises TimeoutError where it takes too long in all."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    pieces: list[bytes] = []
    size = 0
    while True:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        data = connection.recv(1 << 18)
        if not data:
            return b"".join(pieces)
        pieces.append(data)
        size += len(data)
        if size > MAX_BYTES:
            return None


def _verdict(payload: Payload) -> str:
    taken = f"{len(payload.alerts)} taken"
    if payload.rejected:
        why = payload.rejected[0].reason[:_MAX_REASON]
        return f"{REFUSED} {taken}, {len(payload.rejected)} kept aside: the message {why}"
    return f"{ACCEPTED} {taken}"
