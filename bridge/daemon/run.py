"""Runs the assembled bridge until it must stop or is replaced by a new process, then drains it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from bridge.daemon.exit_codes import FAILED, STOPPED
from bridge.daemon.running_sources import RunningSources
from bridge.journal import JournalError
from bridge.journal.protocols import Journal
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.intake import Intake

_JOIN_SECONDS = 0.05
_SOURCES_CHECK_SECONDS = 0.5
"""How often the threads of the sources are checked. A signal is answered at once."""
_ABORT_SECONDS = 1.0
_LEAST_HANDOVER_SECONDS = 5.0
"""An http source takes two seconds for it."""


class BackgroundService(Protocol):
    """Works in threads of its own while the sources run: a listener, the maintenance of the journal, a watcher."""

    def start(self) -> None:
        """Start to work."""

    def close(self) -> None:
        """Stop working and release every resource. Never raises."""


class Bridge:
    """One running bridge. ``stop`` drains it; a second ``stop`` aborts the drain.

    ``hand_over`` drains it for another process that has the same listening sockets. Its senders wait meanwhile, so the
    drain leaves the deliveries to that process.
    """

    def __init__(
        self,
        journal: Journal,
        intake: Intake,
        sources: RunningSources,
        courier: CourierProcess,
        services: Sequence[BackgroundService],
        drain_seconds: float,
        on_stop: Callable[[], None] = lambda: None,
        *,
        in_fleet: bool = False,
    ) -> None:
        """``on_stop`` is called at each ``stop``, before the drain.

        A bridge ``in_fleet`` works on although no source of its own does.
        """
        self._in_fleet = in_fleet
        self._journal = journal
        self._intake = intake
        self._sources = sources
        self._courier = courier
        self._services = services
        self.drain_seconds = drain_seconds
        self._on_stop = on_stop
        self._stopping = threading.Event()
        self._stop_requested = False
        self._handing_over = False
        self._aborted = threading.Event()
        self._fault: JournalError | None = None
        self._log = structlog.get_logger("bridge")

    def stop(self) -> None:
        """Drain and stop. Called a second time, it aborts the drain. Thread-safe."""
        self._on_stop()
        if self._stop_requested:
            self._aborted.set()
        self._stop_requested = True
        self._stopping.set()

    def hand_over(self) -> None:
        """Drain for another process. Thread-safe."""
        self._handing_over = True
        self._stopping.set()

    def fail(self, fault: JournalError) -> None:
        """The journal failed: stop, and report the fault. Thread-safe."""
        self._fault = fault
        self._stopping.set()

    def run(self, on_started: Callable[[], None]) -> int:
        """Work until stopped. Returns the exit code. ``on_started`` is called once everything has started."""
        self._courier.start()
        self._sources.start(self._intake.accept, self.drain_seconds)
        for service in self._services:
            service.start()
        self._log.info("started", sources=[source.name for source in self._sources])
        on_started()
        # until ``stop``, or until every source has ended, as standard input does
        while self._sources.are_alive or self._in_fleet:
            if self._stopping.wait(_SOURCES_CHECK_SECONDS):
                break
        return self._drain()

    def _drain(self) -> int:
        handing_over = self._handing_over
        seconds = max(self.drain_seconds, _LEAST_HANDOVER_SECONDS) if handing_over else self.drain_seconds
        deadline = time.monotonic() + seconds
        self._log.info("handing over" if handing_over else "stopping", drain_seconds=seconds)
        self._sources.stop(handing_over=handing_over)
        drained = self._sources.join(deadline, self._aborted)
        if not drained:
            self._abort_reads()
        if handing_over:
            self._courier.finish()
        else:
            self._courier.stop(deadline - time.monotonic(), self._aborted)
        for service in self._services:
            service.close()
        self._log.info("stopped", **self._intake.counts.totals(), undelivered=self._undelivered())
        if self._fault is not None:
            self._log.error("journal failed", problem=str(self._fault))
        if self._sources.are_alive:
            _exit_now(FAILED)
        self._journal.close()
        return STOPPED if drained and self._fault is None else FAILED

    def _abort_reads(self) -> None:
        """The deadline was reached, or a second signal came."""
        aborted = self._sources.abort()
        self._intake.abort()
        deadline = time.monotonic() + _ABORT_SECONDS
        while self._sources.are_alive and time.monotonic() < deadline:
            time.sleep(_JOIN_SECONDS)
        self._log.error("drain aborted; alerts may be lost", reads_aborted=aborted, remedy=self._remedy())

    def _remedy(self) -> str:
        """What would have let the sources drain."""
        if self._intake.blocked:
            return self._intake.blocked
        return "send one signal only" if self._aborted.is_set() else "increase shutdown.drain"

    def _undelivered(self) -> int | None:
        """Deliveries that wait for the next start; None if the journal cannot be read."""
        try:
            return self._journal.deliveries.undelivered()
        except JournalError:
            return None


def _exit_now(code: int) -> None:
    """Exit while a source still works: it may be inside SQLite or gRPC, which cannot be closed under it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
