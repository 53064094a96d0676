"""How a Falco answers ``get`` and ``sub``: as a real 0.43 does, including its quirks.

``get`` writes what is queued and ends. ``sub`` writes what is queued for each request and is silent until the next;
a client that half-closes it waits for ever. Both pop alerts ahead of what the client reads, so that cancelling loses
what was popped. Once the server stops, a stream writes what it has popped and ends with OK, but an idle ``sub`` stays
open, and a request on it makes the server abort.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from bridge.simulate.queue import SharedQueue


class Streams:
    """The open streams of one server, over its one queue."""

    def __init__(self, queue: SharedQueue, abort: Callable[[], None]) -> None:
        self._queue = queue
        self._abort = abort
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._open = 0

    def stop(self) -> None:
        """Pop no more; let each stream write what it has and end."""
        self._stopping.set()

    def wait_until_closed(self, seconds: float | None) -> bool:
        """Wait until no stream is open; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, seconds)

    @property
    def open(self) -> int:
        """How many streams are open, idle ones among them."""
        return self._open

    def get(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        """Drain the queue, then end; on an empty queue, end at once."""
        with self._opened():
            yield from self._drain()

    def sub(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Drain the queue once for each request; do not end, not even when the client half-closes."""
        gone = threading.Event()
        if not context.add_callback(gone.set):
            return
        with self._opened():
            for _ in requests:
                if self._stopping.is_set():
                    self._abort()
                    return
                yield from self._drain()
                if self._stopping.is_set():
                    return
            gone.wait()

    def _drain(self) -> Iterator[bytes]:
        while not self._stopping.is_set():
            ahead = self._queue.pop()
            if not ahead:
                return
            size = len(ahead)
            try:
                while ahead:
                    yield ahead.popleft()
            finally:
                self._queue.wrote(size - len(ahead))
                self._queue.lose(len(ahead))

    @contextmanager
    def _opened(self) -> Iterator[None]:
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._open += change
            self._changed.notify_all()
