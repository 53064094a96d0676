"""One HTTP connection of the http source: bounds on everything, an answer for everything, no I/O but its transport.

Requests are handed on as they become whole, several at once where they were pipelined, and answered in their order.
A refusal is the last answer of its connection: what follows it is not read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Protocol

import httptools

from bridge.http.request import (
    FAULT,
    LARGEST_BODY,
    LARGEST_HEAD,
    MOST_HEADERS,
    TOO_LARGE,
    Head,
    Reply,
    read_head,
    refused_head,
    written,
)

REQUEST_SECONDS = 10.0
"""From the first byte of a request to its last: a slow sender must not hold a place."""
IDLE_SECONDS = 75.0
_LINGER_SECONDS = 1.0
_PIECE = 16 << 10
"""Bytes looked at in one go."""
_MOST_OWED = 16
"""Requests of one connection that wait for their answers; then no more are read. Falco sends one at a time."""
_HEAD_TOO_LARGE = Reply(431, f"the head of a request holds at most {LARGEST_HEAD} bytes and {MOST_HEADERS} headers")

Answer = Callable[[Reply], None]


class Service(Protocol):
    """What stands behind the connections. Everything happens in the loop's thread."""

    def closed(self, connection: HttpConnection) -> None:
        """It is gone."""

    def admit(self, head: Head) -> Reply | None:
        """A request has begun; a reply refuses it before its body is read."""

    def make_room(self, size: int) -> bool:
        """Whether so many more bytes of bodies may be kept; negative gives them back."""

    def handle(self, head: Head, body: bytes, answer: Answer) -> None:
        """Take a request, its body still packed; ``answer`` may be called later, once."""

    def refused(self, reply: Reply) -> None:
        """A request was refused that never became whole."""

    def broke(self, error: BaseException) -> None:
        """Handling a request raised an error, which is a fault of ours."""


@dataclass(slots=True)
class _Owed:
    """An answer that a sender waits for."""

    last: bool
    head_only: bool = False
    reply: Reply | None = None


