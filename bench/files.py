"""Following a file that is there already, in MB/s, beside ``wc -l`` of the same file."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.figures import Figure
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.sources.contract import Batch
from bridge.sources.file_source import FileSource

_ALERTS = 200_000


def figures() -> Iterator[Figure]:
    """Read by one thread, every line decoded to an alert; the page cache is warm for both."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        for form, named in ((Form.JSON, "JSON lines"), (Form.TEXT, "text lines")):
            path = Path(folder) / form.name
            with path.open("wb") as file:
                file.writelines(alert.http(form) + b"\n" for alert in islice(generate(_ALERTS, seed=1), _ALERTS))
            megabytes = path.stat().st_size / 1e6
            counted = megabytes / _wc(path)
            followed = megabytes / _follow(path)
            yield Figure(f"files, {named}, wc -l", counted, "MB/s")
            yield Figure(f"files, {named}, followed", followed, "MB/s", followed / counted, "wc -l")
            yield Figure(f"files, {named}, followed", followed / megabytes * _ALERTS, "alerts/s")


def _wc(path: Path) -> float:
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    began = time.perf_counter()
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    return time.perf_counter() - began


def _follow(path: Path) -> float:
    """Seconds of CPU of the reading thread, which does nothing but read."""
    source = FileSource("bench", str(path), begin="start")
    done = threading.Event()
    taken = 0
    seconds = 0.0

    def accept(batch: Batch) -> None:
        nonlocal taken, seconds
        taken += len(batch.alerts)
        if taken >= _ALERTS:
            seconds = time.thread_time()
            done.set()

    thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
    thread.start()
    done.wait(120)
    source.stop()
    thread.join(10)
    assert taken == _ALERTS, taken
    return seconds
