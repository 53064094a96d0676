"""Reads Falco's gRPC outputs: ``get`` in a loop, each stream to its end, kept before the next is opened.

Never ``sub``: an idle one keeps Falco from stopping. Never a cancelled stream: what Falco had popped for it is lost.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.alert.wire.methods import GET
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.grpc.connection import open_channel
from bridge.sources.grpc.health import FalcoHealth
from bridge.sources.grpc.pacing import Pacing
from bridge.sources.grpc.tls import Certificates

if TYPE_CHECKING:
    import grpc

MAX_BATCH = 1000


class GrpcSource:
    """One Falco, at ``unix:PATH`` or at ``HOST:PORT`` with mutual TLS."""

    def __init__(self, name: str, address: str, certificates: Certificates | None = None) -> None:
        self.name = name
        self._address = address
        self._certificates = certificates
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._call: Any = None
        self._aborted = False
        self._removed = False
        self._health = FalcoHealth(name, address)

    def run(self, accept: Accept) -> None:
        """Read until stopped, through every death and return of Falco, and of its certificates."""
        accept, pacing = self._health.counting(accept), Pacing()
        while not self._stop.is_set():
            credentials = self._credentials()
            server_name = None if self._certificates is None else self._certificates.tls.server_name
            with open_channel(self._address, credentials, server_name) as channel:
                self._read_on(channel, credentials, accept, pacing)

    def _read_on(
        self, channel: grpc.Channel, credentials: grpc.ChannelCredentials | None, accept: Accept, pacing: Pacing
    ) -> None:
        """Until stopped, or until there are newer certificates to connect with: between two streams, never amid one."""
        import grpc

        get: Any = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)
        while not self._stop.is_set() and self._credentials() is credentials:
            try:
                count = self._read_stream(get, accept)
            except grpc.RpcError as error:
                self._failed(error)
                self._stop.wait(pacing.after_failure())
            else:
                self._health.readable(channel)
                self._stop.wait(pacing.after_read(count))

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
        """Whether it is said to have gone: then it is read for as long as it answers, and no attempt follows."""
        self._removed = removed

    def stop(self) -> None:
        """Read the stream that is open to its end, and leave."""
        self._stop.set()

    def abort(self) -> int:
        """Let go of the open stream; what Falco had popped for it is lost."""
        self._stop.set()
        with self._lock:
            self._aborted = True
            if self._call is None:
                return 0
            self._call.cancel()
            return 1

    def state(self) -> tuple[SourceState, ...]:
        """Of the one Falco."""
        return (self._health.state(),)

    def _read_stream(self, get: Any, accept: Accept) -> int:
        """One ``get`` to its end; how many messages it brought. What came before a failure is kept all the same."""
        with self._lock:
            if self._aborted:
                return 0
            call = self._call = get(b"")
        count = 0
        messages: list[bytes] = []
        try:
            for message in call:
                messages.append(message)
                if len(messages) == MAX_BATCH:
                    count += self._commit_payload(messages, accept)
                    messages = []
        except Aborted:
            call.cancel()
            raise
        finally:
            with self._lock:
                self._call = None
            # A stream that broke off has brought these all the same.
            if messages:
                count += self._commit_payload(messages, accept)
        return count

    def _commit_payload(self, messages: list[bytes], accept: Accept) -> int:
        received_ns = time.time_ns()
        alerts: list[Alert] = []
        rejected: list[RejectedMessage] = []
        for message in messages:
            decoded = decode_grpc(message, received_ns)
            if isinstance(decoded, Malformed):
                rejected.append(RejectedMessage(decoded.reason, message))
            else:
                alerts.append(decoded)
        accept(Batch(self.name, received_ns, tuple(alerts), tuple(rejected)))
        return len(messages)
