"""A server with the operator API or the metrics, and requests to it, for the tests here."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.common.net.unix_socket import listen
from bridge.operator.client import _UnixConnection
from bridge.operator.serving.connection import ServedSockets
from bridge.operator.serving.server import OperatorServer


@contextmanager
def served(*listeners: ServedSockets, request_seconds: float = 30.0) -> Iterator[OperatorServer]:
    server = OperatorServer(listeners, request_seconds=request_seconds)
    server.start()
    try:
        yield server
    finally:
        server.close()


def unix_sockets(path: Path) -> Sequence[socket.socket]:
    return [listen(path)]


def tcp_sockets() -> Sequence[socket.socket]:
    return [socket.create_server(("127.0.0.1", 0))]


def port_of(listener: ServedSockets) -> int:
    return int(listener.sockets[0].getsockname()[1])


Answer = tuple[int, http.client.HTTPMessage, bytes]


def ask_unix(path: Path, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    return _ask(_UnixConnection(path, 60.0), method, target, body, headers)


def ask_tcp(port: int, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    return _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), method, target, body, headers)


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> Answer:
    try:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
