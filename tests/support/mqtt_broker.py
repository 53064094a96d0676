"""An MQTT broker on loopback that answers with the codes that a test asks for (MQTT 3.1.1 and 5, QoS 0 and 1)."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.certificates import Pair

_CONNECT, _PUBLISH, _PINGREQ, _DISCONNECT = 1, 3, 12, 14


@dataclass(frozen=True, slots=True)
class Published:
    """A message that a client published."""

    topic: str
    body: bytes
    qos: int
    retain: bool


@dataclass(slots=True)
class Broker:
    """What the broker got, and how it answers."""

    port: int = 0
    versions: tuple[int, ...] = (4, 5)
    login: tuple[str, str] | None = None
    connack: int = 0
    """The reason code of every answer to CONNECT."""
    properties: bytes = b""
    """Properties of CONNACK."""
    puback: Callable[[Published], int | None] = lambda _message: 0
    """The reason code of a message; None is no answer, and a negative number closes the connection."""
    messages: list[Published] = field(default_factory=list)
    connections: int = 0
    drop: threading.Event = field(default_factory=threading.Event)
    """Set: connections are closed when they are idle."""


@contextmanager
def mqtt_broker(broker: Broker | None = None, pair: Pair | None = None) -> Iterator[Broker]:
    """A running broker, with TLS where it has a certificate."""
    state = broker or Broker()
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection = self.request
            with suppress(OSError, EOFError):
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                _Session(connection, state).serve()
            with suppress(OSError):
                connection.close()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = False  # the server waits for them

    with Server(("127.0.0.1", state.port), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.drop.set()
            server.shutdown()
            thread.join()


class _Session:
    def __init__(self, connection: socket.socket, broker: Broker) -> None:
        self._connection = connection
        self._broker = broker
        self._version = 0
        connection.settimeout(0.02)

    def serve(self) -> None:
        """Answer until the connection ends."""
        while True:
            head = self._read(1)[0]
            body = self._read(self._length())
            match head >> 4:
                case packet if packet == _CONNECT:
                    if not self._connect(body):
                        return
                case packet if packet == _PUBLISH:
                    if not self._publish(head, body):
                        return
                case packet if packet == _PINGREQ:
                    self._connection.sendall(b"\xd0\x00")
                case packet if packet == _DISCONNECT:
                    return

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part = self._connection.recv(size - len(data))
            except TimeoutError:
                if self._broker.drop.is_set():
                    raise EOFError from None
                continue
            if not part:
                raise EOFError
            data += part
        return data

    def _length(self) -> int:
        value = shift = 0
        while True:
            byte = self._read(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _connect(self, body: bytes) -> bool:
        broker = self._broker
        broker.connections += 1
        name, rest = _text(body)
        assert name == b"MQTT", body
        self._version, flags = rest[0], rest[1]
        rest = rest[4:]
        if self._version == 5:
            rest = _without_properties(rest)
        _client, rest = _text(rest)
        user, rest = _text(rest) if flags & 0x80 else (b"", rest)
        password, rest = _text(rest) if flags & 0x40 else (b"", rest)
        code = broker.connack
        if self._version not in broker.versions:
            code = 132
        elif broker.login is not None and (user.decode(), password.decode()) != broker.login:
            code = 134
        if self._version == 5:
            answer = bytes([0, code, len(broker.properties)]) + broker.properties
        else:
            answer = bytes([0, {0: 0, 132: 1, 134: 4, 135: 5}.get(code, 3)])
        self._connection.sendall(bytes([0x20, len(answer)]) + answer)
        return code == 0

    def _publish(self, head: int, body: bytes) -> bool:
        topic, rest = _text(body)
        qos = (head >> 1) & 3
        number = rest[:2] if qos else b""
        rest = rest[2:] if qos else rest
        if self._version == 5:
            rest = _without_properties(rest)
        message = Published(topic.decode(), rest, qos, bool(head & 1))
        self._broker.messages.append(message)
        code = self._broker.puback(message)
        if code is not None and code < 0:
            return False
        if qos and code is not None:
            answer = number + (bytes([code]) if self._version == 5 and code else b"")
            self._connection.sendall(bytes([0x40, len(answer)]) + answer)
        return True


def _text(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">H", data[:2])
    return data[2 : 2 + length], data[2 + length :]


def _without_properties(data: bytes) -> bytes:
    length = shift = at = 0
    while True:
        byte = data[at]
        length |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return data[at + length :]
