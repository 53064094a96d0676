"""The reason of an attempt without a response, for native channels and for Apprise's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.channels.registry import open_channel
from tests.channels.deliveries import make_delivery

BOTH = pytest.mark.parametrize("scheme", ["webhook", "json"])
BOTH_SECURE = pytest.mark.parametrize("scheme", ["webhooks", "jsons"])


pytestmark = pytest.mark.usefixtures("intercepted")


@contextmanager
def server_sending(data: bytes) -> Iterator[int]:
    """A server that for each connection reads once, sends ``data`` and closes."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # The test has ended.
                return
            with client:
                client.recv(65536)
                client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def reason(url: str) -> str:
    channel = open_channel("c", url, {})
    try:
        return channel.send((make_delivery(),)).reason
    finally:
        channel.close()


@BOTH
def test_a_closed_port_is_reported(scheme: str) -> None:
    """The service is down, or the port is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert reason(f"{scheme}://127.0.0.1:{port}/") == "connection refused: nothing listens on this port"


@BOTH
def test_an_unknown_host_name_is_reported(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``.invalid`` is reserved and never exists."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert reason(f"{scheme}://hooks.invalid/") == "host name not found in DNS"


@BOTH
def test_a_closed_connection_is_reported(scheme: str) -> None:
    """Like a load balancer without a backend."""
    with server_sending(b"") as port:
        assert reason(f"{scheme}://127.0.0.1:{port}/") == "connection closed without a response"


@BOTH_SECURE
def test_a_server_without_tls_is_reported(scheme: str) -> None:
    """The scheme is wrong, or the port."""
    with server_sending(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert reason(f"{scheme}://localhost:{port}/").startswith("TLS handshake with localhost failed: ")
