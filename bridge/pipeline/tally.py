"""Counts what was committed. Small commits are counted together, because counting one alone costs five times as much.

A commit of one alert waits for the disk. After that wait, the code and the data that count it are no longer in the
processor's caches.
"""

from __future__ import annotations

import threading
from collections import deque

from bridge.alert import INTERNAL_SOURCE
from bridge.pipeline.counts import Counts
from bridge.pipeline.nodes import Nodes
from bridge.pipeline.writes import Write

_MOST_WAITING = 16
"""Commits that wait to be counted. Each holds its alert."""


class Tally:
    """The counters of commits. A reader gets everything that was added before.

    ``add`` and all other changes are those of intake, one batch at a time. Reading is thread-safe.
    """

    def __init__(self) -> None:
        self._counts = Counts()
        self._nodes = Nodes()
        self._waiting: deque[tuple[Write, float]] = deque()
        self._lock = threading.Lock()

    @property
    def counts(self) -> Counts:
        """The counters of alerts and decisions."""
        self._count()
        return self._counts

    @property
    def nodes(self) -> Nodes:
        """What is known of each node."""
        self._count()
        return self._nodes

    def add(self, write: Write, seconds: float) -> None:
        """A transaction was committed, which took ``seconds`` to decide about and to store."""
        self._waiting.append((write, seconds))
        if len(self._waiting) >= _MOST_WAITING or not _may_wait(write):
            self._count()

    def _count(self) -> None:
        """Count what waits. Returns once no other thread counts."""
        with self._lock:
            while self._waiting:
                write, seconds = self._waiting.popleft()
                self._counts.add(write.source_name, write.received_ns, write.entries, len(write.rejected), seconds)
                self._nodes.add(write.source_name, write.received_ns, write.entries)


def _may_wait(write: Write) -> bool:
    """Whether it is one alert about which nothing is logged."""
    if len(write.entries) != 1:
        return False
    alert = write.entries[0].alert
    return not alert.assumed and alert.source != INTERNAL_SOURCE
