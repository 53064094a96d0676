"""A source that one bridge of a fleet reads: the one that has its lease."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

from bridge.sources.contract import Aborted, Accept, Batch, Source, SourceState
from bridge.sources.supervise import supervise

POLL_SECONDS = 0.1
_STOP_SECONDS = 10.0
"""How long a source that another bridge has taken over may take to pass on what it has read."""


class SourceLeases:
    """The leases that the sources of this bridge ask for. Thread-safe."""

    def __init__(self) -> None:
        self._wanted: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.has: Callable[[str], bool] = lambda _name: False
        """Whether this bridge has the lease of that name, and no other one can have taken it over."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a source asks for a lease, or does not any more."""

    def names(self) -> frozenset[str]:
        """What the sources ask for."""
        with self._lock:
            return frozenset(self._wanted)

    def want(self, name: str) -> None:
        """A source asks for this lease."""
        with self._lock:
            self._wanted[name] += 1
        self.on_change()

    def unwant(self, name: str) -> None:
        """It does not any more."""
        with self._lock:
            self._wanted[name] -= 1
            self._wanted += Counter()  # keeps what is positive
        self.on_change()


class Removable(Protocol):
    """A source that discovery may no longer find."""

    def set_removed(self, *, removed: bool) -> None:
        """As in GrpcSource."""


class LeasedSource:
    """Implements Source. Makes the source that it reads each time it gets the lease."""

    def __init__(
        self, name: str, lease: str, make: Callable[[], Source], leases: SourceLeases, *, peer: str = "",
        has_checkpoint: bool = False,
    ) -> None:  # fmt: skip
        """``has_checkpoint``: what was read and not committed is read again by the next bridge."""
        self.name = name
        self._lease = lease
        self._make = make
        self._leases = leases
        self._peer = peer
        self._has_checkpoint = has_checkpoint
        self._inner: Source | None = None
        self._removed = False
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._waiting_since_ns = time.time_ns()
        self._log = structlog.get_logger("fleet")

    def run(self, accept: Accept) -> None:
        """Read whenever this bridge has the lease, until stopped or until the source ends."""
        self._leases.want(self._lease)
        try:
            while not self._stop.wait(POLL_SECONDS) and not (self._removed and not self._leases.has(self._lease)):
                if self._leases.has(self._lease) and self._read(accept):
                    return
        finally:
            self._leases.unwant(self._lease)

    def _read(self, accept: Accept) -> bool:
        """Read until the lease is lost. Returns whether the source has ended."""
        inner = self._make()
        lost, done = threading.Event(), threading.Event()

        def accept_while_leased(batch: Batch) -> None:
            if self._has_checkpoint and not self._leases.has(self._lease):
                raise Aborted
            accept(batch)

        def watch() -> None:
            while not done.wait(POLL_SECONDS):
                if not self._leases.has(self._lease):
                    lost.set()
                    self._end(inner, done)
                    return

        with self._lock:
            self._inner = inner
            if self._stop.is_set():
                inner.stop()
        self._log.info("source leased", source=self.name, lease=self._lease)
        watcher = threading.Thread(target=watch, name=f"{self.name} lease", daemon=True)
        watcher.start()
        completed = supervise(inner, accept_while_leased, self._stop)
        done.set()
        watcher.join()
        with self._lock:
            self._inner, self._waiting_since_ns = None, time.time_ns()
        if not completed and not lost.is_set() and self._leases.has(self._lease):
            raise Aborted
        self._log.info("source released", source=self.name, lease=self._lease)
        return completed and not lost.is_set()

    def _end(self, inner: Source, done: threading.Event) -> None:
        if self._has_checkpoint:
            inner.abort()
            return
        inner.stop()
        if not done.wait(_STOP_SECONDS):
            inner.abort()

    def set_removed(self, *, removed: bool) -> None:
        """As in GrpcSource."""
        self._removed = removed
        inner = self._inner
        if inner is not None and hasattr(inner, "set_removed"):
            inner.set_removed(removed=removed)

    def stop(self) -> None:
        """As in Source."""
        with self._lock:
            self._stop.set()
            if self._inner is not None:
                self._inner.stop()

    def abort(self) -> int:
        """As in Source."""
        with self._lock:
            self._stop.set()
            return 0 if self._inner is None else self._inner.abort()

    def state(self) -> tuple[SourceState, ...]:
        """As in Source. While another bridge reads, only the lease."""
        inner = self._inner
        if inner is not None:
            return inner.state()
        return (SourceState(self.name, self._peer, self._waiting_since_ns, lease=self._lease),)
