"""Receivers of syslog on loopback, over TCP, TLS and UDP, with a parser of their own."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.certificates import Pair

_HEADER = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>\S{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>\S{1,128}) (?P<msgid>[!-~]{1,32}) "
)
_PARAMETER = re.compile(r' ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')


@dataclass(frozen=True, slots=True)
class Message:
    """A message after RFC 5424."""

    facility: int
    severity: int
    time: str
    host: str
    app: str
    msgid: str
    sd_id: str
    parameters: dict[str, str]
    text: str


def parse(data: bytes) -> Message:
    """Fails where the data is no valid message."""
    text = data.decode()
    head = _HEADER.match(text)
    assert head is not None, text
    rest = text[head.end() :]
    sd_id = re.match(r"\[([!#-<>-\\^-~]{1,32})", rest)
    assert sd_id is not None, rest
    at, parameters = sd_id.end(), dict[str, str]()
    while found := _PARAMETER.match(rest, at):
        parameters[found[1]] = re.sub(r'\\(["\\\]])', r"\1", found[2])
        at = found.end()
    assert rest[at] == "]", rest[at:]
    assert rest[at + 1] == " ", rest[at:]
    facility, severity = divmod(int(head["pri"]), 8)
    return Message(
        facility, severity, head["time"], head["host"], head["app"], head["msgid"], sd_id[1], parameters, rest[at + 2 :]
    )


def counted(data: bytes) -> list[bytes]:
    """The complete messages of a stream with octet counting (RFC 5425, 4.3)."""
    messages = []
    while data:
        length, _, data = data.partition(b" ")
        assert re.fullmatch(rb"[1-9]\d*", length), length
        if len(data) >= int(length):
            messages.append(data[: int(length)])
        data = data[int(length) :]
    return messages


@dataclass(slots=True)
class Receiver:
    """What a receiver got: the bytes of each connection, in order."""

    port: int = 0
    streams: list[bytearray] = field(default_factory=list)
    closes_after: int | None = None
    """Bytes of a connection after which the receiver closes it."""
    reads: threading.Event = field(default_factory=threading.Event)
    """Cleared: nothing is read."""
    drop: threading.Event = field(default_factory=threading.Event)
    """Set: connections are closed as soon as they are idle."""
    ended: int = 0
    """Connections that have ended."""

    def messages(self) -> list[Message]:
        """All complete messages of all connections."""
        return [parse(each) for stream in self.streams for each in counted(bytes(stream))]


@contextmanager
def stream_receiver(
    pair: Pair | None = None, client_authority: Path | None = None, receiver: Receiver | None = None
) -> Iterator[Receiver]:
    """A receiver over TCP, or over TLS with a certificate. With ``client_authority`` clients need one, too."""
    state = receiver or Receiver()
    state.reads.set()
    context = _context(pair, client_authority)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection = self.request
            with suppress(OSError):
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                stream = bytearray()
                state.streams.append(stream)
                _read(connection, stream, state)
            with suppress(OSError):
                connection.close()
            state.ended += 1

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", state.port), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.reads.set()
            state.drop.set()
            server.shutdown()
            thread.join()


def _context(pair: Pair | None, client_authority: Path | None) -> ssl.SSLContext | None:
    if pair is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _read(connection: socket.socket, stream: bytearray, state: Receiver) -> None:
    connection.settimeout(0.02)
    while state.closes_after is None or len(stream) < state.closes_after:
        state.reads.wait()
        try:
            data = connection.recv(65536)
        except TimeoutError:
            if state.drop.is_set():
                return
            continue
        if not data:
            return
        stream += data


@contextmanager
def datagram_receiver() -> Iterator[tuple[int, socket.socket]]:
    """The port and the socket of a receiver over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        yield receiver.getsockname()[1], receiver
