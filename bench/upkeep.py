"""Cost of a growing journal: an insert, bytes per alert, a search, a step of maintenance.

It grows to two hundred thousand alerts, with ``FALCO_BRIDGE_FULL=1`` to five million.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.figures import Figure
from bridge.alert import Alert, Priority
from bridge.alert.forms.grpc_form import decode_grpc
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.retention import RetentionPolicy
from bridge.routing import Decision, Entry, Notification, Reason, Routed
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form

_ALERTS = 5_000_000 if os.environ.get("FALCO_BRIDGE_FULL") == "1" else 200_000
_BATCH = 500
_PART = 20_000
_SEARCHED = 100_000
_ROUTED = Routed(
    (Decision("rm -rf in prod", Reason.SENT, ("archive",)),),
    (Notification("archive", ("rm -rf in prod",), Priority.CRITICAL),),
)


def figures() -> Iterator[Figure]:
    """Each alert has one delivery, and ids ascend as those of a cluster do. Wall time: run it alone."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        path = Path(folder) / "journal.db"
        journal = open_for_router(path)
        costs = list(_grow(journal))
        first, last = min(costs[1:4]), min(costs[-3:])
        yield Figure("an insert near the beginning", first, "µs/alert")
        yield Figure(f"an insert after {_ALERTS:,}", last, "µs/alert", last / first, "the beginning")
        (alerts, deliveries), raw = _bytes(path), _raw_bytes()
        yield Figure("bytes an alert, its index included", alerts, "bytes", alerts / raw, "its protobuf message")
        yield Figure("bytes a delivery, its indexes included", deliveries, "bytes")
        started = time.process_time()
        read = sum(1 for _, _ in zip(journal.history.alerts(), range(_SEARCHED), strict=False))
        yield Figure("search: an alert read and decoded", (time.process_time() - started) / read * 1e6, "µs/alert")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE deliveries SET state = 'delivered', settled_ns = 0")
            connection.commit()
        steps = sorted(_forget(journal))
        yield Figure("maintenance: the longest step", steps[-1] * 1000, "ms")
        yield Figure("maintenance: p99 of its steps", steps[len(steps) * 99 // 100] * 1000, "ms")
        journal.close()


def _grow(journal: Journal) -> Iterator[float]:
    """Microseconds per alert, one part after the other."""
    made = generate(_ALERTS)
    for _ in range(_ALERTS // _PART):
        spent = 0.0
        for _ in range(_PART // _BATCH):
            alerts = [decode_grpc(next(made).grpc(Form.TEXT), 0) for _ in range(_BATCH)]
            entries = [Entry(alert, _ROUTED) for alert in alerts if isinstance(alert, Alert)]
            started = time.perf_counter()
            journal.alerts.unknown([entry.alert for entry in entries])
            journal.alerts.append("bench", 0, entries)
            spent += time.perf_counter() - started
        complete = journal.maintenance.prepare()
        if complete is not None:
            complete()
        yield spent / _PART * 1e6


def _bytes(path: Path) -> tuple[float, float]:
    """Bytes per alert and per delivery: the pages of their tables and indexes."""
    with closing(sqlite3.connect(path)) as connection:
        sizes = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    alerts = sum(size for name, size in sizes.items() if "alerts" in name)
    deliveries = sum(size for name, size in sizes.items() if name.startswith("deliveries"))
    return alerts / _ALERTS, deliveries / _ALERTS


def _raw_bytes() -> float:
    return sum(len(each.grpc(Form.TEXT)) for each in generate(1000)) / 1000


def _forget(journal: Journal) -> Iterator[float]:
    """Seconds that each step of a round took, in which everything is removed."""
    policy = RetentionPolicy(alerts_ns=1, deliveries_ns=1)
    more = True
    while more:
        started = time.perf_counter()
        more = journal.maintenance.step(policy, time.time_ns())
        yield time.perf_counter() - started
