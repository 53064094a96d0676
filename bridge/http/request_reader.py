"""Reads the requests of one connection: parses its bytes, refuses what it must, and bounds what is unfinished.

httptools parses the bytes and calls back (``on_*``). A request whose head repeats the previous one is recognized
without the parser (``take_repeated``). A complete request goes to the connection. Reading ends for good
(``is_closed``) with a refused request and with the last one; bytes that arrive later are discarded.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import httptools

from bridge.http.handler import RequestHandler
from bridge.http.repeated_head import RepeatedHead, repeated_head
from bridge.http.request import (
    INTERNAL_ERROR,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    ONLY_HTTP_1_1,
    TOO_LARGE,
    Reply,
    RequestHead,
    read_head,
    refuse_head,
)

_MAX_PIECES = 16 << 10
"""Pieces of one body. Each costs a call, so a chunk must not be a byte."""
_HEAD_TOO_LARGE = Reply(431, f"the head of a request holds at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers")
_TOO_MANY_PIECES = Reply(413, f"a body has at most {_MAX_PIECES} chunks")
_TOO_MANY_AT_ONCE = Reply(503, "too many requests at once; try again later")
_MAX_LEARNED = 8
"""Heads that are learned from one connection. A sender that sends more does not repeat them."""


class ReadConnection(Protocol):
    """What a reader needs of its connection."""

    deadline: float
    """When the connection ends, by the monotonic clock."""

    def handle(self, head: RequestHead, body: bytes, *, last: bool) -> None:
        """Pass on a complete request. ``last``: the connection ends with its response."""

    def send_continue(self) -> None:
        """The sender waits for leave to send the body."""

    def send_refusal(self, reply: Reply, method: str) -> None:
        """Send the last response, after the pending ones. ``method`` is empty if it answers no request."""


class RequestReader:
    """Reads requests until the first that is refused, or the last one."""

    def __init__(
        self,
        connection: ReadConnection,
        handler: RequestHandler[Any],
        request_seconds: float,
        refusal: Reply | None,
        *,
        is_retiring: bool,
    ) -> None:
        """``request_seconds`` is the time for one request. ``refusal`` answers everything but health checks."""
        self._connection = connection
        self._handler = handler
        self._request_seconds = request_seconds
        self._refusal = refusal
        self._parser = httptools.HttpRequestParser(self)
        self.is_closed = False
        """Nothing is read any more."""
        self.is_retiring = is_retiring
        """The next request is the last."""
        self.in_request = False
        """A request has begun and is not complete."""
        self.repeated: RepeatedHead | None = None
        """The head that the next request probably has."""
        self._learned = 0
        self._fed = b""
        """What the parser is given, if a request begins with it."""
        self._stalled_bytes = 0
        """Bytes that the parser took without reporting a part of a request."""
        self._body_size = self._reserved = 0
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._progressed = True

    # Called by the connection

    def take_repeated(self, repeated: RepeatedHead, data: bytes) -> bool:
        """Whether ``data`` is a request with the same head as the previous one, which is then handled."""
        if self.in_request or self.is_closed:
            return False
        body = repeated.body_of(data)
        if body is None or self._handler.check_head(repeated.head) is not None:
            return False
        self.is_closed = last = self.is_retiring
        self._connection.handle(repeated.head, body, last=last)
        return True

    def feed(self, data: bytes) -> None:
        """Parse bytes. Requests that they complete are handled."""
        if self.is_closed:
            return
        self._progressed = False
        self._fed = b"" if self.in_request else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(ONLY_HTTP_1_1)
        except httptools.HttpParserCallbackError as error:
            self._handler.on_internal_error(error.__context__ or error)
            self.refuse(INTERNAL_ERROR)
        except httptools.HttpParserError:
            self.refuse(Reply(400, "not an HTTP/1.1 request"))
        self._fed = b""
        if self.in_request:
            self._limit_unfinished(len(data))

    def refuse(self, reply: Reply) -> None:
        """End reading, with this reply as the last response. Does nothing if reading has ended."""
        if self.is_closed:
            return
        self.is_closed = True
        self.in_request = False
        self._release_body()
        self._handler.on_refused(reply)
        self._connection.send_refusal(reply, "" if self._head is None else self._head.method)

    def close(self) -> None:
        """End reading: the connection has ended."""
        self.is_closed = True
        self._release_body()

    # Called by httptools

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.is_closed:
            return
        self._reset()
        self.in_request = True
        self._connection.deadline = time.monotonic() + self._request_seconds

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._target += url
        self._head_size += len(url)
        if self._head_size > MAX_HEAD_BYTES:
            self.refuse(_HEAD_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Trailers of a chunked body are counted and ignored."""
        self._head_size += len(name) + len(value) + 4
        if self._head is None:
            self._headers[name.lower()] = value
        if self._head_size > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
            self.refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is complete. A request that must be refused is refused before its body is read."""
        if self.is_closed:
            return
        self._progressed = True
        headers = self._headers
        head = self._head = read_head(self._parser.get_method(), self._target, headers)
        refused = self._handler.check_head(head) or refuse_head(head, headers)
        if self._refusal is not None and not self._handler.is_health_check(head):
            refused = self._refusal
        if refused is not None:
            self.refuse(refused)
        elif b"expect" in headers and headers[b"expect"].lower() == b"100-continue":
            self._connection.send_continue()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.is_closed:
            return
        self._progressed = True
        self._body_size += len(data)
        self._body.append(data)
        if self._body_size > MAX_BODY_BYTES:
            self.refuse(TOO_LARGE)
        elif len(self._body) > _MAX_PIECES:
            self.refuse(_TOO_MANY_PIECES)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self.is_closed:
            return
        head = self._head
        assert head is not None
        self.in_request = False
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._release_body()
        last = self.is_retiring or not self._parser.should_keep_alive()
        if self._fed and not last and self._learned < _MAX_LEARNED:
            self._learned += 1
            self.repeated = repeated_head(head, body, self._fed)
        self.is_closed = last
        self._connection.handle(head, body, last=last)

    def _limit_unfinished(self, size: int) -> None:
        """Bound what an incomplete request holds: a header that never ends, and its body so far."""
        self._stalled_bytes = 0 if self._progressed else self._stalled_bytes + size
        added = self._body_size - self._reserved
        if self._stalled_bytes > MAX_HEAD_BYTES:
            self.refuse(_HEAD_TOO_LARGE)
        elif added and not self._handler.reserve(added):
            self.refuse(_TOO_MANY_AT_ONCE)
        else:
            self._reserved = self._body_size

    def _release_body(self) -> None:
        if self._reserved:
            self._handler.reserve(-self._reserved)
            self._reserved = 0
        self._body_size = 0
        self._body = []
