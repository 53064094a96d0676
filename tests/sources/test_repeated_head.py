"""A request whose head repeats the previous one is handled exactly as the HTTP parser would handle it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.http import request_reader
from bridge.http.admission import Admission
from bridge.http.connection import HttpConnection
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.repeated_head import repeated_head
from bridge.http.request import Reply, RequestHead, read_head
from bridge.http.response import Response

HEAD = b"POST / HTTP/1.1\r\nHost: falco\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n"


def request(body: bytes, head: bytes = HEAD) -> bytes:
    return head % len(body) + body


@dataclass
class Sender:
    """A sender's connection: its transport, and the handler of its requests."""

    open: bool = True
    written: bytes = b""
    handled: list[tuple[RequestHead, bytes]] = field(default_factory=list)
    token: str = ""
    refused: list[Reply] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = HttpConnection(self, "127.0.0.1", Admission(Guard(), ConnectionLimits()))  # type: ignore[arg-type]
        self.connection.connection_made(self)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            if self.open:
                self.connection.data_received(piece)

    # The transport

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return not self.open

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.open = False

    def resume_reading(self) -> None:
        """Nothing is paused."""

    # The handler

    def check_head(self, head: RequestHead) -> Reply | None:
        return None if head.token == self.token else Reply(401, "no")

    def is_health_check(self, _head: RequestHead) -> bool:
        return False

    def reserve(self, _size: int) -> bool:
        return True

    def handle(self, head: RequestHead, body: bytes, response: Response) -> None:
        self.handled.append((head, body))
        response.respond(Reply(200, "ok"))

    def on_refused(self, reply: Reply) -> None:
        self.refused.append(reply)

    def on_internal_error(self, error: BaseException) -> None:
        self.errors.append(error)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"unexpected: {name}")


HEADS = [
    HEAD,
    HEAD.replace(b"Content-Length: ", b"content-length:"),
    HEAD.replace(b"Content-Length: ", b"Content-Length: 0"),
    HEAD.replace(b"Host", b"Connection: keep-alive\r\nHost"),
    HEAD.replace(b"Host", b"Connection: close\r\nHost"),
    HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost"),
    HEAD.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
    HEAD.replace(b"Content-Length: %d\r\n", b"Transfer-Encoding: chunked\r\nX: %d\r\n"),
    HEAD.replace(b"Host", b"Content-Length: 2\r\nHost"),
    HEAD.replace(b"falco\r\n", b"falco\n"),
    HEAD.replace(b"Host", b"Authorization: Bearer t\r\nHost"),
    HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    HEAD.replace(b"Host", b"Content-Encoding: gzip\r\nHost"),
    HEAD.replace(b"falco", b"falco\r\n folded: Content-Length: 1"),
]
BODIES = [b"", b"{}", b"x" * 10, b"2\r\nhi\r\n0\r\n\r\n", b"0\r\n\r\n", HEAD % 2 + b"hi", b"\r\n\r\n", b"y" * 20_000]

DAMAGES = [(b": 1", b": 2"), (b": 2", b": -2"), (b"\r\n", b"\n"), (b"P", b"\r\nP")]


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """Requests, most with the same head, cut and joined at any place."""
    heads = draw(st.lists(st.sampled_from(HEADS), min_size=1, max_size=2))
    requests = draw(
        st.lists(st.builds(request, st.sampled_from(BODIES), st.sampled_from(heads)), min_size=2, max_size=6)
    )
    found: list[bytes] = []
    for whole in requests:
        damage = draw(st.sampled_from([(b"", b""), *DAMAGES]))
        each = whole.replace(*damage) if damage[0] else whole
        cut = draw(st.one_of(st.just(0), st.integers(0, len(each))))
        found += [each[:cut], each[cut:]]
    joined = draw(st.integers(0, len(found)))
    return [piece for piece in [*found[:joined], b"".join(found[joined : joined + 3]), *found[joined + 3 :]] if piece]


@given(pieces())
def test_repeated_heads_change_nothing(sent: list[bytes]) -> None:
    """The same requests, replies and end as when each head is parsed."""
    repeating, parsing = Sender(), Sender()
    repeating.send(*sent)
    with mock.patch.object(request_reader, "_MAX_LEARNED", 0):
        parsing.send(*sent)
    assert parsing.connection._reader.repeated is None
    for each in ("handled", "written", "open", "refused"):
        assert getattr(repeating, each) == getattr(parsing, each)
    assert not repeating.errors


def test_a_repeated_head_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender()
    sender.send(request(b"{}"))
    monkeypatch.setattr(sender.connection._reader, "feed", None)
    for body in (b"{}", b"", b"x" * 1000):
        sender.send(request(body))
    assert [body for _, body in sender.handled] == [b"{}", b"{}", b"", b"x" * 1000]


def test_a_repeated_head_is_authorized_again() -> None:
    """The token is replaced while the connection is open."""
    sender = Sender(token="old")
    old = HEAD.replace(b"Host", b"Authorization: Bearer old\r\nHost")
    sender.send(request(b"{}", old), request(b"{}", old))
    sender.token = "new"
    sender.send(request(b"{}", old))
    assert (len(sender.handled), [reply.status for reply in sender.refused]) == (2, [401])


def test_a_sender_whose_heads_differ_is_not_compared_for_ever() -> None:
    sender = Sender()
    for number in range(100):
        sender.send(request(b"{}", HEAD.replace(b"falco", b"falco%d" % number)))
    assert (len(sender.handled), sender.connection._reader._learned) == (100, 8)


@pytest.mark.parametrize("length", [b"+2", b"2 ", b"0x2", b"", b"00000002", b"\xef\xbc\x92", b"3", b"1"])
def test_only_the_exact_length_is_accepted(length: bytes) -> None:
    head = read_head(b"POST", b"/", {})
    found = repeated_head(head, b"{}", request(b"{}"))
    assert found is not None
    assert found.body_of(request(b"{}")) == b"{}"
    assert found.body_of(request(b"{}").replace(b"Length: 2", b"Length: " + length)) is None
