"""How many spans were exported, dropped and refused; shared between the router and the courier's process."""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from enum import IntEnum

_BYTES = 8


class SpanOutcome(IntEnum):
    """What became of a span."""

    EXPORTED = 0
    """The collector accepted it."""
    DROPPED = 1
    """The queue was full."""
    FAILED = 2
    """The collector could not be reached, or refused it."""


class SpanCounts:
    """One counter for each outcome. Written by one process, read by any that has the descriptor."""

    def __init__(self, descriptor: int | None = None) -> None:
        """``descriptor`` is that of a `SharedCounts`; without one, the counters are this process's own."""
        size = _BYTES * len(SpanOutcome)
        memory = mmap.mmap(-1, size) if descriptor is None else mmap.mmap(descriptor, size)
        self._values = memoryview(memory).cast("Q")
        self._lock = threading.Lock()

    def add(self, outcome: SpanOutcome, count: int) -> None:
        """Count spans. Callable from any thread."""
        with self._lock:
            self._values[outcome] += count

    def values(self) -> dict[str, int]:
        """The counters by the outcome's name in lower case."""
        return {outcome.name.lower(): self._values[outcome] for outcome in SpanOutcome}


class SharedCounts(SpanCounts):
    """Counters in memory that a process can inherit."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("falco-bridge spans")
        """What the process that writes them inherits."""
        weakref.finalize(self, os.close, self.descriptor)
        os.ftruncate(self.descriptor, _BYTES * len(SpanOutcome))
        super().__init__(self.descriptor)
