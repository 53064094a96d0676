"""A response is written once, whole and in order, whichever thread writes it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from bridge.http.request import Reply, encode_reply
from bridge.http.response import Response, SharedSocket
from tests.sources.collector import running
from tests.sources.test_http_source import ALERT, source
from tests.support.waiting import wait_until

OK = Reply(200, "ok")
LONG = Reply(200, "x" * 4_000_000)


@dataclass
class Connection:
    """A connection as far as its responses need it, over a real pair of sockets."""

    unsent: int = 0
    flushed: int = 0
    shared: SharedSocket = field(default_factory=SharedSocket)

    def __post_init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.shared.open(self.near, self)

    def flush(self) -> None:
        self.flushed += 1

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def response(self, *, first: bool = True, last: bool = False) -> Response:
        return Response(self, "POST", first=first, last=last)

    def received(self) -> bytes:
        data = b""
        try:
            while piece := self.far.recv(1 << 20):
                data += piece
        except BlockingIOError:
            pass
        return data

    def close(self) -> None:
        self.near.close()
        self.far.close()


def test_another_thread_writes_a_response_once() -> None:
    """The loop then has nothing to write, and cannot answer again."""
    with closing(Connection()) as connection:
        response = connection.response()
        assert response.send(OK)
        assert connection.received() == encode_reply(OK, last=False, head_only=False)
        assert response.is_sent
        assert response.unwritten() == b""
        assert not response.send(OK)
        assert not response.respond(Reply(202, "held"))
        assert response.reply == OK
        assert connection.received() == b""


def test_the_loop_writes_what_did_not_fit() -> None:
    """From where the other thread stopped."""
    with closing(Connection()) as connection:
        response = connection.response()
        assert not response.send(LONG)
        whole = encode_reply(LONG, last=False, head_only=False)
        begun = connection.received()
        assert 0 < len(begun) < len(whole)
        assert not response.respond(LONG)
        assert connection.flushed == 1
        assert begun + response.unwritten() == whole


def behind_another(connection: Connection) -> Response:
    return connection.response(first=False)


def at_the_end(connection: Connection) -> Response:
    return connection.response(last=True)


def behind_unsent_bytes(connection: Connection) -> Response:
    connection.unsent = 1
    return connection.response()


def of_a_closed_connection(connection: Connection) -> Response:
    connection.shared.close()
    return connection.response()


def of_a_sender_that_is_gone(connection: Connection) -> Response:
    connection.far.close()
    return connection.response()


def answered(connection: Connection) -> Response:
    response = connection.response()
    response.respond(OK)
    return response


@pytest.mark.parametrize(
    "response",
    [behind_another, at_the_end, behind_unsent_bytes, of_a_closed_connection, of_a_sender_that_is_gone, answered],
)
def test_only_the_loop_writes_what_has_to_be_in_order(response: Callable[[Connection], Response]) -> None:
    """Behind other bytes, before the end of the connection, and after its end."""
    with closing(Connection()) as connection:
        made = response(connection)
        assert not made.send(OK)
        assert not made.is_sent
        if response is not of_a_sender_that_is_gone:
            assert connection.received() == b""


def post(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", "/", ALERT)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"1 accepted\n")
    return answer


def test_a_sender_alone_is_answered_without_the_loop() -> None:
    """Later requests of the connection are not pipelined ones, and nothing that was committed counts as waiting."""
    made, woken = source(), list[Callable[[], object]]()
    wake = made._call_soon

    def count(action: Callable[[], object]) -> None:
        woken.append(action)
        wake(action)

    made._call_soon = count  # type: ignore[method-assign]
    with running(made) as taken, closing(http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)) as connection:
        for _ in range(20):
            post(connection)
        assert len(woken) < 10  # the first requests may come before the connection is ready
        assert len(taken.alerts) == 20
        assert made.abort() == 0


def test_the_next_request_after_such_an_answer_is_not_lost_when_the_source_is_handed_over() -> None:
    """The connection is idle, so it ends with the next response."""
    made = source()
    with running(made) as taken, closing(http.client.HTTPConnection("127.0.0.1", made.port, timeout=60)) as connection:
        for _ in range(5):
            assert post(connection).getheader("Connection") is None
        made.hand_over()
        connections = made._listener.connections
        wait_until(lambda: all(each._reader.is_retiring for each in connections), "the source to be handed over")
        assert post(connection).getheader("Connection") == "close"
        assert len(taken.alerts) == 6
