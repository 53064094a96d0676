"""Alerts from gRPC to the journal and on to a channel: throughput, and the time from receipt to commit.

At a rate, `lean_falco` offers the alerts, which costs a tenth of a core. At 20,000/s offered, on two cores, the router
commits 15,000/s in one core: it does not read while it commits. Committing in another thread was not faster, because
there is one interpreter, and alerts then waited ten times as long. All at once, the simulated Falco offers them, a
Python server that gives about 28,000/s to a reader that only counts.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from bench.figures import Figure
from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.alert.wire.methods import GET
from bridge.journal import JournalError
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.protocols import Journal
from bridge.journal.sql.dictionaries import TRAINED_AT
from bridge.journal.sqlite import database
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.pipeline.intake import Intake
from bridge.routing.router import Router
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.sources.contract import Batch
from bridge.sources.grpc.connection import open_channel
from bridge.sources.grpc.source import GrpcSource

_SECONDS = 8
_RATES = (1000, 5000, 20_000)
_ROUTES = """
list prod = (payments, checkout, prod-eu)
macro destructive = proc.cmdline contains "rm -rf" or proc.cmdline startswith "mkfs"
route "rm -rf in prod" { when destructive and k8s.ns.name in (prod) to archive severity critical }
route "package managers" { when rule = "Launch Package Management Process in Container" drop }
otherwise { to archive }
"""


def figures() -> Iterator[Figure]:
    """The simulated Falco is a process of its own. The router runs in this one, so that its CPU can be measured."""
    yield from _falco_alone()
    for rate in _RATES:
        yield from _under_load(rate)
    yield from _whole_bridge()


def _falco_alone() -> Iterator[Figure]:
    """Its limit: all alerts are queued before, and the reader only counts them."""
    count = max(_RATES) * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name, offering(Path(name), count) as falco:
        falco_before, before, started = falco.cpu_seconds(), time.process_time(), time.monotonic()
        with open_channel(falco.address, None) as channel:
            get: Any = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)
            read = 0
            while read < count:
                read += sum(1 for _ in get(b""))
        seconds = time.monotonic() - started
        yield Figure("simulated Falco alone, alerts only counted", count / seconds, "alerts/s")
        yield Figure("simulated Falco alone: its CPU", (falco.cpu_seconds() - falco_before) / count * 1e6, "µs/alert")
        yield Figure(
            "simulated Falco alone: the reader's CPU", (time.process_time() - before) / count * 1e6, "µs/alert"
        )


def _under_load(rate: int) -> Iterator[Figure]:
    count = rate * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        with offering(folder, count, rate) as falco:
            falco_before, before = falco.cpu_seconds(), time.process_time()
            commits, seconds = _accept(folder, count)
            falco_spent, spent = falco.cpu_seconds() - falco_before, time.process_time() - before
        commits = commits[len(commits) // 4 :]  # without the first alerts, for which masks are computed
        yield Figure(f"offered {rate:,}/s: simulated Falco", falco_spent / seconds, "cores")
        yield Figure(f"offered {rate:,}/s: the router", spent / seconds, "cores")
        yield Figure(f"offered {rate:,}/s: committed", count / seconds, "alerts/s")
        yield Figure(f"offered {rate:,}/s: alerts in a commit, median", median(each.alerts for each in commits), "")
        yield Figure(f"offered {rate:,}/s: sync, median", median(each.sync for each in commits) * 1000, "ms")
        for since, waits in (
            ("first message of a read", sorted(each.first for each in commits for _ in range(each.alerts))),
            ("end of a read", sorted(each.end for each in commits for _ in range(each.alerts))),
        ):
            yield Figure(f"offered {rate:,}/s: {since} to commit, median", waits[len(waits) // 2] * 1000, "ms")
            yield Figure(f"offered {rate:,}/s: {since} to commit, p99", waits[len(waits) * 99 // 100] * 1000, "ms")


@dataclass(frozen=True, slots=True)
class _Commit:
    """One batch. Seconds until it was committed."""

    alerts: int
    first: float
    """From the receipt of its first message."""
    end: float
    """From the end of the read."""
    sync: float
    """What the sync of the write-ahead log took."""


def _accept(folder: Path, count: int) -> tuple[list[_Commit], float]:
    """The commits of all alerts, and the seconds that they took."""
    program = check([SourceText("bench.route", _ROUTES)], Known(None, None)).program
    assert program is not None
    journal = open_for_router(folder / "journal.db")
    intake = Intake(journal.alerts, Router(program, {}), on_deliveries=lambda: None, on_fault=print)
    _use_dictionary(journal, intake)
    gc.freeze()  # as a bridge does when it starts
    commits: list[_Commit] = []
    committed = 0
    done = threading.Event()

    def accept(batch: Batch) -> None:
        nonlocal committed
        started = time.time_ns()
        with _syncs() as syncs:
            intake.accept(batch)
        now = time.time_ns()
        alerts = len(batch.alerts)
        commits.append(_Commit(alerts, (now - batch.received_ns) / 1e9, (now - started) / 1e9, sum(syncs)))
        committed += alerts
        if committed >= count:
            done.set()

    source = GrpcSource("bench", f"unix:{folder}/falco.sock")
    thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
    started = time.monotonic()
    thread.start()
    done.wait(120)
    seconds = time.monotonic() - started
    source.stop()
    thread.join(5)
    journal.close()
    gc.unfreeze()
    return commits, seconds


def _use_dictionary(journal: Journal, intake: Intake) -> None:
    """Store as many alerts as a journal needs to train its compression dictionary, and train it."""
    now_ns = time.time_ns()
    made = [decode_grpc(each.grpc(Form.TEXT), now_ns) for each in generate(TRAINED_AT[0], seed=0)]
    alerts = [each for each in made if isinstance(each, Alert)]
    for start in range(0, len(alerts), 100):
        intake.accept(Batch("bench", now_ns, tuple(alerts[start : start + 100])))
    complete = journal.maintenance.prepare()
    assert complete is not None
    complete()


@contextmanager
def _syncs() -> Iterator[list[float]]:
    """The seconds of each sync of the write-ahead log inside."""
    seconds: list[float] = []
    sync = database._sync  # noqa: SLF001  # its time is a figure

    def measured(descriptor: int) -> None:
        started = time.perf_counter()
        sync(descriptor)
        seconds.append(time.perf_counter() - started)

    database._sync = measured  # noqa: SLF001
    try:
        yield seconds
    finally:
        database._sync = sync  # noqa: SLF001


def _whole_bridge() -> Iterator[Figure]:
    """The real command with a file channel; all alerts are offered at once."""
    count = 10_000
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        (folder / "bench.route").write_text(_ROUTES, encoding="utf-8")
        (folder / "config.yaml").write_text(
            "sources: [{grpc: unix:falco.sock}]\nchannels: {archive: file://archive.jsonl}\nroutes: bench.route\n"
            "journal: journal.db\n",
            encoding="utf-8",
        )
        with simulating(folder, count, None):
            bridge = start(folder, "--config", "config.yaml")
            started = time.monotonic()
            try:
                committed = _await(folder, lambda journal: journal.history.alert_count() >= count)
                delivered = _await(folder, lambda journal: journal.deliveries.undelivered() == 0)
            finally:
                bridge.terminate()
                bridge.wait(30)
        yield Figure("all at once: committed, start of the bridge included", count / (committed - started), "alerts/s")
        yield Figure("all at once: delivered to a file with fsync each", count / (delivered - started), "alerts/s")


def _await(folder: Path, holds: Callable[[Journal], bool]) -> float:
    """The time at which the condition held. Raises TimeoutError."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            journal = open_to_read(folder / "journal.db")
            done = holds(journal)
            journal.close()
        except JournalError:
            done = False
        if done:
            return time.monotonic()
        time.sleep(0.1)
    raise TimeoutError("the bridge did not finish")


class simulating:  # noqa: N801  # used as a function
    """A simulated Falco that offers ``rate`` alerts per second, or all at once."""

    def __init__(self, folder: Path, count: int, rate: int | None) -> None:
        pace = [] if rate is None else ["--rate", str(rate)]
        self._folder = folder
        self._process = start(
            folder, "simulate", "--generate", "--count", str(count), *pace, "--listen", "unix:falco.sock"
        )

    def __enter__(self) -> None:
        while not (self._folder / "falco.sock").exists():
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class offering:  # noqa: N801  # used as a function
    """As ``simulating``, but the alerts are generated before, and the CPU of its process can be read.

    With a rate, they are offered evenly from the first read on, by a Falco that costs little.
    """

    def __init__(self, folder: Path, count: int, rate: int | None = None) -> None:
        self._socket = folder / "falco.sock"
        self.address = f"unix:{self._socket}"
        server, rated = ("bench.offering", []) if rate is None else ("bench.lean_falco", [str(rate)])
        command = [sys.executable, "-m", server, str(self._socket), str(count), *rated]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cpu_seconds(self) -> float:
        """CPU seconds that its process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        while not self._socket.exists():
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command: Sequence[str] = [sys.executable, "-m", "bridge", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
