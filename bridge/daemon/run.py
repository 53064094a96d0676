"""The bridge itself: config and routes checked, then two processes at work until somebody says stop."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from bridge.journal import JournalError
from bridge.journal.protocols import Journal
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.intake import Intake
from bridge.sources.contract import Source
from bridge.sources.supervise import supervise

LOST = 1
"""Exit code: stopped before everything that was being read could be kept, or the journal failed."""
_LOOK_SECONDS = 0.05
_IDLE_SECONDS = 0.5
"""How often it is looked at whether the sources still live; a signal is answered at once."""
_CANCEL_SECONDS = 1.0


class BackgroundService(Protocol):
    """What works beside the sources: where operators and their programs ask things, and the journal's upkeep."""

    def start(self) -> None:
        """Work from now on."""

    def close(self) -> None:
        """Work no more."""


class Bridge:
    """One running bridge."""

    def __init__(
        self,
        journal: Journal,
        intake: Intake,
        sources: Sequence[Source],
        courier: CourierProcess,
        doors: Sequence[BackgroundService],
        drain_seconds: float,
    ) -> None:
        self._journal = journal
        self._intake = intake
        self._sources = sources
        self._courier = courier
        self._doors = doors
        self._drain_seconds = drain_seconds
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._fault: JournalError | None = None
        self._log = structlog.get_logger("bridge")

    def stop(self) -> None:
        """Drain and leave; asked a second time, leave at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def fail(self, fault: JournalError) -> None:
        """The journal cannot go on: leave, and say why."""
        self._fault = fault
        self._stop.set()

    def run(self) -> int:
        """Work until stopped; returns the exit code."""
        threads = [
            threading.Thread(
                target=supervise, args=(source, self._intake.accept, self._stop), name=source.name, daemon=True
            )
            for source in self._sources
        ]
        self._courier.start()
        for thread in threads:
            thread.start()
        for door in self._doors:
            door.start()
        self._log.info("started", sources=[source.name for source in self._sources])
        self._await_end(threads)
        return self._drain(threads)

    def _await_end(self, threads: Sequence[threading.Thread]) -> None:
        """Until somebody says stop, or every source has come to its end by itself."""
        while any(thread.is_alive() for thread in threads):
            if self._stop.wait(_IDLE_SECONDS):
                return

    def _drain(self, threads: Sequence[threading.Thread]) -> int:
        deadline = time.monotonic() + self._drain_seconds
        self._log.info("stopping", drain_seconds=self._drain_seconds)
        for source in self._sources:
            source.stop()
        drained = self._join(threads, deadline) or self._cut_off(threads)
        self._courier.stop(deadline - time.monotonic(), self._hurry)
        for door in self._doors:
            door.close()
        self._log.info("stopped", **self._intake.counts.totals(), undelivered=self._undelivered())
        if self._fault is not None:
            self._log.error("journal failed", problem=str(self._fault))
        if any(thread.is_alive() for thread in threads):
            _leave(LOST)
        self._journal.close()
        return 0 if drained and self._fault is None else LOST

    def _join(self, threads: Sequence[threading.Thread], deadline: float) -> bool:
        """Wait until the sources have handed over what was in flight. Returns whether all did in time."""
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline and not self._hurry.is_set():
                thread.join(_LOOK_SECONDS)
        return not any(thread.is_alive() for thread in threads)

    def _cut_off(self, threads: Sequence[threading.Thread]) -> bool:
        """The deadline, or a second signal: let go of what is being read, and say so."""
        cut = sum(source.abort() for source in self._sources)
        self._intake.abort()
        self._join(threads, time.monotonic() + _CANCEL_SECONDS)
        self._log.error(
            "alerts may be lost: stopped before the sources had drained",
            reads_cut_off=cut,
            remedy=self._remedy(),
        )
        return False

    def _remedy(self) -> str:
        """What would have let them drain."""
        if self._intake.blocked:
            return self._intake.blocked
        return "a second signal cuts the drain short" if self._hurry.is_set() else "give shutdown.drain more time"

    def _undelivered(self) -> int | None:
        """What waits for the next start; None where the journal can no longer say."""
        try:
            return self._journal.deliveries.undelivered()
        except JournalError:
            return None


def _leave(code: int) -> None:
    """Leave while a source still works: it may be inside SQLite or gRPC, which cannot be taken apart under it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
