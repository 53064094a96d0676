"""One HTTP connection of the http source: bounds on everything, an answer for everything, no I/O but its transport."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httptools

LARGEST_BODY = 8 << 20
"""Bytes, also once unpacked."""
_LARGEST_HEAD = 16 << 10
_MOST_HEADERS = 64
REQUEST_SECONDS = 10.0
"""From the first byte of a request to its last: a slow sender must not hold a place."""
IDLE_SECONDS = 75.0
_LINGER_SECONDS = 1.0

_REASONS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Content Too Large", 415: "Unsupported Media Type",
    431: "Request Header Fields Too Large", 503: "Service Unavailable", 507: "Insufficient Storage",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request."""

    method: str
    path: str
    token: str
    """What follows ``Authorization: Bearer``, if anything."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    text: str


class Service(Protocol):
    """What stands behind the connections."""

    def opened(self, connection: HttpConnection, peer: str) -> Reply | None:
        """A new connection; a reply refuses it."""

    def closed(self, connection: HttpConnection) -> None:
        """It is gone."""

    def handle(self, request: Request, answer: Callable[[Reply], None]) -> None:
        """Take a request; ``answer`` may be called later, once, in the loop's thread."""


class HttpConnection(asyncio.Protocol):
    """Parses requests, one after another, and answers each before the next is handed on."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: Any = None
        self._parser: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._leaving = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._head = 0
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._refusal: Reply | None = None

    # asyncio's calls

    def connection_made(self, transport: Any) -> None:
        """A sender has connected."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        peer = transport.get_extra_info("peername")
        refused = self._service.opened(self, peer[0] if isinstance(peer, tuple) else "")
        if refused is not None:
            self._leaving = True
            self._send(refused)
        else:
            self._watch(IDLE_SECONDS)

    def connection_lost(self, _error: Exception | None) -> None:
        """The sender is gone."""
        self._unwatch()
        self._service.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes; a request begins or goes on."""
        if self._leaving:
            return
        if not self._busy and self._size == 0 and not self._headers:
            self._watch(REQUEST_SECONDS)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Reply(400, "no protocol but HTTP/1.1 is spoken here"))
        except httptools.HttpParserError:
            self._refuse(Reply(400, "this is not HTTP/1.1"))

    def leave(self) -> None:
        """Close as soon as nothing is owed to the sender."""
        self._leaving = True
        if not self._busy and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._unwatch()
        if self._transport is not None:
            self._transport.abort()

    @property
    def owes(self) -> bool:
        """Whether an answer has not gone out yet."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    # httptools' calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._count_head(len(name) + len(value))
        self._headers[name.lower()] = value
        if len(self._headers) > _MOST_HEADERS:
            self._refusal = Reply(431, f"more than {_MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """The body comes next: what is too large is refused before it is read."""
        length = self._headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_BODY:
            self._refuse(Reply(413, f"a body holds at most {LARGEST_BODY} bytes"))
        elif self._refusal is not None:
            self._refuse(self._refusal)
        elif self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._size += len(data)
        if self._size > LARGEST_BODY:
            self._refuse(Reply(413, f"a body holds at most {LARGEST_BODY} bytes"))
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._leaving:
            return
        self._unwatch()
        body = self._unpacked(b"".join(self._body))
        if isinstance(body, Reply):
            self._refuse(body)
            return
        self._busy = True
        self._transport.pause_reading()
        keep = self._parser.should_keep_alive()
        request = Request(
            self._parser.get_method().decode("ascii", "replace"),
            self._target.decode("utf-8", "replace"),
            _bearer(self._headers.get(b"authorization", b"")),
            body,
        )
        self._service.handle(request, lambda reply: self._answer(reply, keep=keep))

    # Within

    def _answer(self, reply: Reply, *, keep: bool) -> None:
        self._busy = False
        if self._transport.is_closing():
            return
        self._leaving = self._leaving or not keep
        self._begin()
        self._send(reply)
        if not self._leaving:
            self._transport.resume_reading()
            self._watch(IDLE_SECONDS)

    def _refuse(self, reply: Reply) -> None:
        """Answer and hang up: what is left of the request is not worth reading."""
        if not self._leaving:
            self._leaving = True
            self._unwatch()
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        body = reply.text.encode() + b"\n"
        last = b"Connection: close\r\n" if self._leaving else b""
        self._transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%s\r\n%s"
            % (reply.status, _REASONS[reply.status].encode(), len(body), last, body)
        )
        if self._leaving:
            self._hang_up()

    def _hang_up(self) -> None:
        """Say that nothing more comes, and let the sender read it: closing on unread bytes would take it away."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head > _LARGEST_HEAD:
            self._refusal = Reply(431, f"the head of a request holds at most {_LARGEST_HEAD} bytes")

    def _unpacked(self, body: bytes) -> bytes | Reply:
        encoding = self._headers.get(b"content-encoding", b"identity").lower()
        if encoding == b"identity":
            return body
        if encoding != b"gzip":
            return Reply(415, "a body is sent plain or with Content-Encoding: gzip")
        try:
            unpacker = zlib.decompressobj(wbits=31)
            unpacked = unpacker.decompress(body, LARGEST_BODY + 1)
        except zlib.error:
            return Reply(400, "this is not gzip")
        if len(unpacked) > LARGEST_BODY:
            return Reply(413, f"a body holds at most {LARGEST_BODY} bytes once unpacked")
        return unpacked if unpacker.eof else Reply(400, "this gzip is cut short")

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_late, seconds)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self, seconds: float) -> None:
        if seconds == IDLE_SECONDS:
            self._transport.close()
        else:
            self._refuse(Reply(408, f"a request is sent within {REQUEST_SECONDS:.0f} seconds"))


def _bearer(header: bytes) -> str:
    scheme, _, token = header.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
