"""A hundred Falcos by gRPC and a hundred by http at once: what the quiet ones wait while one floods."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from bench.figures import Figure
from bench.routes import routes_text
from bridge.http.guard import Guard
from bridge.journal.opening import open_for_router
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.pipeline.intake import Intake
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from bridge.sources.grpc.peers import GrpcPeers
from bridge.sources.http.source import HttpSource

_FALCOS = 100
_SECONDS = 12.0


def figures() -> Iterator[Figure]:
    """The router's half in this process, to see inside; the Falcos in another, on the same machine."""
    _only_errors()
    calm, flood = _run("calm"), _run("flood")
    for name, run in (("calm", calm), ("one floods", flood)):
        for instance, waits in (("gRPC, read to commit", run.commits), ("http, post to answer", run.posts)):
            waits.sort()
            for what, at in (("median", len(waits) // 2), ("p99", len(waits) * 99 // 100), ("worst", -1)):
                yield Figure(f"{_FALCOS} + {_FALCOS} Falcos, {name}: {instance}, {what}", waits[at] * 1000, "ms")
        yield Figure(
            f"{_FALCOS} + {_FALCOS} Falcos, {name}: sent by the quiet ones and not received", run.lost, "alerts"
        )
    yield Figure("the flooding Falco meanwhile", flood.flooded / _SECONDS, "alerts/s")


def _only_errors() -> None:
    """Two hundred Falcos that come and go are much to tell."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


class _Watched:
    """Takes batches in, and notes how long those of the quiet Falcos waited for their commit."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.waits: list[float] = []
        self.taken = 0
        self.flooded = 0

    def __call__(self, batch: Batch) -> None:
        self._intake.accept(batch)
        quiet = sum(alert.hostname == "quiet" for alert in batch.alerts)
        if quiet:
            self.waits += [(time.time_ns() - batch.received_ns) / 1e9] * quiet
        self.taken += quiet
        self.flooded += len(batch.alerts) - quiet


class _Run:
    """The measurements of one run."""

    def __init__(self, watched: _Watched, measured: dict[str, object], posted: int) -> None:
        assert isinstance(measured["waits"], list)
        self.commits = watched.waits
        self.posts: list[float] = measured["waits"]
        self.flooded = watched.flooded
        self.lost = int(str(measured["quiet"])) - watched.taken + int(str(measured["posted"])) - posted


def _run(mood: str) -> _Run:
    program = check([SourceText("bench.route", routes_text(1000))], Known(None, None)).program
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        journal = open_for_router(folder / "journal.db")
        intake = Intake(journal.alerts, Router(program, {}), on_deliveries=lambda: None, on_fault=print)
        watched = _Watched(intake)
        posted: list[int] = []

        def accept_posts(batch: Batch) -> None:
            intake.accept(batch)
            posted.append(len(batch.alerts))

        addresses = frozenset(f"unix:{folder}/{number}.sock" for number in range(_FALCOS))
        http = HttpSource("http", "127.0.0.1", 0, Guard())
        peers = GrpcPeers("grpc", "", lambda: addresses)
        threads = [
            threading.Thread(target=http.run, args=(accept_posts,), daemon=True),
            threading.Thread(target=peers.run, args=(watched,), daemon=True),
        ]
        command = [sys.executable, "-m", "bench.falcos", name, str(_FALCOS), str(http.port), mood]
        falcos = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert falcos.stdout is not None
        falcos.stdout.readline()
        for thread in threads:
            thread.start()
        time.sleep(_SECONDS)
        said, _ = falcos.communicate("")
        peers.stop()
        http.stop()
        for thread in threads:
            thread.join(20)
        journal.close()
        return _Run(watched, json.loads(said), sum(posted))
