"""Cost of a commit per alert, and of a claim with its settlement per delivery, by batch size."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.alerts import alerts
from bench.figures import Figure
from bridge.alert import Priority
from bridge.delivery import Capacity, DeliveryState, Settlement
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.routing import Decision, Entry, Notification, Reason, Routed

_SECONDS = 2.0
_SIZES = (1, 10, 100, 1000)


def figures() -> Iterator[Figure]:
    """Microseconds per alert with 1.5 deliveries, committed with synchronous=FULL, compared with batches of one."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder:
        yield Figure("one fsync on this disk", _fsync_microseconds(Path(folder)), "µs")
        journal = open_for_router(Path(folder) / "journal.db")
        alone = 0.0
        for seed, size in enumerate(_SIZES):
            cost = _microseconds_an_alert(journal, size, seed)
            alone = alone or cost
            yield Figure(f"journal commit, batches of {size}", cost, "µs/alert", alone / cost, "cheaper than alone")
        yield from _claims(journal)
        journal.close()


def _claims(journal: Journal) -> Iterator[Figure]:
    """Microseconds per delivery that is claimed and settled, of those that the commits added."""
    for size in (1, 100):
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < _SECONDS:
            now_ns = time.time_ns()
            sends = journal.deliveries.claim(
                now_ns, 10**18, {"oncall": Capacity(1, size), "archive": Capacity(1, size)}
            )
            claimed = [each.id for send in sends for each in send]
            if not claimed:
                break
            journal.deliveries.settle(
                [Settlement(each, DeliveryState.DELIVERED, now_ns, now_ns, 200, "") for each in claimed]
            )
            done += len(claimed)
        cost = (time.perf_counter() - started) / done * 1e6
        yield Figure(f"claim and settle, two channels, batches of {size}", cost, "µs/delivery")


def _microseconds_an_alert(journal: Journal, size: int, seed: int) -> float:
    entries = [Entry(alert, _routed(number)) for number, alert in enumerate(alerts(40_000, seed=seed))]
    started = time.perf_counter()
    done = 0
    while done + size <= len(entries) and time.perf_counter() - started < _SECONDS:
        batch = entries[done : done + size]
        journal.alerts.unknown([entry.alert for entry in batch])
        journal.alerts.append("bench", time.time_ns(), batch)
        done += size
    return (time.perf_counter() - started) / done * 1e6


def _routed(number: int) -> Routed:
    """Three deliveries for every two alerts."""
    channels = ("oncall", "archive")[: 1 + number % 2]
    notifications = tuple(Notification(channel, ("rm -rf in prod",), Priority.CRITICAL) for channel in channels)
    return Routed((Decision("rm -rf in prod", Reason.SENT, channels),), notifications)


def _fsync_microseconds(folder: Path) -> float:
    descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY, 0o600)
    rounds = 200
    started = time.perf_counter()
    for _ in range(rounds):
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)
    os.close(descriptor)
    return (time.perf_counter() - started) / rounds * 1e6
