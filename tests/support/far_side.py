"""HTTP(S) servers on loopback in place of services, and a proxy that leads to them.

A bridge under test reaches ``https://hooks.slack.com`` as from behind a company's proxy: through CONNECT, with a
certificate from the CA that it trusts. Nothing in the bridge is patched.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.certificates import Pair


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int] = ("", 0)
    """The client's address and port."""
    certificate: str = ""
    """The common name of the client's certificate."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a request."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Sent instead of an HTTP response before the connection is closed: malformed, incomplete or empty."""
    hangs: bool = False
    """Whether nothing is sent, except ``raw``, until the server stops."""
    drips: bool = False
    """Whether single bytes follow ``raw`` until the client closes the connection."""


class FarSide:
    """An HTTP(S) server that records its requests and responds as configured."""

    def __init__(
        self,
        answer: Callable[[Request], Answer] | None = None,
        pair: Pair | None = None,
        client_authority: Path | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> None:
        """With ``client_authority`` a client needs a certificate of that CA."""
        self.requests: list[Request] = []
        self._stopping = threading.Event()
        self.answer: Callable[[Request], Answer] = answer or (lambda _request: Answer())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            context.maximum_version = version
            if client_authority is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(client_authority)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    @contextmanager
    def serving(self) -> Iterator[FarSide]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        far_side = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # Otherwise head and body, sent separately, take 40 ms.

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # The sender ended in the middle of its request.
                    self.close_connection = True
                    return
                headers, certificate = dict(self.headers.items()), _common_name(self.connection)
                request = Request(
                    self.headers.get("Host", ""), self.path, headers, body, self.client_address, certificate
                )
                far_side.requests.append(request)
                answer = far_side.answer(request)
                if answer.raw is not None or answer.hangs:
                    self.close_connection = True
                    self.wfile.write(answer.raw or b"")
                    if answer.hangs:
                        far_side._stopping.wait()
                    while answer.drips and not far_side._stopping.wait(0.05):
                        self.wfile.write(b" ")
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_PUT = do_POST

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ssl.SSLError):  # A killed courier closes its connections.
                    self.close_connection = True

            def log_message(self, *_args: object) -> None:
                """Requests are recorded, not printed."""

        return Handler


def _common_name(connection: socket.socket) -> str:
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = {str(name): str(value) for ((name, value),) in (certificate or {}).get("subject", ())}  # type: ignore[misc]
    return names.get("commonName", "")


@contextmanager
def connect_proxy(target_port: int) -> Iterator[str]:
    """A forward proxy that connects every CONNECT to one local port, for any host. Yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, target_port), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, target_port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # The listener was closed.
            return
        threading.Thread(target=_tunnel, args=(client, target_port), daemon=True).start()


def _tunnel(client: socket.socket, target_port: int) -> None:
    with suppress(ConnectionError), client, socket.create_connection(("127.0.0.1", target_port)) as target:
        for end in (client, target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {client: target, target: client}
        while True:
            readable, _, _ = select.select([client, target], [], [], 60)
            for end in readable:
                data = end.recv(65536)
                if not data:
                    return
                other[end].sendall(data)
            if not readable:
                return
