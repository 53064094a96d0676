"""The clock of a database, estimated from its answers."""

from __future__ import annotations

import threading
from collections import deque

from bridge.common.clocks.clock import STEP_NS, SYSTEM_CLOCK, Clock

_SAMPLES = 16
_SLEW = 8
"""A small difference is made up for in steps of an eighth."""


class ServerClock:
    """Implements Clock. Machines whose own clocks differ store and compare the same time. Thread-safe.

    Of the latest answers the one that came fastest counts: the server's time is at most half of that away. The time
    follows small differences gradually, and a step of the server's clock at once.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES)
        """How long the answer took, and how far the server is ahead of monotonic time."""
        self._offset_ns: int | None = None
        self._lock = threading.Lock()

    def wall_ns(self) -> int:
        """As in Clock. Before the first answer, the time of this machine."""
        offset_ns = self._offset_ns
        return self._clock.wall_ns() if offset_ns is None else self._clock.monotonic_ns() + offset_ns

    def monotonic_ns(self) -> int:
        """As in Clock."""
        return self._clock.monotonic_ns()

    def of_machine(self, at_ns: int) -> int:
        """A time of this machine's wall clock, as the server knows it."""
        return at_ns + self.wall_ns() - self._clock.wall_ns()

    def measured(self, server_ns: int, before_ns: int, after_ns: int) -> None:
        """The server answered with its time between these monotonic times."""
        took_ns, offset_ns = after_ns - before_ns, server_ns - (before_ns + after_ns) // 2
        with self._lock:
            if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > took_ns // 2 + STEP_NS:
                self._samples.clear()
                self._offset_ns = None
            self._samples.append((took_ns, offset_ns))
            best = min(self._samples)[1]
            self._offset_ns = best if self._offset_ns is None else self._offset_ns + (best - self._offset_ns) // _SLEW
