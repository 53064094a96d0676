"""The console: its first page and searches over many alerts, and intake while visitors use it.

A hundred thousand alerts; ``FALCO_BRIDGE_BENCH_ALERTS`` sets another number, and 1000000 is the full size. The bars:
the first page within 200 ms, searches within 300 ms at p95, and intake with a busy console at least 0.95 times as fast
as with an idle one, in alternating rounds. Wall times: run it alone.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import requests

from bench.figures import Figure
from bench.processes import start
from bench.recorded import database, fill, in_database
from bridge.history.index.folder import IndexFolder
from bridge.history.index.indexer import Indexer, boot_id
from bridge.journal.location import DatabaseLocation, Location, files_of
from bridge.journal.opening import open_for_router, open_to_read
from bridge.operator.client import AdminClient, AdminError
from bridge.operator.model.status import ConsoleStatus, Status

_DAY_NS = 86_400 * 1_000_000_000
_TRIES = 40
_ROUNDS = 5
_POSTED = 20_000
_CONNECTIONS = 8
_TOKEN = "a token of the bench"  # on loopback, for minutes


def figures() -> Iterator[Figure]:
    """A bridge that runs the console, on a journal that is filled and indexed."""
    yield Figure("load of the machine before", os.getloadavg()[0], "processes")
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name, ExitStack() as more:
        folder = Path(name)
        location: Location = folder / "journal.db"
        if in_database():
            location = more.enter_context(database(folder))
        _record(location)
        port = _free_port()
        _configure(folder, port, location)
        bridge = start(folder, "--config", "config.yaml")
        try:
            console = _served(AdminClient(folder / "a.sock"))
            url = f"http://{console.address}"
            before = _cpu_seconds(console.pid)
            yield from _pages(url, location)
            spent = _cpu_seconds(console.pid) - before
            yield Figure("a page or a search: CPU of the console", spent / (8 * _TRIES) * 1000, "ms")
            yield from _intake(url, port)
        finally:
            bridge.terminate()
            bridge.wait(60)
    yield Figure("load of the machine after", os.getloadavg()[0], "processes")


def _record(location: Location) -> None:
    journal = open_for_router(location)
    fill(journal, time.time_ns() - 30 * _DAY_NS)
    indexer = Indexer(journal.history, IndexFolder(files_of(location)), boot_id())
    while indexer.step():
        pass
    indexer.close()
    journal.close()


def _configure(folder: Path, port: int, location: Location) -> None:
    place = "path: journal.db"
    if isinstance(location, DatabaseLocation):
        place = f"url: '{location.url.reveal()}', path: '{location.files}'"
    (folder / "bench.route").write_text('route "all" { when rule exists drop }\n', encoding="utf-8")
    (folder / "config.yaml").write_text(
        f"sources: [{{http: '127.0.0.1:{port}'}}]\nchannels: {{archive: 'file://archive.jsonl'}}\n"
        f"routes: bench.route\njournal: {{{place}, retention: {{alerts: 90d}}}}\nadmin: a.sock\n"
        f"console: {{listen: '127.0.0.1:0', token: '{_TOKEN}'}}\n",
        encoding="utf-8",
    )


def _cpu_seconds(pid: int | None) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _served(client: AdminClient) -> ConsoleStatus:
    """The console, once it serves. Raises TimeoutError."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            console = client.get("/api/v1/status", Status).console
        except AdminError:
            console = None
        if console is not None and console.address:
            return console
        time.sleep(0.2)
    raise TimeoutError("the console did not start")


def _pages(url: str, location: Location) -> Iterator[Figure]:
    """A visitor who has signed in; each search is another one."""
    visitor = requests.Session()
    visitor.post(f"{url}/sign-in", {"token": _TOKEN}, timeout=60).raise_for_status()
    rng = random.Random(3)  # it only picks what to search
    journal = open_to_read(location)
    every = journal.history.span()
    some = [each.alert for number in rng.sample(every, _TRIES) for each in journal.history.numbered([number])]
    journal.close()
    yield Figure("alerts", len(every), "alerts")
    kinds: dict[str, Callable[[int], dict[str, str]]] = {
        "a namespace and a user": lambda at: {
            "condition": f"k8s.ns.name = {some[at].get('k8s.ns.name')} and user.name = {some[at].get('user.name')}"
        },
        "a pod": lambda at: {"condition": f'k8s.pod.name = "{some[at].get("k8s.pod.name")}"'},
        "a rule": lambda at: {"rule": some[at].rule},
        "words of a command": lambda at: {"words": some[at].get("proc.cmdline") or ""},
        "throttled of a route": lambda at: {"route": f"route {at % 30}", "reason": "throttled"},
        "an hour": lambda at: {"since": f"{at * 12 + 1}h", "until": f"{at * 12}h"},
        "the newest": lambda _: {"condition": ""},
    }
    first = [_seconds(visitor, f"{url}/") for _ in range(_TRIES)]
    yield Figure("first page: median", median(first) * 1000, "ms")
    yield Figure("first page: p95", _p95(first) * 1000, "ms")
    all_times: list[float] = []
    for name, question in kinds.items():
        times = [_seconds(visitor, f"{url}/search?{urlencode(question(at))}") for at in range(_TRIES)]
        all_times += times
        yield Figure(f"search, {name}: p95", _p95(times) * 1000, "ms")
    yield Figure("search, all: p95", _p95(all_times) * 1000, "ms")


def _seconds(visitor: requests.Session, url: str) -> float:
    started = time.perf_counter()
    visitor.get(url, timeout=60).raise_for_status()
    return time.perf_counter() - started


def _intake(url: str, port: int) -> Iterator[Figure]:
    """Alerts posted as fast as they are taken, with and without visitors, in turn."""
    _post(port)
    idle: list[float] = []
    busy: list[float] = []
    for _ in range(_ROUNDS):
        idle.append(_post(port))
        with _visitors(url):
            busy.append(_post(port))
    ratio = sum(idle) / sum(busy)
    yield Figure("intake, idle console", _POSTED * _ROUNDS / sum(idle), "alerts/s")
    yield Figure(
        "intake, a tail and searches without a pause", _POSTED * _ROUNDS / sum(busy), "alerts/s", ratio, "idle console"
    )
    ratios = sorted(before / after for before, after in zip(idle, busy, strict=True))
    yield Figure("intake, busy against idle: the median round", ratios[len(ratios) // 2], "times")


def _post(port: int) -> float:
    """Seconds until all are acknowledged."""
    command = [sys.executable, "-m", "bench.http_client", str(port), str(_CONNECTIONS), str(_POSTED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


@contextmanager
def _visitors(url: str) -> Iterator[None]:
    """Two visitors in a process of their own, with the lowest priority: their browsers are elsewhere."""
    command: Sequence[str] = ["nice", "-n", "19", sys.executable, "-m", "bench.console_visitors", url, _TOKEN]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # both have begun
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
