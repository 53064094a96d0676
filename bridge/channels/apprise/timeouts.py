"""One deadline for a whole HTTP response: a socket's timeout restarts with every byte.

``http.client`` reads status, headers and body through a file object of the socket. A subclass of its response replaces
this file object by one that shortens the socket's timeout to the time that is left.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RequestTimeouts:
    """How long one request may take, in seconds."""

    connect: float = 5.0
    read: float = 15.0
    """Between two parts of the response."""
    total: float = 30.0
    """From the request to the end of the response."""


def response_class(timeouts: RequestTimeouts) -> type[http.client.HTTPResponse]:
    """A response class for connections. Reading a response, including its head, raises TimeoutError in time."""

    class TimedResponse(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach(), timeouts))

    return TimedResponse


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, timeouts: RequestTimeouts) -> None:
        self._sock, self._raw, self._timeouts = sock, raw, timeouts
        self._deadline = time.monotonic() + timeouts.total

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response did not end in time")
        self._sock.settimeout(min(left, self._timeouts.read))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._timeouts.read)

    def close(self) -> None:
        self._raw.close()
        super().close()
