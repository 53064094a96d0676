"""Tracks the state of a source for the status and the metrics. Updated by the source's own threads."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from bridge.sources.contract import Accept, Batch, SourceState

RATE_SECONDS = 60.0
"""Time constant of the rate: an alert's weight decays by 1/e in this time."""
_RATE_STEP_SECONDS = 0.25
"""Alerts of this time have the same weight."""


@dataclass(slots=True)
class _Rate:
    """Exponentially weighted alerts per second."""

    value: float = 0.0
    at: float = 0.0

    def now(self, moment: float) -> float:
        return self.value * math.exp((self.at - moment) / RATE_SECONDS)

    def add(self, count: int, moment: float) -> None:
        if moment - self.at > _RATE_STEP_SECONDS:
            self.value, self.at = self.now(moment), moment
        self.value += count / RATE_SECONDS


class StateTracker:
    """Keeps one state up to date. Thread-safe."""

    def __init__(self, source_name: str, peer: str = "") -> None:
        self._source_name = source_name
        self._peer = peer
        self._connected_since_ns: int | None = None
        self._last_alert_ns: int | None = None
        self._alerts = self._rejected = self._failures = 0
        self._problem = self._detail = ""
        self._rate = _Rate()
        self._lock = threading.Lock()

    def now(self) -> SourceState:
        """The current state."""
        with self._lock:
            return SourceState(
                self._source_name,
                self._peer,
                self._connected_since_ns,
                self._last_alert_ns,
                self._alerts,
                self._rate.now(time.monotonic()),
                self._rejected,
                self._failures,
                self._problem,
                self._detail,
            )

    def connected(self) -> None:
        """The source can be read, or listens. Clears the problem."""
        with self._lock:
            self._connected_since_ns = self._connected_since_ns or time.time_ns()
            self._problem = ""

    def failed(self, problem: str) -> None:
        """An attempt to read failed for this reason. The source is not connected."""
        with self._lock:
            self._connected_since_ns = None
            self._failures += 1
            self._problem = problem

    def ended(self) -> None:
        """The source has ended without a problem."""
        with self._lock:
            self._connected_since_ns = None
            self._problem = ""

    def note(self, detail: str) -> None:
        """Set the detail that is shown to people."""
        with self._lock:
            self._detail = detail

    def committed(self, batch: Batch) -> None:
        """A batch was committed. This also means that the source is connected."""
        with self._lock:
            if not self._connected_since_ns:
                self._connected_since_ns = time.time_ns()
                self._problem = ""
            self._alerts += len(batch.alerts)
            self._rejected += len(batch.rejected)
            if batch.alerts:
                self._last_alert_ns = batch.received_ns
            self._rate.add(len(batch.alerts), time.monotonic())

    def counting(self, accept: Accept) -> Accept:
        """Wrap ``accept`` so that committed batches are counted."""

        def counted(batch: Batch) -> None:
            accept(batch)
            self.committed(batch)

        return counted
