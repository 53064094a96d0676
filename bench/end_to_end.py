"""The whole road under load: what is committed a second, how long a batch waits for its commit, what is delivered.

Who is the limit at 20,000/s offered, on two cores: neither fills one, they take turns. The stand-in (a Python server:
a real Falco's is not) hands a message at a time to a reader that asks for the next, and gives some 28,000/s to one that
only counts; the router spends about 45 µs of CPU an alert (14 to read it, 9 to decode, 21 to match, decide and commit),
so 22,000/s is its own end, and while it commits nobody reads. Both in turn make 13,000 to 14,000/s. To commit in
another thread than reads was no faster, for there is one interpreter, and alerts then waited ten times as long.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from bench.figures import Figure
from bridge.alert.wire.methods import GET
from bridge.journal.opening import open_for_router, open_to_read
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.pipeline.intake import Intake
from bridge.routing.router import Router
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
    """A stand-in Falco and a courier as processes of their own; the router's half in this one, to see inside."""
    yield from _stand_in_alone()
    for rate in _RATES:
        yield from _under_load(rate)
    yield from _whole_bridge()


def _stand_in_alone() -> Iterator[Figure]:
    """What it can give: everything is queued, and the reader does nothing but count."""
    count = max(_RATES) * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name, offering(Path(name), count) as falco:
        before, spent, began = falco.cpu_seconds(), time.process_time(), time.monotonic()
        with open_channel(falco.address, None) as channel:
            get: Any = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)
            read = 0
            while read < count:
                read += sum(1 for _ in get(b""))
        seconds = time.monotonic() - began
        yield Figure("the stand-in alone, its alerts only counted", count / seconds, "alerts/s")
        yield Figure("the stand-in alone: its CPU", (falco.cpu_seconds() - before) / count * 1e6, "µs/alert")
        yield Figure("the stand-in alone: the counter's CPU", (time.process_time() - spent) / count * 1e6, "µs/alert")


def _under_load(rate: int) -> Iterator[Figure]:
    count = rate * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        with offering(folder, count, rate) as falco:
            before, spent = falco.cpu_seconds(), time.process_time()
            waits, seconds = _take_in(folder, count)
            theirs, ours = falco.cpu_seconds() - before, time.process_time() - spent
        waits.sort()
        yield Figure(f"offered {rate:,}/s: the stand-in", theirs / seconds, "cores")
        yield Figure(f"offered {rate:,}/s: the router", ours / seconds, "cores")
        yield Figure(f"offered {rate:,}/s: committed", count / seconds, "alerts/s")
        yield Figure(f"offered {rate:,}/s: receive to commit, median", waits[len(waits) // 2] * 1000, "ms")
        yield Figure(f"offered {rate:,}/s: receive to commit, p99", waits[len(waits) * 99 // 100] * 1000, "ms")


def _take_in(folder: Path, count: int) -> tuple[list[float], float]:
    """Each alert's wait from the read of its batch to the commit, and how long all took."""
    program = check([SourceText("bench.route", _ROUTES)], Known(None, None)).program
    assert program is not None
    journal = open_for_router(folder / "journal.db")
    intake = Intake(journal.alerts, Router(program, {}), on_deliveries=lambda: None, on_fault=print)
    waits: list[float] = []
    done = threading.Event()

    def accept(batch: Batch) -> None:
        intake.accept(batch)
        waited = (time.time_ns() - batch.received_ns) / 1e9
        waits.extend([waited] * len(batch.alerts))
        if len(waits) >= count:
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
    return waits, seconds


def _whole_bridge() -> Iterator[Figure]:
    """The real command, its courier writing to a file channel; everything is offered at once."""
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
                kept = _await(folder, lambda journal: journal.history.alert_count() >= count)
                delivered = _await(folder, lambda journal: journal.deliveries.undelivered() == 0)
            finally:
                bridge.terminate()
                bridge.wait(30)
        yield Figure("all at once: committed, start of the bridge included", count / (kept - started), "alerts/s")
        yield Figure("all at once: delivered to a file with fsync each", count / (delivered - started), "alerts/s")


def _await(folder: Path, holds: object) -> float:
    from bridge.journal import JournalError

    assert callable(holds)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            journal = open_to_read(folder / "journal.db")
            found = holds(journal)
            journal.close()
        except JournalError:
            found = False
        if found:
            return time.monotonic()
        time.sleep(0.1)
    raise TimeoutError("the bridge did not finish")


class simulating:  # noqa: N801  # used as a function
    """A stand-in Falco that offers so many alerts a second, or all at once."""

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


class offering:  # noqa: N801  # likewise
    """A stand-in Falco whose alerts are made before, offered at so many a second, or all at once."""

    def __init__(self, folder: Path, count: int, rate: int | None = None) -> None:
        self._socket = folder / "falco.sock"
        self.address = f"unix:{self._socket}"
        rated = [] if rate is None else [str(rate)]
        command = [sys.executable, "-m", "bench.offering", str(self._socket), str(count), *rated]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cpu_seconds(self) -> float:
        """What its process has used."""
        said = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")

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
