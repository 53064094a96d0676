"""Connections that do nothing keep neither senders nor health checks out."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.http.admission import Admission
from bridge.http.guard import ConnectionLimits, Guard, Timeouts
from bridge.sources.http.source import HttpSource
from tests.sources.collector import Collector, running
from tests.sources.test_http_hostile import GOOD, connected, rest
from tests.sources.test_http_source import ALERT, ask, raw, source
from tests.support.certificates import make_authority
from tests.support.waiting import wait_until

PATIENT = Timeouts(handshake=600, first_byte=600, request=600, idle=600)
"""Connections end by their limit only."""


@contextmanager
def full_of(made: HttpSource, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that have sent this and nothing more."""
    with ExitStack() as stack:
        yield [open_silent(made, stack, sent) for _ in range(count)]


def open_silent(made: HttpSource, stack: ExitStack, sent: bytes) -> socket.socket:
    before = made._listener.replaced + made._listener.count
    connection = stack.enter_context(connected(made.port))
    connection.sendall(sent)
    wait_until(lambda: made._listener.replaced + made._listener.count > before, "the connection")
    return connection


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HT",
        b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
    ],
)
def test_connections_without_an_alert_do_not_keep_a_sender_out(sent: bytes) -> None:
    """Silent ones, unfinished requests, health checks and rejected bodies: the longest silent one is closed."""
    made = source(connections=ConnectionLimits(total=64, per_peer=8), timeouts=PATIENT)
    with running(made) as taken, full_of(made, 8, sent):
        for _ in range(20):
            assert ask(made.port, "POST", "/", ALERT)[0] == 200
            assert ask(made.port, "GET", "/healthz")[0] == 200
        assert made._listener.count <= 8
        assert "idle connections closed for others" in made.state()[0].detail
    assert len(taken.alerts) == 20


def test_the_longest_silent_connection_goes_first() -> None:
    """One that sends bytes meanwhile stays, and one that has delivered stays longest."""
    made = source(connections=ConnectionLimits(total=3, per_peer=3), timeouts=PATIENT)
    with running(made), full_of(made, 3) as (delivered, silent, sending):
        delivered.sendall(GOOD)
        assert delivered.recv(1000).startswith(b"HTTP/1.1 200")
        sending.sendall(GOOD[:10])
        with connected(made.port) as newer:
            assert rest(silent) == b""
            newer.sendall(GOOD[:10])
            with connected(made.port) as newest:
                assert rest(sending) == b""
                newest.sendall(GOOD)
                assert newest.recv(1000).startswith(b"HTTP/1.1 200")
                delivered.sendall(GOOD)
                assert delivered.recv(1000).startswith(b"HTTP/1.1 200")


def test_silent_connections_of_other_addresses_do_not_take_all_places() -> None:
    """Nor of one IPv6 network. Without a connection to replace, a sender is refused."""
    admission = Admission(Guard(), ConnectionLimits(total=3, per_peer=2))
    first, second, third = (Stub(f"192.0.2.{number}") for number in (1, 2, 3))
    for each in (first, second, third):
        assert admission.full(each.peer) is None
        admission.add(each)
    assert admission.full("198.51.100.1") is not None
    assert admission.replaceable("198.51.100.1") is first
    admission.heard(first)
    assert admission.replaceable("198.51.100.1") is second
    admission.prove(second)
    third.answering = True
    assert admission.replaceable("198.51.100.1") is first
    admission.remove(first)
    assert admission.full("198.51.100.1") is None
    assert admission.replaceable("198.51.100.1") is None
    of_network = Admission(Guard(), ConnectionLimits(total=3, per_peer=1))
    of_network.add(Stub("2001:db8::1"))
    assert of_network.full("2001:db8::2") is not None
    assert of_network.full("2001:db8:0:1::2") is None
    assert of_network.full("192.0.2.1") is None


@dataclass(eq=False)
class Stub:
    peer: str
    answering: bool = False


def test_health_checks_are_answered_while_every_place_is_taken() -> None:
    """By senders that deliver. Another sender is refused, and silent connections beyond the limit do not shut it out."""
    made = source(connections=ConnectionLimits(total=4, per_peer=4), timeouts=PATIENT)
    with running(made), full_of(made, 4) as senders:
        for each in senders:
            each.sendall(GOOD)
            assert each.recv(1000).startswith(b"HTTP/1.1 200")
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connected(made.port))
            assert ask(made.port, "GET", "/healthz")[0] == 200
            assert ask(made.port, "GET", "/ping")[0] == 200
            answer = raw(made.port, GOOD)
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"from this address" in answer or b"too many connections" in answer
        for each in senders:
            each.sendall(GOOD)
            assert each.recv(1000).startswith(b"HTTP/1.1 200")
    assert "answered 503" in made.state()[0].detail


def test_handshakes_that_do_not_proceed_are_replaced(tmp_path: Path) -> None:
    """Over TLS, silent connections have no request yet, and the health check is answered as well."""
    authority = make_authority(tmp_path)
    server = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    ours = ssl.create_default_context(cafile=str(authority.certificate))
    made = source(tls=context, connections=ConnectionLimits(total=4, per_peer=4), timeouts=PATIENT)
    https = http.client.HTTPSConnection("127.0.0.1", made.port, context=ours, timeout=60)
    with running(made) as taken, full_of(made, 4) as silent, closing(https):
        assert status(https, "POST", "/", ALERT) == 200
        assert rest(silent[0]) == b""
        for _ in range(6):
            other = http.client.HTTPSConnection("127.0.0.1", made.port, context=ours, timeout=60)
            with closing(other):
                assert status(other, "GET", "/healthz") == 200
        assert status(https, "POST", "/", ALERT) == 200
    assert len(taken.alerts) == 2


def status(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_flood_of_connections_does_not_keep_a_sender_out() -> None:
    """Somebody opens connections all the time; a sender with a connection of its own for each alert delivers."""
    made = source(connections=ConnectionLimits(total=64, per_peer=32), timeouts=PATIENT)
    stop = threading.Event()

    def flood() -> None:
        with ExitStack() as stack:
            connections = list[socket.socket]()
            while not stop.is_set():
                connections.append(stack.enter_context(socket.create_connection(("127.0.0.1", made.port))))
                if len(connections) > 500:
                    connections.pop(0).close()

    def delivered() -> bool:
        try:
            return ask(made.port, "POST", "/", ALERT)[0] == 200
        except (OSError, http.client.HTTPException):
            return False  # replaced before its request came: a sender repeats it

    with running(made) as taken:
        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        wait_until(lambda: made._listener.replaced > 100, "the flood")
        for number in range(20):
            wait_until(delivered, f"the answer to post {number}")
        stop.set()
        thread.join(60)
    assert len(taken.alerts) >= 20


def test_requests_of_which_every_byte_is_a_chunk_are_refused() -> None:
    """Each chunk costs a call."""
    taken = Collector()
    with running(made := source(), taken):
        body = b"1\r\nx\r\n" * 20_000
        answer = raw(made.port, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert taken.batches == []
