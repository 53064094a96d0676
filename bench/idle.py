"""CPU cost of an idle bridge, and its latency for an alert after a pause."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bridge.simulate.server import StandInFalco
from bridge.sources.contract import Batch
from bridge.sources.grpc.source import GrpcSource

_SECONDS = 12.0
_MANY = 100
_TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> Iterator[Figure]:
    """Percent of a core used by both processes together, and the latency of an alert after a pause."""
    one, many = _share(1), _share(_MANY)
    each = (many - one) / (_MANY - 1)
    yield Figure("idle bridge with one Falco", one, "% of a core")
    yield Figure(f"idle bridge with {_MANY} Falcos", many, "% of a core")
    yield Figure("each further idle Falco", each, "% of a core")
    waits = sorted(_waits(12))
    yield Figure("latency of an alert after a pause, median", waits[len(waits) // 2] * 1000, "ms")
    yield Figure("latency of an alert after a pause, longest", waits[-1] * 1000, "ms")


def _share(falcos: int) -> float:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        servers = [StandInFalco(f"unix:{folder}/{number}.sock") for number in range(falcos)]
        for server in servers:
            server.start()
        addresses = ", ".join(f"unix:{number}.sock" for number in range(falcos))
        (folder / "r.route").write_text("otherwise { to archive }\n", encoding="utf-8")
        (folder / "config.yaml").write_text(
            f"sources: [{{grpc: [{addresses}]}}]\nchannels: {{archive: file://a.jsonl}}\n"
            "routes: r.route\njournal: journal.db\n",
            encoding="utf-8",
        )
        bridge = subprocess.Popen(
            [sys.executable, "-m", "bridge", "--config", "config.yaml"], cwd=folder, stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(20.0)  # the indexer of the history starts after ten
            before = _ticks(bridge.pid)
            time.sleep(_SECONDS)
            spent = _ticks(bridge.pid) - before
        finally:
            bridge.terminate()
            bridge.wait(30)
            for server in servers:
                server.abort()
        return spent / _TICKS / _SECONDS * 100


def _ticks(pid: int) -> int:
    """CPU clock ticks of a process and its children."""
    family = [pid, *_children(pid)]
    total = 0
    for each in family:
        fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]


def _waits(samples: int) -> Iterator[float]:
    from bridge.simulate.generate import generate
    from bridge.simulate.recording import Form

    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        address = f"unix:{folder}/falco.sock"
        read = threading.Event()

        def accept(batch: Batch) -> None:
            if batch.alerts:
                read.set()

        with StandInFalco(address) as falco:
            source = GrpcSource("bench", address)
            thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
            thread.start()
            for number, alert in enumerate(generate(samples)):
                time.sleep(1.5 + number * 0.037)
                read.clear()
                started = time.monotonic()
                falco.put(alert.grpc(Form.TEXT))
                read.wait(5)
                yield time.monotonic() - started
            source.stop()
            thread.join(5)
