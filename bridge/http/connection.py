"""One HTTP/1.1 connection: parses requests, writes responses in order, and bounds what a sender can use.

Theory of operation
-------------------
A ``Listener`` accepts a connection and creates one ``HttpConnection`` for it. asyncio calls it with bytes
(``data_received``), httptools parses them and calls it back (``on_*``), and it passes complete requests to a
``RequestHandler``. The handler calls ``respond`` once for each request, at once or later. All of this runs in the
thread of one event loop. The connection does no I/O except through its transport, but for a response that the handler
sends in another thread (``response``); the connection follows at its next event (``_settle``).

States. Reading and responding are independent; a connection closes when both have ended.

    silent       no request has begun yet                      closed after ``Timeouts.first_byte``
    idle         the last request is answered                  closed after ``Timeouts.idle``
    in request   the first byte came, the last did not         408 after ``Timeouts.request``
    responding   complete requests wait for their responses    no deadline: the handler is responsible
    draining     reading has ended, responses are pending      the last response carries ``Connection: close``
    finishing    the last response is written, EOF was sent    aborted after ``Timeouts.linger``

A sender that closes the connection ends it in any state. ``_reading_closed`` ends reading for good: after a refused
request, after a request without keep-alive, after the next request where ``retire`` was called, after ``stop``. Bytes
that arrive later are discarded. ``_reading_paused`` is temporary: at most _MAX_PENDING responses are pending, and a
sender that does not read its responses (``pause_writing``) is not read either.

Responses. Pipelined requests are handled as they complete and answered in the order in which they came. A refusal is
the last response of its connection: what follows it could be misread as a request.

Who closes what:

    the connection   after its last response: EOF first, so that unread bytes do not make TCP reset the response away
    the listener     all connections: ``stop`` (after the pending responses), ``abort_connections`` (at once) and
                     ``tick`` (those past their deadline; the owner of the loop calls it about once a second)
                     also the connection that ``Admission.replaceable`` names, when a limit is reached
    the handler      none; ``on_closed`` notifies it once for each connection whose handshake succeeded

Bounds: MAX_HEAD_BYTES and MAX_HEADERS for a head, MAX_BODY_BYTES for a body before and after decompression and
_MAX_PIECES for its chunks, ``RequestHandler.reserve`` for the unfinished bodies of all connections together,
``ConnectionLimits`` for their number, and the deadlines above. Decompression and decoding are the handler's, in
another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from math import inf
from typing import Any

import httptools

from bridge.http.admission import Admission
from bridge.http.guard import Timeouts
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
from bridge.http.response import Response, SharedSocket

_PIECE = 16 << 10
"""Bytes given to the parser in one call."""
_MAX_PENDING = 16
"""Pending responses of one connection before reading pauses. Falco sends one request at a time."""
_MAX_PIECES = 16 << 10
"""Pieces of one body. Each costs a call, so a chunk must not be a byte."""
_HEAD_TOO_LARGE = Reply(431, f"the head of a request holds at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers")

_TOO_MANY_PIECES = Reply(413, f"a body has at most {_MAX_PIECES} chunks")
_TOO_MANY_AT_ONCE = Reply(503, "too many requests at once; try again later")
_FIRST_ERROR = 400
_MAX_LEARNED = 8
"""Heads that are learned from one connection. A sender that sends more does not repeat them."""
_TIMEOUTS = Timeouts()


class HttpConnection(asyncio.Protocol):
    """A connection in the states that the module describes."""

    def __init__(
        self,
        handler: RequestHandler[HttpConnection],
        peer: str,
        admission: Admission,
        refusal: Reply | None = None,
        timeouts: Timeouts = _TIMEOUTS,
        *,
        spare: bool = False,
    ) -> None:
        """``refusal``: the reply to everything that the sender sends; health checks are answered if it is ``spare``."""
        self.peer = peer
        self.spare = spare
        """Whether it was accepted beyond the limits, for a health check."""
        self._timeouts = timeouts
        self.deadline = time.monotonic() + timeouts.handshake
        """When ``tick`` ends the connection, by the monotonic clock."""
        self._handler = handler
        self._admission = admission
        self._proven = False
        self._refusal = refusal
        self._transport: Any = None
        self.shared = SharedSocket()
        """Through it, another thread may write a response."""
        self._parser = httptools.HttpRequestParser(self)
        self._pending_responses: deque[Response] = deque()
        self._reading_closed = False
        """Nothing is read any more."""
        self._retiring = False
        """The next request is the last."""
        self._in_request = False
        """A request has begun and is not complete."""
        self._writing_paused = False
        """The sender does not read its responses."""
        self._reading_paused = False
        """Reading is paused until responses have been sent."""
        self._unfed = b""
        """Received bytes that have not been given to the parser."""
        self._stalled_bytes = 0
        """Bytes that the parser took without reporting a part of a request."""
        self._body_size = self._reserved = 0
        self._fed = b""
        """What the parser is given, if a request begins with it."""
        self._repeated: RepeatedHead | None = None
        """The head that the next request probably has."""
        self._learned = 0
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_size = 0
        self._head: RequestHead | None = None
        self._body: list[bytes] = []
        self._progressed = True

    # Called by asyncio

    def connection_made(self, transport: Any) -> None:
        """A sender has connected, after the TLS handshake if there is one."""
        self._transport = transport
        self.deadline = time.monotonic() + self._timeouts.first_byte
        if self._refusal is not None and not self.spare:
            self._refuse(self._refusal)

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection has ended."""
        self.deadline = inf
        self.shared.close()
        self._reading_closed = True
        self._release_body()
        self._handler.on_closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes. If too many responses are pending, the rest waits for them."""
        if not self._proven:
            self._admission.heard(self)
        self._settle()
        if len(data) <= _PIECE and len(self._pending_responses) < _MAX_PENDING:
            if self._repeated is None or not self._take_repeated(self._repeated, data):
                self._feed(data)
            return
        for at in range(0, len(data), _PIECE):
            if len(self._pending_responses) >= _MAX_PENDING:
                self._unfed = data[at:]
                self._reading_paused = True
                self._transport.pause_reading()
                return
            self._feed(data[at : at + _PIECE])

    def _take_repeated(self, repeated: RepeatedHead, data: bytes) -> bool:
        """Whether ``data`` is a request with the same head as the previous one, which is then handled."""
        if self._in_request or self._reading_closed:
            return False
        body = repeated.body_of(data)
        if body is None or self._handler.check_head(repeated.head) is not None:
            return False
        self._complete(repeated.head, body, last=self._retiring)
        return True

    def _feed(self, data: bytes) -> None:
        if self._reading_closed:
            return
        self._progressed = False
        self._fed = b"" if self._in_request else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(ONLY_HTTP_1_1)
        except httptools.HttpParserCallbackError as error:
            self._handler.on_internal_error(error.__context__ or error)
            self._refuse(INTERNAL_ERROR)
        except httptools.HttpParserError:
            self._refuse(Reply(400, "not an HTTP/1.1 request"))
        self._fed = b""
        if self._in_request:
            self._limit_unfinished(len(data))

    def eof_received(self) -> bool:
        """The sender has closed its side. It may still read the pending responses, except over TLS."""
        self._settle()
        if self._in_request:
            self._refuse(Reply(400, "the request is incomplete"))
        elif self._pending_responses:
            self.stop()
        return bool(self._pending_responses) and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """The sender does not read its responses fast enough: stop reading its requests."""
        self._writing_paused = self._reading_paused = True
        self._transport.pause_reading()
        self.deadline = time.monotonic() + self._timeouts.request

    def resume_writing(self) -> None:
        """The sender has read its responses."""
        self._writing_paused = False
        self._resume_reading()

    # Called by the listener and the handler

    def tick(self, now: float) -> None:
        """End the connection if its deadline has passed. ``now`` is the monotonic time."""
        self._settle()
        if now < self.deadline:
            return
        if self._in_request and not self._reading_closed:
            self._refuse(Reply(408, f"the request was not complete after {self._timeouts.request:.0f} seconds"))
        elif self._transport is not None:
            self._transport.abort()

    def stop(self) -> None:
        """Stop reading, and close once the pending responses are sent."""
        self._reading_closed = True
        if not self._end_with_pending() and self._transport is not None:
            self._transport.close()

    def retire(self) -> None:
        """End with the response to the current request, or to the next one. An idle connection stays open."""
        self._retiring = True
        if not self._in_request and not self._unfed and self._end_with_pending():
            self._reading_closed = True

    def abort(self) -> None:
        """Close at once. Pending responses are not sent."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def refused(self) -> bool:
        """Whether the connection was accepted only to send a refusal, or to answer a health check."""
        return self._refusal is not None

    @property
    def answering(self) -> bool:
        """Whether a response is pending."""
        return bool(self._pending_responses)

    @property
    def unsent(self) -> bool:
        """Whether written bytes are still in the transport's buffer."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    # Called by httptools

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._reading_closed:
            return
        self._reset()
        self._in_request = True
        self.deadline = time.monotonic() + self._timeouts.request

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._target += url
        self._head_size += len(url)
        if self._head_size > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. Trailers of a chunked body are counted and ignored."""
        self._head_size += len(name) + len(value) + 4
        if self._head is None:
            self._headers[name.lower()] = value
        if self._head_size > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
            self._refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is complete. A request that must be refused is refused before its body is read."""
        if self._reading_closed:
            return
        self._progressed = True
        headers = self._headers
        head = self._head = read_head(self._parser.get_method(), self._target, headers)
        refused = self._handler.check_head(head) or refuse_head(head, headers)
        if self._refusal is not None and not self._handler.is_health_check(head):
            refused = self._refusal
        if refused is not None:
            self._refuse(refused)
        elif b"expect" in headers and not self._pending_responses and headers[b"expect"].lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self._reading_closed:
            return
        self._progressed = True
        self._body_size += len(data)
        self._body.append(data)
        if self._body_size > MAX_BODY_BYTES:
            self._refuse(TOO_LARGE)
        elif len(self._body) > _MAX_PIECES:
            self._refuse(_TOO_MANY_PIECES)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._reading_closed:
            return
        head = self._head
        assert head is not None
        self._in_request = False
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._release_body()
        last = self.spare or self._retiring or not self._parser.should_keep_alive()
        if self._fed and not last and self._learned < _MAX_LEARNED:
            self._learned += 1
            self._repeated = repeated_head(head, body, self._fed)
        self._complete(head, body, last=last)

    def _complete(self, head: RequestHead, body: bytes, *, last: bool) -> None:
        """Pass on a complete request. ``last``: the connection ends with its response."""
        self._reading_closed = last
        pending = Response(self, head.method, first=not self._pending_responses, last=last)
        self._pending_responses.append(pending)
        self.deadline = inf
        try:
            self._handler.handle(head, body, pending)
        except Exception as error:  # noqa: BLE001  # a bug must affect this request only
            self._handler.on_internal_error(error)
            pending.respond(INTERNAL_ERROR)

    def flush(self) -> None:
        """Write the responses that are ready, up to the first that is not."""
        responses = self._pending_responses
        while responses and (reply := responses[0].reply) is not None:
            pending = responses.popleft()
            if pending.delivers and reply.status < _FIRST_ERROR:
                self._prove()
            if self._transport.is_closing():
                continue
            if unwritten := pending.unwritten():
                self._transport.write(unwritten)
            if pending.last:
                self._finish()
        if not responses:
            self._resume_reading()

    def _prove(self) -> None:
        """The connection has delivered an alert."""
        if not self._proven:
            self._proven = True
            self._admission.prove(self)

    def _settle(self) -> None:
        """Follow what another thread has written, if it has."""
        if self._pending_responses:
            with self.shared.lock:  # it may be about to
                pass
            self.flush()

    def _end_with_pending(self) -> bool:
        """End with the latest pending response. Returns False if none is pending."""
        if not self._pending_responses:
            return False
        with self.shared.lock:
            latest = self._pending_responses[-1]
            is_pending = not latest.is_sent
            if is_pending:
                latest.last = True
        self.flush()
        return is_pending

    def _resume_reading(self) -> None:
        if self._reading_closed or self._pending_responses or self._writing_paused or self._transport.is_closing():
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        self.deadline = time.monotonic() + (self._timeouts.request if self._in_request else self._timeouts.idle)
        if self._unfed:
            unfed, self._unfed = self._unfed, b""
            self.data_received(unfed)

    def _refuse(self, reply: Reply) -> None:
        """Queue the last response, after the pending ones, and stop reading."""
        if self._reading_closed:
            return
        self._reading_closed = True
        self._in_request = False
        self._release_body()
        self._handler.on_refused(reply)
        method = "" if self._head is None else self._head.method
        self._pending_responses.append(Response(self, method, first=False, last=True, reply=reply))
        self.flush()

    def _finish(self) -> None:
        """Send EOF and let the sender read the response: closing a socket with unread bytes would reset it."""
        self.deadline = time.monotonic() + self._timeouts.linger
        if self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:  # the sender is gone
                self._transport.close()
            else:
                self._transport.resume_reading()
        else:
            self._transport.close()

    def _limit_unfinished(self, size: int) -> None:
        """Bound what an incomplete request holds: a header that never ends, and its body so far."""
        self._stalled_bytes = 0 if self._progressed else self._stalled_bytes + size
        added = self._body_size - self._reserved
        if self._stalled_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)
        elif added and not self._handler.reserve(added):
            self._refuse(_TOO_MANY_AT_ONCE)
        else:
            self._reserved = self._body_size

    def _release_body(self) -> None:
        if self._reserved:
            self._handler.reserve(-self._reserved)
            self._reserved = 0
        self._body_size = 0
        self._body = []
