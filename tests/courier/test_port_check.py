"""A channel that refused connections is used again as soon as its port is open."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.channels.contract import address_of
from bridge.channels.registry import open_channel
from bridge.common.files import trust
from bridge.courier.health import port_check
from bridge.courier.health.port_check import PortChecks
from bridge.delivery import Circuit
from bridge.delivery.options import ChannelOptions
from tests.courier.working import Working, entry, working
from tests.support.waiting import wait_until


class Closed:
    """A port that refuses connections until it is opened; then an HTTP server of one thread."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answers: list[bytes] = []
        """What the next requests are answered; then 200."""
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
                answer = self.answers.pop(0) if self.answers else b"200 OK"
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % answer)


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


def fails(work: Working) -> bool:
    """Whether the connection was refused."""
    health = work.journal.deliveries.health()
    return "c" in health and health["c"].failures > 0


@pytest.fixture
def fast_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_check, "EVERY_SECONDS", 0.05)


@pytest.mark.parametrize(("answer", "count"), [(b"503 Starting", 1), (b"503 Starting", 20), (b"500 Error", 2)])
@pytest.mark.usefixtures("fast_checks")
def test_a_service_that_is_not_ready_is_tried_until_it_is(
    tmp_path: Path, closed: Closed, answer: bytes, count: int
) -> None:
    """It accepts connections, and answers with an error at first. The next attempt of the backoff is far away."""
    closed.answers = [answer] * 7
    channel = open_channel("c", f"webhook://127.0.0.1:{closed.port}/", {})
    entries = [entry(str(number), "c") for number in range(count)]
    with working(tmp_path, [channel], entries=entries, jitter=1000.0) as work:
        wait_until(lambda: fails(work), "a failure")
        closed.open()
        wait_until(lambda: work.undelivered == 0, "the deliveries")
    assert sum(b"POST" in body for body in closed.bodies) == count + 7


@pytest.mark.usefixtures("fast_checks")
@pytest.mark.parametrize("answer", [b"503 Starting\r\nRetry-After: 600", b"401 Unauthorized"])
def test_a_service_that_says_more_is_not_tried_at_each_check(tmp_path: Path, closed: Closed, answer: bytes) -> None:
    """It said when, or that the channel is at fault."""
    closed.answers = [answer] * 50
    channel = open_channel("c", f"webhook://127.0.0.1:{closed.port}/", {})
    with working(tmp_path, [channel], entries=[entry("x", "c")], jitter=1000.0) as work:
        wait_until(lambda: fails(work), "a failure")
        closed.open()
        wait_until(lambda: any(b"POST" in body for body in closed.bodies), "the attempt")
        checks = closed.connections
        wait_until(lambda: answer.startswith(b"401") or closed.connections >= checks + 2, "two checks")
    assert sum(b"POST" in body for body in closed.bodies) == 1


@pytest.mark.usefixtures("fast_checks")
def test_an_outage_does_not_change_the_order(tmp_path: Path, closed: Closed) -> None:
    """However often the first delivery was tried: a refused connection, or a 503 after it, is not its fault."""
    closed.answers = [b"503 Starting"] * 7
    channel = open_channel("c", f"webhook://127.0.0.1:{closed.port}/", {})
    entries = [entry(f"alert {number}!", "c", ordered=True) for number in range(5)]
    with working(tmp_path, [channel], {"c": ChannelOptions(concurrency=4)}, entries, jitter=0.01) as work:
        wait_until(lambda: fails(work) and work.journal.deliveries.health()["c"].failures >= 7, "seven failures")
        closed.open()
        wait_until(lambda: work.undelivered == 0, "the deliveries")
    posts = b"".join(closed.bodies)
    found = [int(number) for number in re.findall(rb"alert (\d)!", posts)]
    assert list(dict.fromkeys(found)) == [0, 1, 2, 3, 4]
    assert [each for each in found if each] == sorted(each for each in found if each)


@pytest.mark.usefixtures("fast_checks")
def test_an_open_port_is_reported_for_a_limited_time(closed: Closed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another service may listen there: the port is open, and the channel does not work."""
    monkeypatch.setattr(port_check, "RETURN_SECONDS", 0.0)
    reported: list[str] = []
    checks = PortChecks(reported.append)
    closed.open()
    checks.watch({"c": ("127.0.0.1", closed.port)})
    wait_until(lambda: closed.connections >= 4, "four checks")
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
