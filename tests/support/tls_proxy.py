"""TLS before a PostgreSQL server that was built without it: a proxy on loopback that ends the connections' TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.certificates import Pair

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""What a client of PostgreSQL sends first, where it wants TLS; ``S`` is the answer of a server that has it."""


@contextmanager
def tls_proxy(server: Path, pair: Pair) -> Iterator[int]:
    """The port of the proxy. ``server`` is the server's unix socket. What is sent without TLS is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, server, context), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: Path, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            connection = listener.accept()[0]
            threading.Thread(target=_serve, args=(connection, server, context), daemon=True).start()


def _serve(connection: socket.socket, server: Path, context: ssl.SSLContext) -> None:
    with suppress(OSError), connection:
        if connection.recv(8, socket.MSG_WAITALL) != _SSL_REQUEST:
            return
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as client, socket.socket(socket.AF_UNIX) as backend:
            backend.connect(str(server))
            thread = threading.Thread(target=_pump, args=(backend, client), daemon=True)
            thread.start()
            _pump(client, backend)
            thread.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Until one of them ends; then both do."""
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
