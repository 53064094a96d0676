"""A bridge whose wall clock is set while it runs, with libfaketime where it is installed."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.harness import Instance
from tests.e2e.test_listeners import start
from tests.support.builders import falco_json
from tests.support.ports import free_port
from tests.support.waiting import wait_until

LIBRARIES = [
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    *Path("/usr/lib64").glob("faketime/libfaketime.so.1"),
]
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], max(seconds, 0)) and None\n"
"""libfaketime 0.9.10 fails every ``clock_nanosleep``, which ``time.sleep`` calls, if monotonic time is not faked."""
STEPS = ("+0s", "+1h", "+0s", "-1h", "+1d", "-1d", "+0s", "+10y", "+0s", "-10y", "+0s")


@pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")
def test_every_alert_is_delivered_after_every_step(instance: Instance) -> None:
    """Router and courier notice each step, and neither is restarted."""
    clock = instance.folder / "clock"
    clock.write_text("+0s\n", encoding="utf-8")
    (instance.folder / "sitecustomize.py").write_text(SLEEP, encoding="utf-8")
    instance.environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(instance.folder), os.environ.get("PYTHONPATH")))),
        "LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    port = free_port()
    archive = instance.folder / "archive.jsonl"
    channels = {"archive": "file://archive.jsonl"}
    instance.configure('route "all" { to archive }\n', channels, sources=[{"http": f"127.0.0.1:{port}"}])
    bridge = start(instance)
    for number, step in enumerate(STEPS):
        clock.write_text(step + "\n", encoding="utf-8")
        body = falco_json(time=f"2026-03-04T05:06:{number:02d}Z")
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", body, timeout=60).close()
        wait_until(
            lambda number=number: archive.exists() and len(archive.read_text("utf-8").splitlines()) > number,  # type: ignore[misc]
            f"the delivery after {step}",
        )
    assert instance.stop(bridge) == 0, instance.log
    assert instance.log.count("clock was set") >= len(STEPS) - 1
    assert "courier exited" not in instance.log
