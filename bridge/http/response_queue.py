"""The responses of one connection, written in the order of its requests.

A response becomes ready in the loop's thread (``flush``), or another thread writes it, which the loop's thread learns
later (``settle``).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from bridge.http.request import Reply
from bridge.http.response import Response, SharedSocket

_FIRST_ERROR = 400


class AnsweringConnection(Protocol):
    """What the queue needs of its connection."""

    def prove(self) -> None:
        """An alert was delivered."""

    def finish(self) -> None:
        """The last response is written."""

    def resume_reading(self) -> None:
        """No response is pending."""


class ResponseQueue:
    """The responses that are not written yet. They become ready in any order."""

    def __init__(self, connection: AnsweringConnection) -> None:
        self._connection = connection
        self.transport: Any = None
        """Of the connection, once it is open."""
        self.shared = SharedSocket()
        """Through it, another thread may write a response."""
        self.pending: deque[Response] = deque()

    def flush(self) -> None:
        """Write the responses that are ready, up to the first that is not."""
        responses = self.pending
        while responses and (reply := responses[0].reply) is not None:
            pending = responses.popleft()
            if pending.delivers and reply.status < _FIRST_ERROR:
                self._connection.prove()
            if self.transport.is_closing():
                continue
            if unwritten := pending.unwritten():
                self.transport.write(unwritten)
            if pending.last:
                self._connection.finish()
        if not responses:
            self._connection.resume_reading()

    def settle(self) -> None:
        """Remove the responses that another thread has written."""
        if self.pending:
            with self.shared.lock:  # it may be about to
                pass
            self.flush()

    def refuse(self, reply: Reply, method: str) -> None:
        """Add the last response, which is ready."""
        self.pending.append(Response(self, method, first=False, last=True, reply=reply))
        self.flush()

    def end_with_latest(self) -> bool:
        """End the connection with the latest response. Returns False if none is pending."""
        if not self.pending:
            return False
        with self.shared.lock:
            latest = self.pending[-1]
            is_pending = not latest.is_sent
            if is_pending:
                latest.last = True
        self.flush()
        return is_pending
