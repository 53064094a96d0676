"""One request and its answer, byte by byte, with servers that are not kind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import InvalidResponseError
from bridge.channels.native.address import parse_address
from bridge.channels.native.endpoint import Endpoint
from bridge.channels.native.exchange import MAX_BODY, ResponseParser
from bridge.channels.registry import open_channel
from bridge.common import trust
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide


def read(*pieces: bytes) -> ResponseParser:
    answer = ResponseParser()
    for piece in pieces:
        answer.feed(piece)
    return answer


@pytest.mark.parametrize(
    ("said", "body", "goes_on"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok", b"ok", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n", b"ok", False),
    ],
)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(said: bytes, body: bytes, goes_on: bool) -> None:
    """And it tells whether its connection can be used again; what follows it changes nothing."""
    for answer in (read(said), read(*(said[at : at + 1] for at in range(len(said))))):
        assert answer.is_complete
        assert (answer.status // 100, bytes(answer.body), answer.is_reusable) == (2, body, goes_on)


def test_the_end_of_the_connection_ends_an_answer_without_a_length_and_no_other() -> None:
    """HTTP/1.0 ends so; an answer that promised more is broken, and so is none at all."""
    whole = read(b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo")
    assert not whole.is_complete
    whole.end()
    assert (whole.is_complete, bytes(whole.body), whole.is_reusable) == (True, b"hello", False)
    for said in (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n"):
        with pytest.raises(InvalidResponseError):
            read(said).end()


def test_a_trailer_is_no_header() -> None:
    """``Retry-After`` counts where HTTP lets it stand."""
    assert read(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").retry_after == "7"
    trailing = b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 7\r\n\r\n"
    assert read(trailing).retry_after is None


@contextmanager
def speaking(first: bytes, then: bytes) -> Iterator[int]:
    """A server that says ``first``, and ``then`` over and over for as long as anybody listens."""
    leaving = threading.Event()

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            try:
                client.sendall(first)
                while not leaving.wait(0.01 if len(then) == 1 else 0):
                    client.sendall(then)
            except OSError:  # nobody listens any more
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            leaving.set()
            thread.join()


def send(port: int) -> Outcome:
    return open_channel("c", f"webhook://127.0.0.1:{port}/", {}).send([make_delivery()])


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_a_far_side_that_drips_has_as_long_as_one_that_is_silent(first: bytes) -> None:
    """A byte now and then, in the head or in the body, buys no time."""
    with speaking(first, b"x") as port:
        endpoint = Endpoint(parse_address(f"webhook://127.0.0.1:{port}/", ()), "/", read_seconds=0.3)
        outcome = endpoint.post(b"{}", {})
    assert (outcome.verdict, outcome.status, outcome.reason) == (Verdict.RETRY, None, "timed out")


def test_a_far_side_that_pours_is_hung_up_on() -> None:
    """A head without end is no answer; of a body without end the beginning is read."""
    with speaking(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000) as port:
        assert send(port).verdict is Verdict.RETRY
    with speaking(b"HTTP/1.1 400 Bad\r\nContent-Length: 99999999999\r\n\r\n", b"y" * MAX_BODY) as port:
        outcome = send(port)
    assert (outcome.verdict, outcome.status) == (Verdict.REJECTED, 400)


def test_a_connection_that_the_far_side_has_closed_is_not_used_again() -> None:
    """A server that keeps connections for a second costs no delivery an attempt."""
    with FarSide(lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).serving() as server:
        channel = open_channel("c", f"webhook://127.0.0.1:{server.port}/", {})
        for number in range(3):
            assert channel.send([make_delivery(number)]).verdict is Verdict.DELIVERED
            hung_up(channel)
        channel.close()
    assert len({request.client for request in server.requests}) == 3


def hung_up(channel: object) -> None:
    """Wait until the far side has hung up on every kept connection."""
    import select

    for connection in channel._endpoint._idle:  # type: ignore[attr-defined]
        readable, _, _ = select.select([connection.sock], [], [], 30)
        assert readable


def test_a_proxy_for_plain_http_is_asked_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name and the word that the environment gives it."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with FarSide().serving() as proxy:
        monkeypatch.setenv("http_proxy", f"http://us%40er:word@127.0.0.1:{proxy.port}")
        trust.proxies.cache_clear()
        try:
            outcome = open_channel("c", "webhook://hooks.example.com/a?-b=c", {}).send([make_delivery()])
        finally:
            trust.proxies.cache_clear()
    assert outcome.verdict is Verdict.DELIVERED
    (request,) = proxy.requests
    assert (request.path, request.headers["Host"]) == ("http://hooks.example.com/a?b=c", "hooks.example.com")
    assert request.headers["proxy-authorization"] == "Basic dXNAZXI6d29yZA=="
