"""A channel that refused connections is used again as soon as its port is open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.channels.contract import address_of
from bridge.channels.registry import open_channel
from bridge.common import trust
from bridge.courier.port_check import PortChecks
from bridge.delivery import Circuit
from tests.courier.working import entry, working
from tests.support.waiting import wait_until


class Closed:
    """A port that refuses connections until it is opened; then an HTTP server of one thread."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.connections = 0
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        self._socket.listen(50)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while received := connection.recv(1 << 16):
                self.bodies.append(received)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def closed() -> Iterator[Closed]:
    port = Closed()
    yield port
    port.close()


@pytest.mark.parametrize(("scheme", "count"), [("webhook", 1), ("webhook", 20), ("loki", 1)])
def test_a_channel_is_used_when_its_port_opens(tmp_path: Path, closed: Closed, count: int, scheme: str) -> None:
    """Long before its next probe, or its next attempt where too few failed to open the circuit."""
    channel = open_channel("c", f"{scheme}://127.0.0.1:{closed.port}/", {})
    entries = [entry(str(number), "c") for number in range(count)]
    with working(tmp_path, [channel], entries=entries, jitter=1000.0) as work:
        health = work.journal.deliveries.health
        wait_until(lambda: "c" in health() and health()["c"].failures >= min(count, 5), "the failures")
        wait_until(lambda: count == 1 or health()["c"].circuit is Circuit.OPEN, "the circuit to open")
        before = time.monotonic()
        closed.open()
        wait_until(lambda: work.undelivered == 0, "the deliveries")
        assert time.monotonic() - before < 60, "no probe was due for minutes"
    assert sum(b"POST" in body for body in closed.bodies) >= count


def test_an_open_port_is_reported_once_and_again_after_a_refusal(closed: Closed) -> None:
    """Another service may listen there. Nothing is sent to it."""
    reported: list[str] = []
    checks = PortChecks(reported.append)
    closed.open()
    checks.watch({"c": ("127.0.0.1", closed.port)})
    wait_until(lambda: closed.connections >= 2, "two checks")
    assert (reported, closed.bodies) == (["c"], [])
    checks.watch({})


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("webhook://h:81/x", ("h", 81)),
        ("lokis://[::1]", ("::1", 443)),
        ("alertmanager://h", ("h", 80)),
        ("jsons://h/x", ("h", 443)),
        ("mailto://user:pass@example.com", ("example.com", 25)),
        ("mmost://h:8065/3ccdd113474722377935511fc85d3dd4", ("h", 8065)),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", None),
        ("ntfy://topic", None),
        ("console://", None),
    ],
)
def test_the_address_of_a_channel_is_its_host_never_a_token(url: str, address: tuple[str, int] | None) -> None:
    """A token must not be looked up in DNS."""
    assert address_of(open_channel("c", url, {})) == address


def test_behind_a_proxy_there_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's port says nothing about the channel."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    trust.proxies.cache_clear()
    try:
        assert address_of(open_channel("c", "webhook://h/", {})) is None
        assert address_of(open_channel("c", "json://h/", {})) is None
    finally:
        trust.proxies.cache_clear()
