"""The response to one request. The loop's thread writes it, or another thread that has the reply before the loop.

A thread that has committed an alert would have to wake the loop, which would write the answer. Writing it to the socket
in that thread saves this: the loop is not woken before the next request. The loop learns from ``Response.is_sent`` what
was written. Both threads decide under the connection's lock who writes, and the socket is not closed while it is held.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from socket import socket
from typing import Any, Protocol

from bridge.http.request import Reply, encode_reply


class SharedSocket:
    """The socket of a connection, as far as other threads than the loop's write to it."""

    __slots__ = ("_socket", "_transport", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Held while another thread writes, and while the loop's thread changes who may write."""
        self._socket: socket | None = None
        self._transport: Any = None

    def open(self, shared: socket, transport: Any) -> None:
        """Other threads may write to the socket of this transport from now on. It is not encrypted."""
        self._socket, self._transport = shared, transport

    def close(self) -> None:
        """No other thread writes from now on. Comes before the socket is closed, because its number is used again."""
        with self.lock:
            self._socket = self._transport = None

    def write(self, data: bytes) -> int:
        """Write to the socket without waiting, under the lock. Returns how many bytes were written.

        Nothing is written behind bytes that the transport has not sent.
        """
        if self._socket is None or self._transport.get_write_buffer_size():
            return 0
        with suppress(OSError):  # full, or the sender is gone: the transport sees to it
            return self._socket.send(data)
        return 0


class Responses(Protocol):
    """What a response needs of the responses of its connection."""

    shared: SharedSocket

    def flush(self) -> None:
        """A response is ready. Called in the loop's thread."""


class Response:
    """The response to a complete request, or a refusal. ``reply`` is None until the handler responds."""

    __slots__ = ("_is_first", "_responses", "data", "delivers", "head_only", "last", "reply")

    def __init__(
        self, responses: Responses, method: str, *, first: bool, last: bool, reply: Reply | None = None
    ) -> None:
        """``first``: no other response of the connection comes before it. ``last``: the connection ends with it."""
        self._responses = responses
        self._is_first = first
        self.last = last
        self.reply = reply
        self.data: bytes | None = None
        """What is left to write of a response that another thread has begun to write."""
        self.head_only = method == "HEAD"
        self.delivers = method in {"POST", "PUT"}

    @property
    def is_sent(self) -> bool:
        """Whether another thread has written it."""
        return self.data is not None

    def respond(self, reply: Reply) -> bool:
        """Answer the request, in the loop's thread. Returns whether it was not answered before."""
        with self._responses.shared.lock:
            is_new = self.reply is None
            if is_new:
                self.reply = reply
        self._responses.flush()
        return is_new

    def send(self, reply: Reply) -> bool:
        """Answer the request, in another thread. Returns whether that worked; if not, ``respond`` has to follow."""
        shared = self._responses.shared
        with shared.lock:
            if not self._is_first or self.last or self.reply is not None:
                return False
            data = encode_reply(reply, last=False, head_only=self.head_only)
            written = shared.write(data)
            if written:
                self.data = data[written:]
                self.reply = reply  # at last: the loop's thread reads it without the lock
            return written == len(data)

    def unwritten(self) -> bytes:
        """What the loop's thread has to write."""
        if self.data is not None:
            return self.data
        assert self.reply is not None
        return encode_reply(self.reply, last=self.last, head_only=self.head_only)
