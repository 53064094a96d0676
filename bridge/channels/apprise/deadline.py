"""Answers over ``http.client`` with one deadline for all of them: a socket's timeout begins anew with every byte."""

from __future__ import annotations

import http.client
import io
import socket
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one request may take, in seconds."""

    connect: float = 5.0
    read: float = 15.0
    """Between one piece of the answer and the next."""
    total: float = 30.0
    """From the request to the end of its answer."""


def answers_within(limits: Limits) -> type[http.client.HTTPResponse]:
    """A class of answers for connections: reading one, its status and headers too, raises TimeoutError in time."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(_InTime(sock, self.fp.detach(), limits))

    return Answer


class _InTime(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, limits: Limits) -> None:
        self._sock, self._raw, self._limits = sock, raw, limits
        self._deadline = time.monotonic() + limits.total

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._sock.settimeout(min(left, self._limits.read))
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._limits.read)

    def close(self) -> None:
        self._raw.close()
        super().close()
