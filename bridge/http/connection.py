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
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MOST_HEADERS,
    TOO_LARGE,
    Reply,
    RequestHead,
    encode_reply,
    read_head,
    refuse_head,
)

REQUEST_SECONDS = 10.0
"""From the first byte of a request to its last: a slow sender must not hold a place."""
IDLE_SECONDS = 75.0
_LINGER_SECONDS = 1.0
_PIECE = 16 << 10
"""Bytes looked at in one go."""
_MAX_PENDING = 16
"""Requests of one connection that wait for their answers; then no more are read. Falco sends one at a time."""
_HEAD_TOO_LARGE = Reply(431, f"the head of a request holds at most {MAX_HEAD_BYTES} bytes and {MOST_HEADERS} headers")

Respond = Callable[[Reply], None]


class RequestHandler(Protocol):
    """What stands behind the connections. Everything happens in the loop's thread."""

    def on_closed(self, connection: HttpConnection) -> None:
        """It is gone."""

    def check_head(self, head: RequestHead) -> Reply | None:
        """A request has begun; a reply refuses it before its body is read."""

    def reserve(self, size: int) -> bool:
        """Whether so many more bytes of bodies may be kept; negative gives them back."""

    def handle(self, head: RequestHead, body: bytes, respond: Respond) -> None:
        """Take a request, its body still packed; ``answer`` may be called later, once."""

    def on_refused(self, reply: Reply) -> None:
        """A request was refused that never became whole."""

    def on_internal_error(self, error: BaseException) -> None:
        """Handling a request raised an error, which is a fault of ours."""


@dataclass(slots=True)
class _PendingResponse:
    """An answer that a sender waits for."""

    last: bool
    head_only: bool = False
    reply: Reply | None = None


