"""One HTTP/1.1 connection: its states, its deadlines, when it is read, and how it ends.

Theory of operation
-------------------
A ``Listener`` accepts a connection and creates one ``HttpConnection`` for it. asyncio calls it with bytes
(``data_received``), its ``RequestReader`` parses them, and it passes complete requests to a ``RequestHandler``. The
handler calls ``respond`` once for each request, at once or later, and its ``ResponseQueue`` writes the responses. All
of this runs in the thread of one event loop. The connection does no I/O except through its transport, but for a
response that the handler sends in another thread (``response``); the connection follows at its next event (``settle``).

States. Reading and responding are independent; a connection closes when both have ended.

    silent       no request has begun yet                      closed after ``Timeouts.first_byte``
    idle         the last request is answered                  closed after ``Timeouts.idle``
    in request   the first byte came, the last did not         408 after ``Timeouts.request``
    responding   complete requests wait for their responses    no deadline: the handler is responsible
    draining     reading has ended, responses are pending      the last response carries ``Connection: close``
    finishing    the last response is written, EOF was sent    aborted after ``Timeouts.linger``

A sender that closes the connection ends it in any state. The reader's ``is_closed`` ends reading for good: after a
refused request, after a request without keep-alive, after the next request where ``retire`` was called, after ``stop``.
Bytes that arrive later are discarded. ``_reading_paused`` is temporary: at most _MAX_PENDING responses are pending, and
a sender that does not read its responses (``pause_writing``) is not read either.

Responses. Pipelined requests are handled as they complete and answered in the order in which they came. A refusal is
the last response of its connection: what follows it could be misread as a request.

Who closes what:

    the connection   after its last response: EOF first, so that unread bytes do not make TCP reset the response away
    the listener     all connections: ``stop`` (after the pending responses), ``abort_connections`` (at once) and
                     ``tick`` (those past their deadline; the owner of the loop calls it about once a second)
                     also the connection that ``Admission.replaceable`` names, when a limit is reached
    the handler      none; ``on_closed`` notifies it once for each connection whose handshake succeeded

Bounds: MAX_HEAD_BYTES and MAX_HEADERS for a head, MAX_BODY_BYTES for a body before and after decompression and a number
of chunks (``request_reader``), ``RequestHandler.reserve`` for the unfinished bodies of all connections together,
``ConnectionLimits`` for their number, and the deadlines above. Decompression and decoding are the handler's, in
another thread.
"""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import Any

from bridge.http.admission import Admission
from bridge.http.guard import Timeouts
from bridge.http.handler import RequestHandler
from bridge.http.request import INTERNAL_ERROR, Reply, RequestHead
from bridge.http.request_reader import RequestReader
from bridge.http.response import Response
from bridge.http.response_queue import ResponseQueue

_PIECE = 16 << 10
"""Bytes given to the parser in one call."""
_MAX_PENDING = 16
"""Pending responses of one connection before reading pauses. Falco sends one request at a time."""
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
        self._reader = RequestReader(self, handler, timeouts.request, refusal, is_retiring=spare)
        self._responses = ResponseQueue(self)
        self.shared = self._responses.shared
        """Through it, another thread may write a response."""
        self._writing_paused = False
        """The sender does not read its responses."""
        self._reading_paused = False
        """Reading is paused until responses have been sent."""
        self._unfed = b""
        """Received bytes that have not been given to the parser."""

    # Called by asyncio

    def connection_made(self, transport: Any) -> None:
        """A sender has connected, after the TLS handshake if there is one."""
        self._transport = self._responses.transport = transport
        self.deadline = time.monotonic() + self._timeouts.first_byte
        if self._refusal is not None and not self.spare:
            self._reader.refuse(self._refusal)

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection has ended."""
        self.deadline = inf
        self.shared.close()
        self._reader.close()
        self._handler.on_closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes. If too many responses are pending, the rest waits for them."""
        if not self._proven:
            self._admission.heard(self)
        reader, responses = self._reader, self._responses
        responses.settle()
        if len(data) <= _PIECE and len(responses.pending) < _MAX_PENDING:
            if reader.repeated is None or not reader.take_repeated(reader.repeated, data):
                reader.feed(data)
            return
        for at in range(0, len(data), _PIECE):
            if len(responses.pending) >= _MAX_PENDING:
                self._unfed = data[at:]
                self._reading_paused = True
                self._transport.pause_reading()
                return
            reader.feed(data[at : at + _PIECE])

    def eof_received(self) -> bool:
        """The sender has closed its side. It may still read the pending responses, except over TLS."""
        self._responses.settle()
        if self._reader.in_request:
            self._reader.refuse(Reply(400, "the request is incomplete"))
        elif self._responses.pending:
            self.stop()
        return bool(self._responses.pending) and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """The sender does not read its responses fast enough: stop reading its requests."""
        self._writing_paused = self._reading_paused = True
        self._transport.pause_reading()
        self.deadline = time.monotonic() + self._timeouts.request

    def resume_writing(self) -> None:
        """The sender has read its responses."""
        self._writing_paused = False
        self.resume_reading()

    # Called by the listener

    def tick(self, now: float) -> None:
        """End the connection if its deadline has passed. ``now`` is the monotonic time."""
        self._responses.settle()
        if now < self.deadline:
            return
        if self._reader.in_request and not self._reader.is_closed:
            late = Reply(408, f"the request was not complete after {self._timeouts.request:.0f} seconds")
            self._reader.refuse(late)
        elif self._transport is not None:
            self._transport.abort()

    def stop(self) -> None:
        """Stop reading, and close once the pending responses are sent."""
        self._reader.is_closed = True
        if not self._responses.end_with_latest() and self._transport is not None:
            self._transport.close()

    def retire(self) -> None:
        """End with the response to the current request, or to the next one. An idle connection stays open."""
        self._reader.is_retiring = True
        if not self._reader.in_request and not self._unfed and self._responses.end_with_latest():
            self._reader.is_closed = True

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
        return bool(self._responses.pending)

    @property
    def unsent(self) -> bool:
        """Whether written bytes are still in the transport's buffer."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    # Called by the reader

    def handle(self, head: RequestHead, body: bytes, *, last: bool) -> None:
        """Pass on a complete request. ``last``: the connection ends with its response."""
        responses = self._responses
        response = Response(responses, head.method, first=not responses.pending, last=last)
        responses.pending.append(response)
        self.deadline = inf
        try:
            self._handler.handle(head, body, response)
        except Exception as error:  # noqa: BLE001  # a bug must affect this request only
            self._handler.on_internal_error(error)
            response.respond(INTERNAL_ERROR)

    def send_continue(self) -> None:
        """The sender waits for leave to send the body. It does not get it while responses are pending."""
        if not self._responses.pending:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send_refusal(self, reply: Reply, method: str) -> None:
        """Send the last response, after the pending ones."""
        self._responses.refuse(reply, method)

    # Called by the responses

    def prove(self) -> None:
        """The connection has delivered an alert."""
        if not self._proven:
            self._proven = True
            self._admission.prove(self)

    def resume_reading(self) -> None:
        """Read on if nothing speaks against it: no response is pending, and the sender reads."""
        reader = self._reader
        if reader.is_closed or self._responses.pending or self._writing_paused or self._transport.is_closing():
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        self.deadline = time.monotonic() + (self._timeouts.request if reader.in_request else self._timeouts.idle)
        if self._unfed:
            unfed, self._unfed = self._unfed, b""
            self.data_received(unfed)

    def finish(self) -> None:
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
