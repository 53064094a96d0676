"""Reading an existing file, compared with ``wc -l``, and following thousands of files of which one is written."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

from bench.figures import Figure
from bridge.journal.opening import open_for_router
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.sources.contract import Batch
from bridge.sources.files.source import FileSource

_ALERTS = 200_000
_FILES = 5_000
_COMMITS = 300


def figures() -> Iterator[Figure]:
    """Both in CPU time, with a warm page cache. One thread reads and decodes every line to an alert."""
    yield from _following()
    yield from _committing()


def _following() -> Iterator[Figure]:
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


def _committing() -> Iterator[Figure]:
    """Cost of committing the position of one file, by number of followed files, including the journal's own cost."""
    alone = 0.0
    for files in (1, _FILES):
        cost = _commit(files)
        alone = alone or cost
        yield Figure(f"files, a commit with {files:,} followed", cost * 1e6, "µs", cost / alone, "with one")


def _wc(path: Path) -> float:
    """CPU seconds of ``wc -l``."""
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _follow(path: Path) -> float:
    """CPU seconds of the reading thread."""
    source = FileSource("bench", str(path), read_from="start")
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


def _commit(files: int) -> float:
    """CPU seconds of the reading thread per commit, each with one line of one file."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        paths = [folder / f"falco-{number}.log" for number in range(files)]
        for path in paths:
            path.touch()
        journal = open_for_router(folder / "journal.db")
        source = FileSource("bench", str(folder / "*.log"), read_from="start")
        committed = threading.Semaphore(0)
        moments: list[float] = []

        def accept(batch: Batch) -> None:
            journal.alerts.append(batch.source_name, batch.received_ns, [], (), batch.checkpoint)
            if batch.alerts or not moments:
                moments.append(time.thread_time())
                committed.release()

        thread = threading.Thread(target=source.run, args=(accept,), daemon=True)
        thread.start()
        committed.acquire()
        for number in range(_COMMITS):
            with paths[number * 7 % files].open("ab") as file:
                file.write(b'{"rule": "r", "output": "o"}\n')
            committed.acquire()
        source.stop()
        thread.join(10)
        journal.close()
        spent = sorted(after - before for before, after in pairwise(moments))
        return spent[len(spent) // 2]
