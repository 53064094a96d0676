"""How a source is doing, for whoever asks: status, metrics, a person at night. Kept by the source's own threads."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, replace

from bridge.sources.contract import Accept, Batch, SourceState

RATE_SECONDS = 60.0
"""An alert counts towards the rate for about so long."""


@dataclass(slots=True)
class _Rate:
    """Alerts a second, the older the less they count."""

    value: float = 0.0
    at: float = 0.0

    def now(self, moment: float) -> float:
        return self.value * math.exp((self.at - moment) / RATE_SECONDS)

    def add(self, count: int, moment: float) -> None:
        self.value, self.at = self.now(moment) + count / RATE_SECONDS, moment


class StateKeeper:
    """Keeps one state up to date. Callable from any thread; each call takes a microsecond or two."""

    def __init__(self, source: str, peer: str = "") -> None:
        self._state = SourceState(source, peer)
        self._rate = _Rate()
        self._lock = threading.Lock()

    def now(self) -> SourceState:
        """How it is at this moment."""
        with self._lock:
            return replace(self._state, alerts_per_second=self._rate.now(time.monotonic()))

    def connected(self) -> None:
        """It can be read, or listens; what was wrong is over."""
        with self._lock:
            since = self._state.connected_since_ns or time.time_ns()
            self._state = replace(self._state, connected_since_ns=since, problem="")

    def failed(self, problem: str) -> None:
        """An attempt to read failed: not connected, for this reason."""
        with self._lock:
            failures = self._state.failures + 1
            self._state = replace(self._state, connected_since_ns=None, failures=failures, problem=problem)

    def ended(self) -> None:
        """It has come to its end, with nothing wrong."""
        with self._lock:
            self._state = replace(self._state, connected_since_ns=None, problem="")

    def note(self, detail: str) -> None:
        """What else is worth knowing."""
        with self._lock:
            self._state = replace(self._state, detail=detail)

    def took(self, batch: Batch) -> None:
        """A batch was committed: so it can be read, too."""
        with self._lock:
            state = self._state
            self._state = replace(
                state,
                connected_since_ns=state.connected_since_ns or time.time_ns(),
                problem=state.problem if state.connected_since_ns else "",
                alerts=state.alerts + len(batch.alerts),
                refused=state.refused + len(batch.refused),
                last_alert_ns=batch.received_ns if batch.alerts else state.last_alert_ns,
            )
            self._rate.add(len(batch.alerts), time.monotonic())

    def counting(self, accept: Accept) -> Accept:
        """``accept``, with what it commits counted here."""

        def counted(batch: Batch) -> None:
            accept(batch)
            self.took(batch)

        return counted