class HttpConnection(asyncio.Protocol):
    """Parses requests and answers them."""

    def __init__(self, handler: RequestHandler, peer: str, refusal: Reply | None = None) -> None:
        """``refusal`` turns the sender away, whatever it sends."""
        self.peer = peer
        self.deadline = time.monotonic() + REQUEST_SECONDS
        """When it is to be ended (by the monotonic clock), unless something happens before."""
        self._handler = handler
        self._refusal = refusal
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._pending_responses: deque[_PendingResponse] = deque()
        self._reading_closed = False
        """Nothing more is read."""
        self._in_request = False
        """A request has begun that is not whole yet."""
        self._writing_paused = False
        """The sender does not read its answers."""
        self._reading_paused = False
        """Nothing is read just now."""
        self._unfed = b""
        """What has come and is not looked at yet."""
        self._stalled_bytes = 0
        """Bytes that have come without the parser making anything of them."""
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._head: RequestHead | None = None
        self._body = bytearray()
        self._progressed = True

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
        self._reading_closed = True
        self._release_body()
        self._handler.on_closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes; a request begins or goes on. What comes while enough is pending already waits."""
        for at in range(0, len(data), _PIECE):
            if len(self._pending_responses) >= _MAX_PENDING:
                self._unfed = data[at:]
                self._reading_paused = True
                self._transport.pause_reading()
                return
            self._feed(data[at : at + _PIECE])

    def _feed(self, data: bytes) -> None:
        if self._reading_closed:
            return
        self._progressed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Reply(400, "no protocol but HTTP/1.1 is spoken here"))
        except httptools.HttpParserCallbackError as error:
            self._handler.on_internal_error(error.__context__ or error)
            self._refuse(FAULT)
        except httptools.HttpParserError:
            self._refuse(Reply(400, "this is not HTTP/1.1"))
        self._limit_stalled_parser(len(data))

    def eof_received(self) -> bool:
        """The sender says no more, but may still listen; TLS authorizes no such thing."""
        if self._in_request:
            self._refuse(Reply(400, "this request is cut short"))
        elif self._pending_responses:
            self.stop()
        return bool(self._pending_responses) and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Too many answers wait to be read."""
        self._writing_paused = self._reading_paused = True
        self._transport.pause_reading()
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def resume_writing(self) -> None:
        """They are read again."""
        self._writing_paused = False
        self._resume_reading()

    # The handler's calls

    def tick(self, now: float) -> None:
        """End it if it is too slow or has been idle for too long."""
        if now < self.deadline:
            return
        if self._in_request and not self._reading_closed:
            self._refuse(Reply(408, f"a request is sent within {REQUEST_SECONDS:.0f} seconds"))
        elif self._transport is not None:
            self._transport.abort()

    def stop(self) -> None:
        """Close as soon as nothing is pending to the sender."""
        self._reading_closed = True
        if self._pending_responses:
            self._pending_responses[-1].last = True
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def rejected_on_connect(self) -> bool:
        """Whether it was let in only to be told why not."""
        return self._refusal is not None

    @property
    def unsent(self) -> bool:
        """Whether an answer has not gone out yet."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    # httptools' calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._reading_closed:
            return
        self._reset()
        self._in_request = True
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
        if self._reading_closed:
            return
        self._progressed = True
        self._head = read_head(self._parser.get_method(), self._target, self._headers)
        refused = self._handler.check_head(self._head) or refuse_head(self._head, self._headers)
        if refused is not None:
            self._refuse(refused)
        elif not self._pending_responses and self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._reading_closed:
            return
        self._progressed = True
        if len(self._body) + len(data) > MAX_BODY_BYTES:
            self._refuse(TOO_LARGE)
        elif not self._handler.reserve(len(data)):
            self._refuse(Reply(503, "too many bodies at once; try again"))
        else:
            self._body += data

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._reading_closed:
            return
        assert self._head is not None
        self._in_request = False
        self._reading_closed = not self._parser.should_keep_alive()
        pending = _PendingResponse(last=self._reading_closed, head_only=self._head.method == "HEAD")
        self._pending_responses.append(pending)
        self.deadline = inf
        body = bytes(self._body)
        self._release_body()
        try:
            self._handler.handle(self._head, body, partial(self._respond, pending))
        except Exception as error:  # noqa: BLE001  # a fault of ours must cost this request only
            self._handler.on_internal_error(error)
            self._respond(pending, FAULT)

    # Within

    def _respond(self, pending: _PendingResponse, reply: Reply) -> None:
        pending.reply = reply
        self._flush()

    def _flush(self) -> None:
        """Write the answers that are there, up to the first that is not."""
        while self._pending_responses and (reply := self._pending_responses[0].reply) is not None:
            pending = self._pending_responses.popleft()
            if self._transport.is_closing():
                continue
            self._transport.write(encode_reply(reply, last=pending.last, head_only=pending.head_only))
            if pending.last:
                self._finish()
        if not self._pending_responses:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if self._reading_closed or self._pending_responses or self._writing_paused or self._transport.is_closing():
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        self.deadline = time.monotonic() + (REQUEST_SECONDS if self._in_request else IDLE_SECONDS)
        if self._unfed:
            rest, self._unfed = self._unfed, b""
            self.data_received(rest)

    def _refuse(self, reply: Reply) -> None:
        """The last answer, behind those that are pending."""
        if self._reading_closed:
            return
        self._reading_closed = True
        self._in_request = False
        self._release_body()
        self._handler.on_refused(reply)
        self._pending_responses.append(
            _PendingResponse(True, self._head is not None and self._head.method == "HEAD", reply)
        )
        self._flush()

    def _finish(self) -> None:
        """Say that nothing more comes, and let the sender read it: closing on unread bytes would take it away."""
        self.deadline = time.monotonic() + _LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def _limit_stalled_parser(self, size: int) -> None:
        """A header, or whatever else the parser gathers, must come to its end."""
        self._stalled_bytes = 0 if self._progressed or not self._in_request else self._stalled_bytes + size
        if self._stalled_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def _release_body(self) -> None:
        if self._body:
            self._handler.reserve(-len(self._body))
            self._body = bytearray()
