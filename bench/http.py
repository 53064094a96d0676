"""Alerts posted and answered a second, with 2xx after the commit, against the same server without a journal.

The disk's own time for an fsync stands beside them: with one connection every alert waits for one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.routes import routes_text
from bridge.http.guard import Guard
from bridge.journal.opening import open_for_router
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.pipeline.intake import Intake
from bridge.routing.router import Router
from bridge.sources.contract import Accept, Batch
from bridge.sources.http.source import HttpSource

_COUNTS = {1: 3000, 32: 20_000, 128: 20_000}


def figures() -> Iterator[Figure]:
    """The sender is another process; 1,000 routes are matched where there is a journal."""
    program = check([SourceText("bench.route", routes_text(1000))], Known(None, None)).program
    assert program is not None
    router = Router(program, {})
    yield Figure("http, the disk's own fsync, median", _fsync_ms(), "ms")
    for connections, count in _COUNTS.items():
        bare = _rate(connections, count, _Clock())
        with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
            journal = open_for_router(Path(folder) / "journal.db")
            intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=print)
            committed = _rate(connections, count, _Clock(intake.accept))
            journal.close()
        named = f"{connections} connection{'s' if connections > 1 else ''}"
        yield Figure(f"http, {named}, answered at once", bare, "alerts/s")
        yield Figure(f"http, {named}, answered after the commit", committed, "alerts/s", committed / bare, "at once")


def _fsync_ms() -> float:
    """Of a write of one page each, as a commit's."""
    times = []
    with tempfile.NamedTemporaryFile(prefix="falco-bridge-bench-") as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


class _Clock:
    """Notes when the first and the last batch came, and hands them on."""

    def __init__(self, accept: Accept | None = None) -> None:
        self._accept = accept
        self.first = 0.0
        self.last = 0.0
        self.alerts = 0

    def __call__(self, batch: Batch) -> None:
        self.first = self.first or time.monotonic()
        if self._accept is not None:
            self._accept(batch)
        self.alerts += len(batch.alerts)
        self.last = time.monotonic()


def _rate(connections: int, count: int, clock: _Clock) -> float:
    source = HttpSource("bench", "127.0.0.1", 0, Guard())
    thread = threading.Thread(target=source.run, args=(clock,), daemon=True)
    thread.start()
    command = [sys.executable, "-m", "bench.http_client", str(source.port), str(connections), str(count)]
    subprocess.run(command, check=True, timeout=120)
    source.stop()
    thread.join(10)
    assert clock.alerts == count, clock.alerts
    return count / (clock.last - clock.first)
