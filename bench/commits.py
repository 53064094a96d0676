"""From the receipt of alerts by gRPC to their commit, at a rate, with the time that the disk took.

`lean_falco` offers the alerts, which costs a tenth of a core. For comparison, bare syncs of as many bytes as a commit
writes, to a file that does not grow, in the same folder; and the same load with the journal in memory.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.processes import offering
from bridge.alert import Alert
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.journal.opening import open_for_router
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
from bridge.sources.grpc.source import GrpcSource

_SECONDS = 8
_ROUNDS = {1000: 1, 5000: 3}
"""How often each rate is measured, in alerts per second."""
_COMMIT_BYTES = 8 * (4096 + 24)
"""What a commit of 5 or 6 alerts writes to the write-ahead log: 6 to 9 pages."""
_BARE_SYNCS = 2000
_LIMITS = (0.25, 0.5, 1.0, 2.0)
"""Of the histograms, in milliseconds."""
_MEMORY = Path("/dev/shm")  # a file system in memory, for comparison
ROUTES = """
list prod = (payments, checkout, prod-eu)
macro destructive = proc.cmdline contains "rm -rf" or proc.cmdline startswith "mkfs"
route "rm -rf in prod" { when destructive and k8s.ns.name in (prod) to archive severity critical }
route "package managers" { when rule = "Launch Package Management Process in Container" drop }
otherwise { to archive }
"""


def figures() -> Iterator[Figure]:
    """On the disk of the temporary folder, then bare syncs there, then in memory. The router runs in this process."""
    for rate, rounds in _ROUNDS.items():
        yield from _figures(f"offered {rate:,}/s", [_run(rate, None) for _ in range(rounds)])
    yield from _histogram("bare syncs", _bare_syncs())
    if _MEMORY.is_dir():
        yield from _figures("in memory, offered 5,000/s", [_run(5000, _MEMORY)])


def under_load(rate: int) -> Iterator[Figure]:
    """The figures of one run."""
    return _figures(f"offered {rate:,}/s", [_run(rate, None)])


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


@dataclass(frozen=True, slots=True)
class _Run:
    commits: Sequence[_Commit]
    """Without those of the first alerts, for which masks are computed."""
    alerts: int
    seconds: float
    router: float
    """CPU seconds."""
    falco: float
    """CPU seconds."""


def _run(rate: int, parent: Path | None) -> _Run:
    count = rate * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-", dir=parent) as name:
        folder = Path(name)
        with offering(folder, count, rate) as falco:
            before = falco.cpu_seconds()
            commits, seconds, router = _accept(folder, count)
            spent = falco.cpu_seconds() - before
    return _Run(commits[len(commits) // 4 :], count, seconds, router, spent)


def _figures(name: str, runs: Sequence[_Run]) -> Iterator[Figure]:
    """Of all runs together; the p99 of each, too. A commit counts once for each of its alerts."""
    commits = [each for run in runs for each in run.commits]
    seconds = sum(run.seconds for run in runs)
    yield Figure(f"{name}: simulated Falco", sum(run.falco for run in runs) / seconds, "cores")
    yield Figure(f"{name}: the router", sum(run.router for run in runs) / seconds, "cores")
    yield Figure(f"{name}: committed", sum(run.alerts for run in runs) / seconds, "alerts/s")
    yield Figure(f"{name}: alerts in a commit, median", median(each.alerts for each in commits), "")
    yield from _quantiles(f"{name}: first message of a read to commit", [(each.first, each) for each in commits])
    yield from _quantiles(f"{name}: end of a read to commit", [(each.end, each) for each in commits])
    if len(runs) > 1:
        for number, run in enumerate(runs, 1):
            p99 = _quantile(sorted(each.end for each in run.commits for _ in range(each.alerts)), 0.99)
            yield Figure(f"{name}: end of a read to commit, p99 of round {number}", p99 * 1000, "ms")
    without_sync = [(each.end - each.sync, each) for each in commits]
    yield from _quantiles(f"{name}: end of a read to commit, less the sync of that commit", without_sync)
    yield from _histogram(f"{name}: syncs", [each.sync for each in commits])


def _quantiles(name: str, waits: Sequence[tuple[float, _Commit]]) -> Iterator[Figure]:
    seconds = sorted(wait for wait, commit in waits for _ in range(commit.alerts))
    yield Figure(f"{name}, median", _quantile(seconds, 0.5) * 1000, "ms")
    yield Figure(f"{name}, p99", _quantile(seconds, 0.99) * 1000, "ms")


def _histogram(name: str, syncs: Sequence[float]) -> Iterator[Figure]:
    """Of the syncs of the write-ahead log, or of another file: each counts once."""
    seconds = sorted(syncs)
    yield Figure(f"{name}, median", _quantile(seconds, 0.5) * 1000, "ms")
    yield Figure(f"{name}, p99", _quantile(seconds, 0.99) * 1000, "ms")
    for limit in _LIMITS:
        part = bisect_right(seconds, limit / 1000) / len(seconds)
        yield Figure(f"{name} of at most {limit:g} ms", part * 100, "%")


def _quantile(ascending: Sequence[float], part: float) -> float:
    return ascending[int(len(ascending) * part)]


def _bare_syncs() -> list[float]:
    """Seconds of each ``fdatasync``, one in a millisecond, of as much as a commit writes. The file does not grow."""
    content, size, seconds = os.urandom(_COMMIT_BYTES), 16 << 20, list[float]()
    with tempfile.NamedTemporaryFile(prefix="falco-bridge-bench-", buffering=0) as file:
        file.write(bytes(size))
        os.fsync(file.fileno())
        for number in range(_BARE_SYNCS):
            os.pwrite(file.fileno(), content, number * _COMMIT_BYTES % (size - _COMMIT_BYTES))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
            time.sleep(0.001)
    return seconds


def _accept(folder: Path, count: int) -> tuple[list[_Commit], float, float]:
    """The commits of all alerts, and the seconds and CPU seconds that they took."""
    program = check([SourceText("bench.route", ROUTES)], Known(None, None)).program
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
    started, spent = time.monotonic(), time.process_time()
    thread.start()
    done.wait(120)
    seconds, spent = time.monotonic() - started, time.process_time() - spent
    source.stop()
    thread.join(5)
    journal.close()
    gc.unfreeze()
    return commits, seconds, spent


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
