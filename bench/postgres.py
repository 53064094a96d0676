"""Cost of a commit per alert in PostgreSQL and in SQLite, and of a claim with its settlement, by batch size.

Without the variable FALCO_BRIDGE_TEST_POSTGRES it starts a server without fsync; then only the client's CPU counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.alerts import alerts
from bench.figures import Figure
from bridge.alert import Priority
from bridge.common.secret import Secret
from bridge.delivery import Capacity, DeliveryState, Settlement
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.routing import Decision, Entry, Notification, NotificationContext, Reason, Routed
from tests.support.postgres import in_schema, new_schema, shared_server

_SECONDS = 2.0
_SIZES = (10, 100, 1000)
_ALERTS = 20_000


@dataclass(frozen=True)
class Cost:
    """Microseconds a row."""

    wall: float
    cpu: float


def figures() -> Iterator[Figure]:
    """Alerts with 1.5 deliveries, each with an incident, so that the order of deliveries is kept."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder, shared_server(Path(folder)) as url:
        schema = new_schema("bench")
        with (
            closing(open_for_router(Path(folder) / "journal.db")) as file,
            closing(open_for_router(DatabaseLocation(Secret(in_schema(url, schema)), Path(folder) / "l"))) as database,
        ):
            for seed, size in enumerate(_SIZES):
                base, cost = _append(file, size, seed), _append(database, size, seed)
                yield Figure(f"SQLite commit, CPU, batches of {size}", base.cpu, "µs/alert")
                yield Figure(f"PostgreSQL commit, CPU of the client, batches of {size}", cost.cpu, "µs/alert",
                             cost.cpu / base.cpu, "of SQLite's")  # fmt: skip
                yield Figure(f"PostgreSQL commit, batches of {size}", cost.wall, "µs/alert")
            for size in (1, 100):
                base, cost = _deliver(file, size), _deliver(database, size)
                yield Figure(f"PostgreSQL claim and settle, CPU of the client, batches of {size}", cost.cpu,
                             "µs/delivery", cost.cpu / base.cpu, "of SQLite's")  # fmt: skip
                yield Figure(f"PostgreSQL claim and settle, batches of {size}", cost.wall, "µs/delivery")
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def _append(journal: Journal, size: int, seed: int) -> Cost:
    entries = [Entry(alert, _routed(number)) for number, alert in enumerate(alerts(_ALERTS, seed=seed))]
    wall, cpu, done = time.perf_counter(), time.process_time(), 0
    while done + size <= len(entries) and time.perf_counter() - wall < _SECONDS:
        batch = entries[done : done + size]
        journal.alerts.unknown([entry.alert for entry in batch])
        journal.alerts.append("bench", time.time_ns(), batch)
        done += size
    return Cost((time.perf_counter() - wall) / done * 1e6, (time.process_time() - cpu) / done * 1e6)


def _deliver(journal: Journal, size: int) -> Cost:
    """Of what the commits left, after the first claim, which decides about the order of all of it."""
    room = {"oncall": Capacity(1, size), "archive": Capacity(1, size)}
    _settle(journal, room)
    wall, cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - wall < _SECONDS and (settled := _settle(journal, room)):
        done += settled
    return Cost((time.perf_counter() - wall) / done * 1e6, (time.process_time() - cpu) / done * 1e6)


def _settle(journal: Journal, room: dict[str, Capacity]) -> int:
    now_ns = time.time_ns()
    claimed = [each.id for send in journal.deliveries.claim(now_ns, 10**18, room) for each in send]
    journal.deliveries.settle([Settlement(each, DeliveryState.DELIVERED, now_ns, now_ns, 200, "") for each in claimed])
    return len(claimed)


def _routed(number: int) -> Routed:
    """Three deliveries for every two alerts, of 500 incidents."""
    channels = ("oncall", "archive")[: 1 + number % 2]
    context = NotificationContext(incident=f"i{number % 500}")
    notifications = tuple(
        Notification(channel, ("rm -rf in prod",), Priority.CRITICAL, context=context) for channel in channels
    )
    return Routed((Decision("rm -rf in prod", Reason.SENT, channels),), notifications)
