"""The courier's memory use is constant, however much it delivers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.channels.native.local.allowed import Allowed
from bridge.common.child_process import start_python
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.routing import Entry
from tests.conftest import FULL
from tests.support import builders
from tests.support.builders import alert
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

ALERTS = 50_000 if FULL else 1_500
"""Each is two deliveries: one to a file, in batches, one by HTTP, alone."""
_ALLOWED = 8 << 20
"""Bytes that allocators may hold in reserve."""


def resident(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def fill(journal: Journal, count: int) -> None:
    """Append that many alerts, of ten routes, each for both channels."""
    for start in range(0, count, 1000):
        journal.alerts.append("s", time.time_ns(), [entry(number) for number in range(start, min(start + 1000, count))])


def entry(number: int) -> Entry:
    fields = {f"f{n}": f"{number} {n}" for n in range(20)}
    return builders.entry(alert(number, output="o" * 200, fields=fields), "file", "hook", route=f"route {number % 10}")


@pytest.mark.timeout(1200)
def test_memory_use_is_constant_over_all_deliveries(tmp_path: Path) -> None:
    """After the first fifth; one attempt in a hundred fails, so that retries are part of it."""
    journal = open_for_router(tmp_path / "j.db")
    fill(journal, ALERTS)
    taken = 0

    def take(_request: Request) -> Answer:
        nonlocal taken
        taken += 1
        server.requests.clear()
        return Answer(503, b"busy") if taken % 100 == 0 else Answer()

    server = FarSide(take)
    with server.serving():
        settings = {
            "journal": str(tmp_path / "j.db"), "labels": {}, "log": {"level": "info", "format": "json"},
            "allow": Allowed(folders=(tmp_path,)).as_settings(),
            "channels": {"file": f"file://{tmp_path}/a.jsonl", "hook": f"json://127.0.0.1:{server.port}/"},
        }  # fmt: skip
        process = start_python("bridge.courier", stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        wait_until(lambda: taken > ALERTS // 5, "a fifth of the deliveries", seconds=600)
        before = resident(process)
        wait_until(lambda: journal.deliveries.undelivered() == 0, "every delivery", seconds=1100)
        after = resident(process)
        process.stdin.close()
        assert process.wait(20) == 0
    sys.stdout.write(f"{before >> 10} kB after a fifth, {after >> 10} kB after {2 * ALERTS} deliveries\n")
    assert after - before < _ALLOWED, f"{before >> 20} MB grew to {after >> 20} MB over {2 * ALERTS} deliveries"
