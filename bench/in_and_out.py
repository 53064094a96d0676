"""The whole bridge between a sender and a receiver: CPU an alert of the router and the courier, against floors.

One ``otherwise`` route to one ``webhook://`` channel. The journal has the compression dictionary that it trains of its
first 1,000 alerts, which takes 0.1 s once. The router's floor is ``bench.floor``, asked with the same
alerts by the same client; rounds of both alternate, and the best of three counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure

_COUNTS = {1: 1500, 8: 6000, 32: 12_000}
_ROUNDS = 3
_WARM_UP = 1200
"""Alerts that are posted before; a dictionary is trained at 1,000."""
_SCHEDULED = 2
"""The kind of clock, of a process: user and system time in nanoseconds."""
_ROOT = Path(__file__).parent.parent


class _Spent(NamedTuple):
    """Microseconds of CPU an alert, and how many were accepted a second."""

    router: float
    courier: float
    rate: float


def figures() -> Iterator[Figure]:
    """At 1, 8 and 32 connections; the courier's cost is that of one post each and of batches."""
    for connections, count in _COUNTS.items():
        rounds = [(_floor(connections, count), _bridge(connections, count, "")) for _ in range(_ROUNDS)]
        batched = min((_bridge(connections, count, "?batch=array") for _ in range(_ROUNDS)), key=sum)
        floor, whole = (min(of_one) for of_one in zip(*rounds, strict=True))
        named = f"{connections} connection{'s' if connections > 1 else ''}"
        yield Figure(f"{named}: the floor's CPU", floor.router, "µs/alert")
        yield Figure(f"{named}: the router's CPU", whole.router, "µs/alert", whole.router / floor.router, "the floor")
        yield Figure(f"{named}: accepted", whole.rate, "/s", whole.rate / floor.rate, "the floor")
        yield Figure(f"{named}: the courier's CPU, one post each", whole.courier, "µs/alert")
        yield Figure(f"{named}: in and out", whole.router + whole.courier, "µs/alert")
        yield Figure(f"{named}: in and out, batch=array", batched.router + batched.courier, "µs/alert")


def _floor(connections: int, count: int) -> _Spent:
    with (
        tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder,
        _started("bench.floor", f"{folder}/log") as process,
    ):
        assert process.stdout is not None
        port = int(process.stdout.readline())
        before = _cpu(process.pid)
        rate = _posted(port, connections, count)
        return _Spent((_cpu(process.pid) - before) / count * 1e6, 0.0, rate)


def _bridge(connections: int, count: int, query: str) -> _Spent:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name, _started("bench.far_side") as far:
        folder = Path(name)
        assert far.stdout is not None
        port = _free_port()
        (folder / "r.route").write_text("otherwise { to hook }\n", encoding="utf-8")
        (folder / "c.yaml").write_text(
            f"sources: [{{http: '127.0.0.1:{port}'}}]\n"
            f"channels: {{hook: 'webhook://127.0.0.1:{int(far.stdout.readline())}/{query}'}}\n"
            "routes: r.route\njournal: j.db\nlog: {level: error}\n",
            encoding="utf-8",
        )
        with _started("bridge", "--config", "c.yaml", cwd=folder) as bridge:
            _await(port)
            _posted(port, 8, _WARM_UP)
            _await_dictionary(folder)
            _await_delivered(folder)
            courier = _child(bridge.pid)
            before = _cpu(bridge.pid), _cpu(courier)
            rate = _posted(port, connections, count)
            _await_delivered(folder)
            spent = _Spent(
                (_cpu(bridge.pid) - before[0]) / count * 1e6, (_cpu(courier) - before[1]) / count * 1e6, rate
            )
            bridge.send_signal(signal.SIGTERM)
            bridge.wait(60)
        return spent


def _posted(port: int, connections: int, count: int) -> float:
    command = [sys.executable, "-m", "bench.http_client", str(port), str(connections), str(count)]
    done = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True, cwd=_ROOT)
    return count / float(done.stdout)


def _await(port: int) -> None:
    from bench.delivery import _await_source

    _await_source(port)
    time.sleep(1)  # the start's own work is over


def _await_dictionary(folder: Path) -> None:
    _await_zero(folder, "SELECT count(*) = 0 FROM dictionaries")


def _await_delivered(folder: Path) -> None:
    _await_zero(folder, "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'claimed')")


def _await_zero(folder: Path, query: str) -> None:
    """Wait until a query of the journal returns 0."""
    import sqlite3

    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with sqlite3.connect(f"file:{folder}/j.db?mode=ro", uri=True) as journal:
            (left,) = journal.execute(query).fetchone()
        if not left:
            return
        time.sleep(0.2)
    raise TimeoutError(query)


def _child(pid: int) -> int:
    """The courier's process id."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    if children:
        return int(children[0])
    for task in Path(f"/proc/{pid}/task").iterdir():
        if found := (task / "children").read_text(encoding="ascii").split():
            return int(found[0])
    raise RuntimeError("the bridge has no courier")


def _cpu(pid: int) -> float:
    """Seconds that the process has used, by Linux's clock of it: the ticks in ``/proc`` are 4 % of a floor's round."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


@contextmanager
def _started(module: str, *arguments: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=cwd, env=environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _free_port() -> int:
    from bench.delivery import _free_port as free_port

    return free_port()
