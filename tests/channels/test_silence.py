"""Why a far side was not heard: the words that an operator reads, for our own client and for Apprise's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.channels.apprise import intercept
from bridge.channels.registry import open_channel
from tests.channels.deliveries import make_delivery

BOTH = pytest.mark.parametrize("scheme", ["webhook", "json"])
BOTH_SECURE = pytest.mark.parametrize("scheme", ["webhooks", "jsons"])


@pytest.fixture(autouse=True)
def _probed() -> None:
    intercept.install()


@contextmanager
def saying(said: bytes) -> Iterator[int]:
    """A server that reads once, says that and hangs up, again and again."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the test is over
                return
            with client:
                client.recv(65536)
                client.sendall(said)

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
def test_a_closed_port_is_told(scheme: str) -> None:
    """Somebody's service is down, or the port is another."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert reason(f"{scheme}://127.0.0.1:{port}/") == "connection refused: nothing listens on this port"


@BOTH
def test_an_unknown_name_is_told(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be: `.invalid` is nobody's."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert reason(f"{scheme}://hooks.invalid/") == "host name not found in DNS"


@BOTH
def test_a_server_that_hangs_up_is_told(scheme: str) -> None:
    """As one does behind a load balancer without a backend."""
    with saying(b"") as port:
        assert reason(f"{scheme}://127.0.0.1:{port}/") == "connection closed without a response"


@BOTH_SECURE
def test_a_server_without_tls_is_told(scheme: str) -> None:
    """The `s` is one too many, or the port is the other one."""
    with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert reason(f"{scheme}://localhost:{port}/").startswith("TLS handshake failed: ")
