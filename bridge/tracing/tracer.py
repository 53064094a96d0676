"""Exports spans in a thread of its own: a bounded queue, a bounded share of a core, and nothing waits for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog

from bridge.tracing.counts import SpanCounts, SpanOutcome
from bridge.tracing.settings import TraceSettings
from bridge.tracing.span import Span

MOST_QUEUED = 8192
"""Spans that wait for export, about 10 MB. Further ones are dropped and counted."""
_TOGETHER = 512
_GATHER_SECONDS = 1.0
"""How long spans are gathered for one request."""
_IDLE_SHARE = 9
"""After each request the thread sleeps that many times the CPU time that it took: it takes a tenth of a core."""
_FAILURE_SECONDS = 1.0
_FLUSH_SECONDS = 2.0
"""How long the last export may take when the process stops."""


class Exporter(Protocol):
    """Sends spans somewhere."""

    def export(self, spans: list[Span]) -> str:
        """Send them. Returns why that failed; an empty text on success."""

    def close(self) -> None:
        """Release everything."""


class Tracer:
    """Takes spans from any thread. Off until ``use`` is given settings."""

    def __init__(
        self,
        process: str,
        counts: SpanCounts | None = None,
        make: Callable[[TraceSettings, str], Exporter] | None = None,
        gather_seconds: float = _GATHER_SECONDS,
    ) -> None:
        """``process`` is ``router`` or ``courier``, as the spans name it."""
        self.counts = SpanCounts() if counts is None else counts
        self.sample = 0.0
        """The share of alerts that are traced; 0 while traces are off."""
        self._process = process
        self._make = make or _otlp_exporter
        self._gather_seconds = gather_seconds
        self._settings: TraceSettings | None = None
        self._run: _Run | None = None

    def use(self, settings: TraceSettings | None) -> None:
        """Export as these settings say from now on; None ends it. Raises SetupError."""
        if settings == self._settings:
            return
        run = None
        if settings is not None:
            log = structlog.get_logger("traces").bind(process=self._process)
            run = _Run(self._make(settings, self._process), self.counts, self._gather_seconds, log)
        previous, self._run, self._settings = self._run, run, settings
        self.sample = 0.0 if settings is None else settings.sample
        if previous is not None:
            previous.stop(0.0)

    @property
    def has_room(self) -> bool:
        """Whether spans would be queued. Otherwise they are not worth making."""
        run = self._run
        return run is not None and len(run.queue) < MOST_QUEUED

    @property
    def problem(self) -> str:
        """Why spans cannot be exported at present; empty while they can."""
        run = self._run
        return "" if run is None else run.problem

    def offer(self, spans: Iterable[Span]) -> None:
        """Queue spans. Never waits."""
        run = self._run
        if run is None:
            return
        for span in spans:
            if len(run.queue) >= MOST_QUEUED:
                self.counts.add(SpanOutcome.DROPPED, 1)
            else:
                run.queue.append(span)
        if not run.waiting.is_set():
            run.waiting.set()

    def drop(self, count: int) -> None:
        """Count spans that were not made because the queue is full."""
        self.counts.add(SpanOutcome.DROPPED, count)

    def close(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Export what is queued for up to ``seconds``, then end."""
        run, self._run = self._run, None
        self.sample = 0.0
        if run is not None:
            run.stop(seconds)


class _Run:
    """The thread of one exporter, with its queue."""

    def __init__(self, exporter: Exporter, counts: SpanCounts, gather_seconds: float, log: Any) -> None:
        self.queue: deque[Span] = deque()
        self.waiting = threading.Event()
        """Set when there is something to export."""
        self._exporter = exporter
        self._counts = counts
        self._gather_seconds = gather_seconds
        self._stopping = threading.Event()
        self.problem = ""
        """Why the last export failed; empty if it did not."""
        self._log = log
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End the thread. What it could not export in time is dropped."""
        self._stopping.set()
        self.waiting.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self.waiting.wait()
            self._stopping.wait(self._gather_seconds)
            self.waiting.clear()
            started = time.thread_time()
            pause = self._export()
            self._stopping.wait(max(pause, (time.thread_time() - started) * _IDLE_SHARE))
        while self.queue and not self.problem:
            self._export()
        self._counts.add(SpanOutcome.DROPPED, len(self.queue))
        self._exporter.close()

    def _export(self) -> float:
        """Export some of the queue. Returns how many seconds to wait before the next."""
        spans = [self.queue.popleft() for _ in range(min(len(self.queue), _TOGETHER))]
        if not spans:
            return 0.0
        if self.queue:
            self.waiting.set()
        try:
            problem = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001  # a fault of the exporter must not end the thread
            problem = f"internal error ({type(error).__name__})"
        if not problem:
            self._counts.add(SpanOutcome.EXPORTED, len(spans))
            if self.problem:
                self._log.info("traces exported again")
            self.problem = ""
            return 0.0
        self._counts.add(SpanOutcome.FAILED, len(spans))
        if not self.problem:
            self._log.warning(
                "traces not exported", problem=problem, remedy="check `traces.endpoint` and the collector"
            )
        self.problem = problem
        return _FAILURE_SECONDS


def _otlp_exporter(settings: TraceSettings, process: str) -> Exporter:
    from bridge.tracing.exporter import OtlpExporter

    return OtlpExporter(settings, process)
