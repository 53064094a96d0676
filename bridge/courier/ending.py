"""When the courier ends, and what it may still do until then."""

from __future__ import annotations

import threading
import time

_BUSY_SECONDS = 1.0


class Ending:
    """Whether and until when the courier ends. Other threads set it; the courier's thread asks it."""

    def __init__(self) -> None:
        self._claims_no_more = threading.Event()
        self._changed = threading.Event()
        """Set when a deadline or the end becomes known, so that a wait for the journal is cut short."""
        self.deadline: float | None = None
        """By the monotonic clock; None while no end is known."""

    def stop(self, seconds: float, *, leaves_rest: bool) -> None:
        """End within ``seconds``. ``leaves_rest``: claim nothing more."""
        self.deadline = time.monotonic() + seconds
        if leaves_rest:
            self._claims_no_more.set()
        self._changed.set()

    def finish(self) -> None:
        """End once nothing is in flight, and claim nothing more."""
        self._claims_no_more.set()
        self._changed.set()

    @property
    def claims_no_more(self) -> bool:
        """Whether the courier only ends what is in flight."""
        return self._claims_no_more.is_set()

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def wait_for_journal(self) -> bool:
        """Wait a moment for a busy journal. Returns False, at once, where no time is left."""
        left = _BUSY_SECONDS if self.deadline is None else min(_BUSY_SECONDS, self.deadline - time.monotonic())
        if self.claims_no_more or left <= 0:
            return False
        if self._changed.wait(left):
            self._changed.clear()
        return True
