"""The one queue of alerts that all clients of a Falco share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

WRITE_AHEAD = 8192
"""How many alerts a stream takes at once. A real Falco pops alerts into gRPC's write buffers faster than a client
reads them: 4,990 of 5,000 were gone when a client read ten, slept and cancelled."""


class SharedQueue:
    """Unbounded, first in first out. An alert popped for one client is not available to others."""

    def __init__(self) -> None:
        self._alerts: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._popped = 0
        self._lost = 0
        self._unwritten = 0

    def put(self, alerts: Iterable[bytes]) -> None:
        """Queue raw responses, in order."""
        with self._changed:
            self._alerts.extend(alerts)
            self._changed.notify_all()

    def pop(self, limit: int = WRITE_AHEAD) -> deque[bytes]:
        """Take up to ``limit`` alerts. The caller must report each of them to ``wrote`` or ``lose``."""
        with self._changed:
            if len(self._alerts) <= limit:
                taken, self._alerts = self._alerts, deque()
            else:
                taken = deque(self._alerts.popleft() for _ in range(limit))
            self._popped += len(taken)
            self._unwritten += len(taken)
            return taken

    def wrote(self, count: int) -> None:
        """``count`` popped alerts were passed to gRPC before the stream ended."""
        self._settle(count, lost=0)

    def lose(self, count: int) -> None:
        """``count`` popped alerts did not reach a client: its stream was cancelled."""
        self._settle(count, lost=count)

    def wait_until_drained(self, seconds: float | None = None) -> bool:
        """Wait until the queue is empty and every popped alert is written or lost. Returns False after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._alerts and not self._unwritten, seconds)

    @property
    def pending(self) -> int:
        """How many alerts no client has taken."""
        return len(self._alerts)

    @property
    def popped(self) -> int:
        """How many alerts clients have taken, the lost ones among them."""
        return self._popped

    @property
    def lost(self) -> int:
        """How many alerts were popped for a client that then cancelled or died."""
        return self._lost

    def _settle(self, count: int, *, lost: int) -> None:
        with self._changed:
            self._unwritten -= count
            self._lost += lost
            self._changed.notify_all()
