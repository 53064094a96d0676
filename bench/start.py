"""Cost of a start: until connections are accepted, and until the first alert is decided, stored and answered."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.routes import routes_text

_ROUNDS = 5
_PACE_SECONDS = 0.002
_DEADLINE_SECONDS = 120.0
_ALERT = json.dumps(
    {"time": "2026-01-02T03:04:05.000000006Z", "priority": "Notice", "rule": "x", "source": "syscall",
     "hostname": "node", "output": "x", "output_fields": {}, "tags": []}
).encode()  # fmt: skip


def figures() -> Iterator[Figure]:
    """With one route and with a thousand, 21 webhooks each. CPU is that of the router's process."""
    python = median(_cpu_of("-c", "pass") for _ in range(_ROUNDS))
    version = median(_cpu_of("-m", "bridge", "--version") for _ in range(_ROUNDS))
    yield Figure("python -c pass, CPU", python * 1000, "ms")
    yield Figure("falco-bridge --version, CPU", version * 1000, "ms", version / python, "python -c pass")
    for count, text in ((1, "otherwise { to archive }\n"), (1000, routes_text(1000))):
        starts = [_start(text) for _ in range(_ROUNDS)]
        names = ("connects, time", "connects, CPU", "is answered, time", "is answered, CPU")
        for name, values in zip(names, zip(*starts, strict=True), strict=True):
            yield Figure(f"start with {count:,} routes until a sender {name}", median(values) * 1000, "ms")


def _cpu_of(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _start(routes: str) -> tuple[float, float, float, float]:
    """Seconds and CPU seconds until a connection is accepted, and until a post is answered."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        port = _configure(folder, routes)
        started = time.monotonic()
        with (folder / "log").open("wb") as log:
            bridge = subprocess.Popen(
                [sys.executable, "-m", "bridge", "--config", "config.yaml"], cwd=folder, stderr=log
            )
        try:
            connection = _connected(port, bridge, folder / "log")
            accepted = time.monotonic() - started, _cpu(bridge.pid)
            connection.request("POST", "/", _ALERT)
            if connection.getresponse().status != 200:
                raise RuntimeError((folder / "log").read_text("utf-8"))
            answered = time.monotonic() - started, _cpu(bridge.pid)
            connection.close()
        finally:
            bridge.terminate()
            bridge.wait(60)
    return *accepted, *answered


def _configure(folder: Path, routes: str) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    urls = {name: f"webhook://127.0.0.1:9/{name}" for name in ("archive", *(f"channel{each}" for each in range(20)))}
    config = {
        "sources": [{"http": f"127.0.0.1:{port}"}], "channels": urls, "routes": ["r.route"], "journal": "journal.db",
        "shutdown": {"drain": "1s"},
    }  # fmt: skip
    (folder / "r.route").write_text(routes, encoding="utf-8")
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    return port


def _connected(port: int, bridge: subprocess.Popen[bytes], log: Path) -> HTTPConnection:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline and bridge.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_SECONDS)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(_PACE_SECONDS)
        else:
            return connection
    raise RuntimeError(log.read_text("utf-8"))


def _cpu(pid: int) -> float:
    """CPU seconds of the threads of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text("ascii").split()[0]) for each in tasks) / 1e9