class HttpConnection(asyncio.Protocol):
    """Parses requests and answers them."""

    def __init__(self, service: Service, peer: str, refusal: Reply | None = None) -> None:
        """``refusal`` turns the sender away, whatever it sends."""
        self.peer = peer
        self.deadline = time.monotonic() + REQUEST_SECONDS
        """When it is to be ended (by the monotonic clock), unless something happens before."""
        self._service = service
        self._refusal = refusal
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._owed: deque[_Owed] = deque()
        self._deaf = False
        """Nothing more is read."""
        self._begun = False
        """A request has begun that is not whole yet."""
        self._stalled = False
        """The sender does not read its answers."""
        self._paused = False
        """Nothing is read just now."""
        self._rest = b""
        """What has come and is not looked at yet."""
        self._silent = 0
        """Bytes that have come without the parser making anything of them."""
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._head: Head | None = None
        self._body = bytearray()
        self._moved = True

    # asyncio's calls

    def connection_made(self, transport: Any) -> None:
        """A sender has connected."""
        self._transport = transport
        self.deadline = time.monotonic() + IDLE_SECONDS
        if self._refusal is not None:
            self._refuse(self._refusal)

    def connection_lost(self, _error: Exception | None) -> None:
        """The sender is gone."""
        self.deadline = inf
        self._deaf = True
        self._give_back()
        self._service.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes; a request begins or goes on. What comes while enough is owed already waits."""
        for at in range(0, len(data), _PIECE):
            if len(self._owed) >= _MOST_OWED:
                self._rest = data[at:]
                self._paused = True
                self._transport.pause_reading()
                return
            self._feed(data[at : at + _PIECE])

    def _feed(self, data: bytes) -> None:
        if self._deaf:
            return
        self._moved = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Reply(400, "no protocol but HTTP/1.1 is spoken here"))
        except httptools.HttpParserCallbackError as error:
            self._service.broke(error.__context__ or error)
            self._refuse(FAULT)
        except httptools.HttpParserError:
            self._refuse(Reply(400, "this is not HTTP/1.1"))
        self._bound_the_silent(len(data))

    def eof_received(self) -> bool:
        """The sender says no more, but may still listen; TLS knows no such thing."""
        if self._begun:
            self._refuse(Reply(400, "this request is cut short"))
        elif self._owed:
            self.leave()
        return bool(self._owed) and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Too many answers wait to be read."""
        self._stalled = self._paused = True
        self._transport.pause_reading()
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def resume_writing(self) -> None:
        """They are read again."""
        self._stalled = False
        self._read_on()

    # The service's calls

    def tick(self, now: float) -> None:
        """End it if it is too slow or has been idle for too long."""
        if now < self.deadline:
            return
        if self._begun and not self._deaf:
            self._refuse(Reply(408, f"a request is sent within {REQUEST_SECONDS:.0f} seconds"))
        elif self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Close as soon as nothing is owed to the sender."""
        self._deaf = True
        if self._owed:
            self._owed[-1].last = True
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def turned_away(self) -> bool:
        """Whether it was let in only to be told why not."""
        return self._refusal is not None

    @property
    def owes(self) -> bool:
        """Whether an answer has not gone out yet."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    # httptools' calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._deaf:
            return
        self._begin()
        self._begun = True
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Those behind a chunked body are counted, and mean nothing."""
        self._count_head(len(name) + len(value) + 4)
        if self._head is None:
            self._headers[name.lower()] = value
            if len(self._headers) > MOST_HEADERS:
                self._refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The body comes next: what is not to be taken is refused before it is read."""
        if self._deaf:
            return
        self._moved = True
        self._head = read_head(self._parser.get_method(), self._target, self._headers)
        refused = self._service.admit(self._head) or refused_head(self._head, self._headers)
        if refused is not None:
            self._refuse(refused)
        elif not self._owed and self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._deaf:
            return
        self._moved = True
        if len(self._body) + len(data) > LARGEST_BODY:
            self._refuse(TOO_LARGE)
        elif not self._service.make_room(len(data)):
            self._refuse(Reply(503, "too many bodies at once; try again"))
        else:
            self._body += data

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._deaf:
            return
        assert self._head is not None
        self._begun = False
        self._deaf = not self._parser.should_keep_alive()
        owed = _Owed(last=self._deaf, head_only=self._head.method == "HEAD")
        self._owed.append(owed)
        self.deadline = inf
        body = bytes(self._body)
        self._give_back()
        try:
            self._service.handle(self._head, body, partial(self._answer, owed))
        except Exception as error:  # noqa: BLE001  # a fault of ours must cost this request only
            self._service.broke(error)
            self._answer(owed, FAULT)

    # Within

    def _answer(self, owed: _Owed, reply: Reply) -> None:
        owed.reply = reply
        self._flush()

    def _flush(self) -> None:
        """Write the answers that are there, up to the first that is not."""
        while self._owed and (reply := self._owed[0].reply) is not None:
            owed = self._owed.popleft()
            if self._transport.is_closing():
                continue
            self._transport.write(written(reply, last=owed.last, head_only=owed.head_only))
            if owed.last:
                self._hang_up()
        if not self._owed:
            self._read_on()

    def _read_on(self) -> None:
        if self._deaf or self._owed or self._stalled or self._transport.is_closing():
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self.deadline = time.monotonic() + (REQUEST_SECONDS if self._begun else IDLE_SECONDS)
        if self._rest:
            rest, self._rest = self._rest, b""
            self.data_received(rest)

    def _refuse(self, reply: Reply) -> None:
        """The last answer, behind those that are owed."""
        if self._deaf:
            return
        self._deaf = True
        self._begun = False
        self._give_back()
        self._service.refused(reply)
        self._owed.append(_Owed(True, self._head is not None and self._head.method == "HEAD", reply))
        self._flush()

    def _hang_up(self) -> None:
        """Say that nothing more comes, and let the sender read it: closing on unread bytes would take it away."""
        self.deadline = time.monotonic() + _LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)

    def _bound_the_silent(self, size: int) -> None:
        """A header, or whatever else the parser gathers, must come to its end."""
        self._silent = 0 if self._moved or not self._begun else self._silent + size
        if self._silent > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)

    def _give_back(self) -> None:
        if self._body:
            self._service.make_room(-len(self._body))
            self._body = bytearray()
