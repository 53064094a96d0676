"""What a bridge needs: CPU, memory and disk for each alert that one Falco posts, with and without a delivery."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure

_COUNT = int(os.environ.get("FALCO_BRIDGE_BENCH_ALERTS", "20000"))
_ROUTES = {
    "stored": 'route "all" { when priority >= debug drop }\n',
    "delivered": 'route "all" { when priority >= debug to archive }\n',
}
_NAMES = {"bridge.courier": "courier", "bridge.history": "indexer"}


@dataclass(frozen=True)
class _Need:
    """CPU seconds and PSS in MiB of each process, and bytes of the files, after the alerts."""

    seconds: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]
    journal: int
    index: int
    deliveries: int


def figures() -> Iterator[Figure]:
    """Microseconds of CPU, MiB and bytes."""
    needs = {name: _need(routes) for name, routes in _ROUTES.items()}
    for name, need in needs.items():
        yield Figure(f"one sender, each alert {name}", _COUNT / need.seconds, "alerts/s")
        for process, spent in need.cpu.items():
            yield Figure(f"CPU of the {process}, each alert {name}", spent / _COUNT * 1e6, "µs/alert")
    for process, used in needs["delivered"].memory.items():
        yield Figure(f"memory of the {process} (PSS)", used, "MiB")
    stored, delivered = needs["stored"], needs["delivered"]
    yield Figure("journal, without deliveries", stored.journal / _COUNT, "bytes/alert")
    yield Figure("journal, a delivery", (delivered.journal - stored.journal) / max(delivered.deliveries, 1), "bytes")
    yield Figure("index of the history", stored.index / _COUNT, "bytes/alert")


def _need(routes: str) -> _Need:
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder, port = Path(name), _free_port()
        (folder / "r.route").write_text(routes, encoding="utf-8")
        (folder / "config.yaml").write_text(
            f"sources: [{{http: '127.0.0.1:{port}'}}]\nchannels: {{archive: 'file://archive.jsonl'}}\n"
            "routes: r.route\njournal: journal.db\nlog: {format: json}\n",
            encoding="utf-8",
        )
        with (folder / "log").open("wb") as log:
            bridge = subprocess.Popen(
                [sys.executable, "-m", "bridge", "--config", "config.yaml"], cwd=folder, stdout=log, stderr=log
            )
        try:
            _await(lambda: '"started"' in (folder / "log").read_text(encoding="utf-8"))
            time.sleep(5.0)
            before = {pid: _cpu(pid) for pid in _family(bridge.pid)}
            started = time.monotonic()
            simulate = ["simulate", "--generate", "--count", str(_COUNT), "--http", f"http://127.0.0.1:{port}/"]
            subprocess.run([sys.executable, "-m", "bridge", *simulate], check=True, capture_output=True)
            seconds = time.monotonic() - started
            _await_quiet(bridge.pid)
            family = _family(bridge.pid)
            cpu = {process: _cpu(pid) - before.get(pid, 0.0) for pid, process in family.items()}
            memory = {process: _pss(pid) for pid, process in family.items()}
        finally:
            bridge.terminate()
            bridge.wait(60)
        archive = folder / "archive.jsonl"
        return _Need(
            seconds, cpu, memory,
            journal=(folder / "journal.db").stat().st_size,
            index=sum(path.stat().st_size for path in (folder / "journal.db.history").rglob("*") if path.is_file()),
            deliveries=len(archive.read_bytes().splitlines()) if archive.exists() else 0,
        )  # fmt: skip


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the bridge did not start or did not finish")
        time.sleep(0.2)


def _await_quiet(pid: int) -> None:
    """Wait until the indexer runs, and for three seconds no process has used more than 5 % of a core."""

    def quiet() -> bool:
        family = _family(pid)
        before = sum(map(_cpu, family))
        time.sleep(3.0)
        return "indexer" in family.values() and sum(map(_cpu, family)) - before < 0.15

    _await(quiet)


def _family(pid: int) -> dict[int, str]:
    """The bridge's processes and their names."""
    found = {pid: "router"}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text(encoding="ascii").split()):
            command = Path(f"/proc/{child}/cmdline").read_bytes().decode()
            found[child] = next((name for module, name in _NAMES.items() if module in command), "other process")
    return found


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> float:
    """Proportional set size in MiB: pages that processes share count for a part in each."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
