"""Reads Falco's gRPC outputs: calls ``get`` in a loop, reads each stream to its end, and commits it before the next.

What a stream has brought is committed at 1000 messages, 8 MiB or 0.2 s, however long the stream is.

It never calls ``sub``, because an idle ``sub`` keeps Falco from stopping. It never cancels a stream before the drain
deadline, because Falco loses the alerts that it has popped for a cancelled stream.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.alert.wire.methods import GET
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.grpc.connection import open_channel
from bridge.sources.grpc.gathering import Gathering
from bridge.sources.grpc.health import CONNECTIONS_SECONDS, FalcoHealth
from bridge.sources.grpc.pacing import Pacing
from bridge.sources.grpc.tls import Certificates

if TYPE_CHECKING:
    import grpc

_Message = tuple[int, Alert | RejectedMessage]
"""When a message was received, in nanoseconds since the epoch, and what it is."""


class GrpcSource:
    """Reads one Falco, at ``unix:PATH`` or at ``HOST:PORT`` with mutual TLS."""

    def __init__(
        self,
        name: str,
        address: str,
        certificates: Certificates | None = None,
        connections_seconds: float = CONNECTIONS_SECONDS,
    ) -> None:
        """``connections_seconds``: how often to look for another client on a unix socket."""
        self.name = name
        self._address = address
        self._certificates = certificates
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._call: Any = None
        self._aborted = False
        self._removed = False
        self._ended = 0.0
        """When the last stream ended, by the monotonic clock."""
        self._health = FalcoHealth(name, address, connections_seconds)

    def run(self, accept: Accept) -> None:
        """Read until stopped. Reconnects when Falco returns and when the certificates change."""
        accept, pacing = self._health.counting(accept), Pacing()
        with Gathering(partial(self._commit, accept), self._cancel, f"{self.name} commit") as gathering:
            while not self._stop.is_set():
                credentials = self._credentials()
                server_name = None if self._certificates is None else self._certificates.tls.server_name
                with open_channel(self._address, credentials, server_name) as channel:
                    self._read_channel(channel, credentials, gathering, pacing)

    def _read_channel(
        self,
        channel: grpc.Channel,
        credentials: grpc.ChannelCredentials | None,
        gathering: Gathering[_Message],
        pacing: Pacing,
    ) -> None:
        """Read until stopped, or until there are newer certificates. Returns only between two streams."""
        import grpc

        get: Any = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)
        while not self._stop.is_set() and self._credentials() is credentials:
            try:
                count = self._read_stream(get, gathering)
            except grpc.RpcError as error:
                self._failed(error)
                self._stop.wait(pacing.after_failure())
            else:
                self._health.readable(channel)
                self._stop.wait(pacing.after_read(count, time.monotonic() - self._ended))

    def _failed(self, error: grpc.RpcError) -> None:
        if self._removed:
            self._stop.set()
        if self._removed or self._aborted:
            self._health.unreadable()
        else:
            self._health.failed(error)

    def _credentials(self) -> grpc.ChannelCredentials | None:
        return None if self._certificates is None else self._certificates.current()

    def set_removed(self, *, removed: bool) -> None:
        """Whether discovery no longer finds this Falco. It is then read until the first failure."""
        self._removed = removed

    def stop(self) -> None:
        """Read the open stream to its end, then return from ``run``."""
        self._stop.set()

    def abort(self) -> int:
        """Cancel the open stream. The alerts that Falco had popped for it are lost."""
        self._stop.set()
        with self._lock:
            self._aborted = True
            if self._call is None:
                return 0
            self._call.cancel()
            return 1

    def state(self) -> tuple[SourceState, ...]:
        """The state of this Falco."""
        return (self._health.state(),)

    def _read_stream(self, get: Any, gathering: Gathering[_Message]) -> int:
        """Call ``get`` and read its stream to the end. Returns the number of messages.

        Messages that arrived before a failure are committed as well.
        """
        with self._lock:
            if self._aborted:
                return 0
            call = self._call = get(b"")
        count = 0
        try:
            for raw in call:
                gathering.add(_decode(raw), len(raw))
                count += 1
        except Aborted:
            call.cancel()
            raise
        finally:
            with self._lock:
                self._call = None
            self._ended = time.monotonic()
            gathering.flush()  # also after a failure
        return count

    def _cancel(self) -> None:
        """Messages could not be committed: end the read."""
        with self._lock:
            if self._call is not None:
                self._call.cancel()

    def _commit(self, accept: Accept, messages: list[_Message]) -> None:
        received_ns = messages[0][0]
        alerts = tuple([each for _, each in messages if isinstance(each, Alert)])
        rejected = tuple([each for _, each in messages if isinstance(each, RejectedMessage)])
        accept(Batch(self.name, received_ns, alerts, rejected))


def _decode(raw: bytes) -> _Message:
    """A message, decoded while Falco sends the next one."""
    received_ns = time.time_ns()
    decoded = decode_grpc(raw, received_ns)
    return received_ns, RejectedMessage(decoded.reason, raw) if isinstance(decoded, Malformed) else decoded
