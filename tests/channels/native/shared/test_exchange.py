"""Requests and responses of the HTTP client, with servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import InvalidResponseError
from bridge.channels.native.shared.address import parse_address
from bridge.channels.native.shared.endpoint import Endpoint
from bridge.channels.native.shared.exchange import MAX_BODY, ResponseParser
from bridge.channels.registry import open_channel
from bridge.common.files import trust
from tests.channels.deliveries import make_delivery
from tests.support.far_side import Answer, FarSide


def parse(*pieces: bytes) -> ResponseParser:
    response = ResponseParser()
    for piece in pieces:
        response.feed(piece)
    return response


@pytest.mark.parametrize(
    ("data", "body", "is_reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok", b"ok", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n", b"ok", False),
    ],
)
def test_a_response_may_arrive_in_any_pieces(data: bytes, body: bytes, is_reusable: bool) -> None:
    """The parser also tells whether the connection can be reused; later data changes nothing."""
    for response in (parse(data), parse(*(data[at : at + 1] for at in range(len(data))))):
        assert response.is_complete
        assert (response.status // 100, bytes(response.body), response.is_reusable) == (2, body, is_reusable)


def test_only_a_response_without_a_length_may_end_with_the_connection() -> None:
    """As in HTTP/1.0. Any other is incomplete, and so is an empty one."""
    response = parse(b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo")
    assert not response.is_complete
    response.end()
    assert (response.is_complete, bytes(response.body), response.is_reusable) == (True, b"hello", False)
    for data in (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n"):
        with pytest.raises(InvalidResponseError):
            parse(data).end()


def test_retry_after_in_a_trailer_is_ignored() -> None:
    """It counts as a header only."""
    assert parse(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").retry_after == "7"
    trailing = b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 7\r\n\r\n"
    assert parse(trailing).retry_after is None


@contextmanager
def server_sending(first: bytes, then: bytes) -> Iterator[int]:
    """A server that sends ``first``, and then ``then`` repeatedly until the client closes the connection."""
    stopping = threading.Event()

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            try:
                client.sendall(first)
                while not stopping.wait(0.01 if len(then) == 1 else 0):
                    client.sendall(then)
            except OSError:  # The client closed the connection.
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stopping.set()
            thread.join()


def send(port: int) -> Outcome:
    return open_channel("c", f"webhook://127.0.0.1:{port}/", {}).send([make_delivery()])


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_a_server_that_sends_single_bytes_is_cut_off_in_time(first: bytes) -> None:
    """A byte now and then, in the head or in the body, does not extend the time limit."""
    with server_sending(first, b"x") as port:
        endpoint = Endpoint(parse_address(f"webhook://127.0.0.1:{port}/", ()), "/", read_seconds=0.3)
        outcome = endpoint.post(b"{}", {})
    assert (outcome.verdict, outcome.status, outcome.reason) == (Verdict.RETRY, None, "timed out")


def test_an_endless_response_is_cut_off() -> None:
    """An endless head is an error; of an endless body the beginning is read."""
    with server_sending(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000) as port:
        assert send(port).verdict is Verdict.RETRY
    with server_sending(b"HTTP/1.1 400 Bad\r\nContent-Length: 99999999999\r\n\r\n", b"y" * MAX_BODY) as port:
        outcome = send(port)
    assert (outcome.verdict, outcome.status) == (Verdict.AMBIGUOUS, 400)


def test_a_connection_that_the_server_closed_is_not_reused() -> None:
    """No delivery needs a second attempt because of it."""
    with FarSide(lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).serving() as server:
        channel = open_channel("c", f"webhook://127.0.0.1:{server.port}/", {})
        for number in range(3):
            assert channel.send([make_delivery(number)]).verdict is Verdict.DELIVERED
            wait_for_close(channel)
        channel.close()
    assert len({request.client for request in server.requests}) == 3


def wait_for_close(channel: object) -> None:
    """Wait until the server has closed every idle connection."""
    import select

    for connection in channel._endpoint._idle:  # type: ignore[attr-defined]
        readable, _, _ = select.select([connection.sock], [], [], 30)
        assert readable


def test_a_proxy_for_plain_http_receives_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the credentials of the environment."""
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
