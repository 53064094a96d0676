"""How many alerts a second come from gRPC to the journal and on to a channel.

At a rate, `lean_falco` offers the alerts, which costs a tenth of a core. At 20,000/s offered, on two cores, the router
commits 15,000/s in one core: it does not read while it commits. Committing in another thread was not faster, because
there is one interpreter, and alerts then waited ten times as long. All at once, the simulated Falco offers them, a
Python server that gives about 28,000/s to a reader that only counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.commits import ROUTES, under_load
from bench.figures import Figure
from bench.processes import offering, simulating, start
from bridge.alert.wire.methods import GET
from bridge.journal import JournalError
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from bridge.sources.grpc.connection import open_channel

_SECONDS = 8
_RATE = 20_000


def figures() -> Iterator[Figure]:
    """The simulated Falco is a process of its own. The router runs in this one, so that its CPU can be measured."""
    yield from _falco_alone()
    yield from under_load(_RATE)
    yield from _whole_bridge()


def _falco_alone() -> Iterator[Figure]:
    """Its limit: all alerts are queued before, and the reader only counts them."""
    count = _RATE * _SECONDS
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name, offering(Path(name), count) as falco:
        falco_before, before, started = falco.cpu_seconds(), time.process_time(), time.monotonic()
        with open_channel(falco.address, None) as channel:
            get: Any = channel.unary_stream(GET, request_serializer=None, response_deserializer=None)
            read = 0
            while read < count:
                read += sum(1 for _ in get(b""))
        seconds = time.monotonic() - started
        yield Figure("simulated Falco alone, alerts only counted", count / seconds, "alerts/s")
        yield Figure("simulated Falco alone: its CPU", (falco.cpu_seconds() - falco_before) / count * 1e6, "µs/alert")
        yield Figure(
            "simulated Falco alone: the reader's CPU", (time.process_time() - before) / count * 1e6, "µs/alert"
        )


def _whole_bridge() -> Iterator[Figure]:
    """The real command with a file channel; all alerts are offered at once."""
    count = 10_000
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as name:
        folder = Path(name)
        (folder / "bench.route").write_text(ROUTES, encoding="utf-8")
        (folder / "config.yaml").write_text(
            "sources: [{grpc: unix:falco.sock}]\nchannels: {archive: file://archive.jsonl}\nroutes: bench.route\n"
            "journal: journal.db\n",
            encoding="utf-8",
        )
        with simulating(folder, count, None):
            bridge = start(folder, "--config", "config.yaml")
            started = time.monotonic()
            try:
                committed = _await(folder, lambda journal: journal.history.alert_count() >= count)
                delivered = _await(folder, lambda journal: journal.deliveries.undelivered() == 0)
            finally:
                bridge.terminate()
                bridge.wait(30)
        yield Figure("all at once: committed, start of the bridge included", count / (committed - started), "alerts/s")
        yield Figure("all at once: delivered to a file with fsync each", count / (delivered - started), "alerts/s")


def _await(folder: Path, holds: Callable[[Journal], bool]) -> float:
    """The time at which the condition held. Raises TimeoutError."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            journal = open_to_read(folder / "journal.db")
            done = holds(journal)
            journal.close()
        except JournalError:
            done = False
        if done:
            return time.monotonic()
        time.sleep(0.1)
    raise TimeoutError("the bridge did not finish")
