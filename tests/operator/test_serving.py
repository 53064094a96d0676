"""The operator server: who is identified, limits on connections, slow and idle clients, the socket's file."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.common.errors import SetupError
from bridge.common.net.unix_socket import listen
from bridge.operator.serving.connection import CALLER, ServedSockets
from tests.operator.serving import ask_tcp, ask_unix, port_of, served, tcp_sockets, unix_sockets
from tests.support.waiting import wait_until


async def who(request: Request) -> Response:
    caller = getattr(request.state, CALLER)
    return PlainTextResponse(f"{caller.uid} {caller.address}")


async def large(_request: Request) -> Response:
    return PlainTextResponse("x" * (64 << 20))


async def endless(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65536

    return StreamingResponse(pieces())


APP = Starlette(routes=[Route("/endless", endless), Route("/", who, methods=["GET", "POST"]), Route("/large", large)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sock"


@pytest.fixture
def listener() -> Iterator[ServedSockets]:
    listener = ServedSockets(tcp_sockets(), APP, max_connections=8)
    with served(listener):
        yield listener


def test_the_kernel_names_the_caller(path: Path) -> None:
    """By user id on a unix socket, by address on TCP."""
    unix, tcp = ServedSockets(unix_sockets(path), APP), ServedSockets(tcp_sockets(), APP)
    with served(unix, tcp):
        assert ask_unix(path, "GET", "/")[2] == f"{os.geteuid()} ".encode()
        assert ask_tcp(port_of(tcp), "GET", "/")[2] == b"None 127.0.0.1"


def test_idle_connections_do_not_shut_out_a_request(listener: ServedSockets) -> None:
    """At the limit, the connection that has been idle for longest is closed."""
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)))) for _ in range(64)]
        for _ in range(3):
            assert ask_tcp(port_of(listener), "GET", "/")[0] == 200
        idle[0].settimeout(60)
        assert idle[0].recv(1) == b"", "the oldest was closed"
        assert len(listener.connections) <= 8


def test_half_requests_do_not_shut_out_a_request(listener: ServedSockets) -> None:
    """A connection whose request is incomplete counts as idle."""
    with ExitStack() as stack:
        for _ in range(64):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener))))
            half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert ask_tcp(port_of(listener), "GET", "/")[0] == 200


def test_unread_answers_do_not_shut_out_a_request(listener: ServedSockets) -> None:
    """Of connections that are all busy, one whose client does not read is closed."""
    with ExitStack() as stack:
        for _ in range(8):
            unread = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener))))
            unread.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: sum(each.is_unread for each in list(listener.connections)) == 8, "unread answers")
        for _ in range(3):
            assert ask_tcp(port_of(listener), "GET", "/")[0] == 200


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_request_that_does_not_arrive_is_given_up(begun: bytes) -> None:
    """Nothing, half a head, half a body: the connection is closed, and others are answered meanwhile."""
    listener = ServedSockets(tcp_sockets(), APP)
    with served(listener, request_seconds=0.3), socket.create_connection(("127.0.0.1", port_of(listener))) as slow:
        slow.settimeout(60)
        slow.sendall(begun)
        assert ask_tcp(port_of(listener), "GET", "/")[0] == 200
        try:
            while slow.recv(65536):
                pass
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("target", [b"/large", b"/endless"])
def test_an_answer_that_is_not_read_is_given_up(target: bytes) -> None:
    """Whether it is complete or a stream, the server does not hold it for ever."""
    listener = ServedSockets(tcp_sockets(), APP)
    with served(listener, request_seconds=0.3), socket.create_connection(("127.0.0.1", port_of(listener))) as slow:
        slow.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        deadline = time.monotonic() + 60
        while not listener.connections:
            assert time.monotonic() < deadline
        while listener.connections:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_head_without_an_end_is_refused(listener: ServedSockets) -> None:
    """Past the bound nothing more is read."""
    with socket.create_connection(("127.0.0.1", port_of(listener))) as endless:
        endless.settimeout(60)
        try:
            endless.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (1 << 20))
            assert endless.recv(65536).startswith(b"HTTP/1.1 400 ")
        except (ConnectionResetError, BrokenPipeError):
            pass  # the answer was lost to the reset
    assert ask_tcp(port_of(listener), "GET", "/")[0] == 200


def test_a_caller_that_is_not_allowed_gets_no_answer() -> None:
    """Its connection is closed."""
    listener = ServedSockets(tcp_sockets(), APP, allows=lambda caller: caller.address != "127.0.0.1")
    with served(listener), pytest.raises((ConnectionError, socket.timeout)):
        ask_tcp(port_of(listener), "GET", "/")


def test_closing_ends_connections_and_listeners(path: Path) -> None:
    """Also with an idle connection open; closing twice is allowed."""
    listener = ServedSockets(unix_sockets(path), APP)
    with socket.socket(socket.AF_UNIX) as idle:
        with served(listener) as server:
            idle.settimeout(60)
            idle.connect(str(path))
            assert ask_unix(path, "GET", "/")[0] == 200
        assert idle.recv(1) == b""
        server.close()
    with pytest.raises(ConnectionRefusedError):
        ask_unix(path, "GET", "/")


# The file of a unix socket


def test_only_its_user_may_open_it(path: Path) -> None:
    """0600 from its creation on."""
    with listen(path):
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert path.lstat().st_uid == os.geteuid()


def test_a_stale_socket_is_replaced(path: Path) -> None:
    """As a killed bridge leaves it."""
    listen(path).close()
    assert path.is_socket()
    with served(ServedSockets(unix_sockets(path), APP)):
        assert ask_unix(path, "GET", "/")[0] == 200


def test_a_live_socket_and_a_file_are_left_alone(path: Path, tmp_path: Path) -> None:
    """Two bridges cannot replace each other."""
    with served(ServedSockets(unix_sockets(path), APP)):
        with pytest.raises(SetupError, match="another program listens at"):
            listen(path)
        assert ask_unix(path, "GET", "/")[0] == 200
        (tmp_path / "link").symlink_to(path)
        with pytest.raises(SetupError, match="is not a socket and was not changed"):
            listen(tmp_path / "link")
    file = tmp_path / "precious"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(SetupError, match="is not a socket and was not changed"):
        listen(file)
    assert file.read_text(encoding="utf-8") == "x"


def test_a_path_that_no_socket_can_have_is_reported(tmp_path: Path) -> None:
    """With its size, and with the remedy for a missing folder or group."""
    path = tmp_path / ("x" * 120)
    with pytest.raises(SetupError, match=rf"107 bytes.*{len(str(path))}"):
        listen(path)
    with pytest.raises(SetupError, match="create the folder"):
        listen(tmp_path / "none" / "a.sock")
    with pytest.raises(SetupError, match="nobody-has-this"):
        listen(tmp_path / "b.sock", "nobody-has-this")
