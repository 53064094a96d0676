"""Throughput of one database with 1, 2 and 4 couriers and intake routers, each a process, and of an owner.

Couriers deliver all that waits, and decide about its order first; routers append for three seconds.

Without the variable FALCO_BRIDGE_TEST_POSTGRES it starts a server without fsync. The processes and the database share
the cores of this machine, so growth ends where these are used up; the CPU of each process is measured besides.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import Barrier
from typing import NamedTuple

import psycopg

from bench.alerts import alerts
from bench.database_cost import cpu_seconds, disk_bytes
from bench.figures import Figure
from bridge.alert import Alert, Priority
from bridge.common.secret import Secret
from bridge.delivery import Capacity, DeliveryState, Settlement
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, COURIER, ROUTER, Member
from bridge.journal.opening import open_for_courier, open_for_router
from bridge.pipeline.owner.owner import Owner
from bridge.routing import Decision, Entry, Notification, NotificationContext, Reason, Routed
from bridge.routing.state import State
from tests.pipeline.owner.fleet import Fleet, fleet_of, migrated
from tests.routing.partitions.test_split import received
from tests.support.builders import program_of
from tests.support.postgres import in_schema, new_schema, shared_server
from tests.support.waiting import wait_until

_SECONDS = 3.0
_COUNTS = (1, 2, 4)
_BATCH = 100
_WAITING = 40_000
_HOT = 20_000
_CHANNELS = tuple(f"channel-{number}" for number in range(8))
_START_SECONDS = 120.0


class _Done(NamedTuple):
    count: int
    seconds: float
    cpu: float


_Work = Callable[[DatabaseLocation, int, int, Barrier], _Done]


def figures() -> Iterator[Figure]:
    """Deliveries with incidents on eight channels, and alerts with one delivery each, in batches of 100."""
    with tempfile.TemporaryDirectory(prefix="falco-bridge-bench-") as folder, shared_server(Path(folder)) as url:
        for name, noun, work in (("courier", "delivery", _deliver), ("intake router", "alert", _append)):
            alone = 0.0
            for count in _COUNTS:
                schema = new_schema("bench")
                location = DatabaseLocation(Secret(in_schema(url, schema)), Path(folder) / schema)
                _fill(location, _WAITING if work is _deliver else 0)
                before = cpu_seconds(url)
                rate, cpu, done = _measured(location, work, count)
                server = (cpu_seconds(url) - before) / done * 1e6
                alone = alone or rate
                yield Figure(f"{count} x {name}", rate, f"{noun}/s", rate / alone, "of one")
                yield Figure(f"{count} x {name}, CPU of the clients", cpu, f"µs/{noun}")
                yield Figure(f"{count} x {name}, CPU of the database", server, f"µs/{noun}")
                if work is _append:
                    yield Figure(f"{count} x {name}, disk", disk_bytes(url, schema) / done, f"bytes/{noun}")
                with closing(psycopg.connect(url, autocommit=True)) as connection:
                    connection.execute(f"DROP SCHEMA {schema} CASCADE")
        yield from _hot_key(url, Path(folder))


def _hot_key(url: str, folder: Path) -> Iterator[Figure]:
    """One owner of all partitions, and matches of one key that wait before a match of another partition."""
    program = program_of('route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat }')
    hot = [alert for _, alert in received([(0, 0, "a", "hot", str(each)) for each in range(_HOT)])]
    others = (alert for _, alert in received([(0, 0, "a", f"pod-{each}", "") for each in range(100)]))
    with migrated(url, folder) as location, fleet_of(location, program, owners=1) as fleet:
        (owner,) = fleet.owners
        busy = _partition(fleet, hot[0])
        first, second = islice((each for each in others if _partition(fleet, each) != busy), 2)
        alone = _decided(fleet, owner, first)
        fleet.receive_all(hot)
        behind = _decided(fleet, owner, second)
        started, cpu, before = time.perf_counter(), time.process_time(), sum(owner.counts.decisions.values())
        while owner.turn():
            pass
        done = sum(owner.counts.decisions.values()) - before
        yield Figure("one owner, matches of one key", done / (time.perf_counter() - started), "match/s")
        yield Figure("one owner, CPU of the client", (time.process_time() - cpu) / done * 1e6, "µs/match")
        yield Figure("a match of another partition, alone", alone * 1000, "ms")
        yield Figure(f"the same behind {_HOT:,} matches of a hot key", behind * 1000, "ms")


def _partition(fleet: Fleet, alert: Alert) -> int:
    ((partition, _),) = fleet.router.route(State(), alert, fleet.clock.now, fleet.silences).matches
    return partition


def _decided(fleet: Fleet, owner: Owner, alert: Alert) -> float:
    """Seconds until the owner has decided about the alert, beside others that wait."""
    fleet.receive_all([alert])
    started = time.perf_counter()
    while True:
        owner.turn()
        found = fleet.journal.history.alert(alert.id)
        if found is not None and found.decisions[0].reason is not Reason.PENDING:
            return time.perf_counter() - started


def _fill(location: DatabaseLocation, count: int) -> None:
    with closing(open_for_router(location)) as journal:
        for start in range(0, count, 1000):
            journal.alerts.append("bench", 0, _entries(start // 1000, 1000))


def _measured(location: DatabaseLocation, work: _Work, count: int) -> tuple[float, float, int]:
    """How many a second all processes do together, how many microseconds of CPU one takes, and how many were done."""
    spawned = multiprocessing.get_context("spawn")
    with spawned.Manager() as manager, spawned.Pool(count) as pool:
        barrier = manager.Barrier(count)
        results = pool.starmap(work, [(location, number, count, barrier) for number in range(count)])
    total = sum(each.count for each in results)
    return total / max(each.seconds for each in results), sum(each.cpu for each in results) / total * 1e6, total


def _deliver(location: DatabaseLocation, number: int, count: int, barrier: Barrier) -> _Done:
    member = Member(f"courier-{number}", f"bridge-{number}", "bench", "0", os.getpid(), (COURIER,))
    room = {each: Capacity(1, _BATCH) for each in _CHANNELS}
    with closing(open_for_courier(location, member)) as journal:
        assert journal.membership is not None
        holding = journal.membership.hold(CHANNEL, COURIER, lambda: _CHANNELS, hands_over=True)
        wait_until(lambda: len(holding.tokens) == len(_CHANNELS) // count, "a share", seconds=_START_SECONDS)
        barrier.wait()
        journal.deliveries.own_channels(holding.tokens, 0)
        started, cpu, done = time.perf_counter(), time.process_time(), 0
        while True:
            now, now_ns = time.perf_counter(), time.time_ns()
            claimed = [each.id for send in journal.deliveries.claim(now_ns, 10**18, room) for each in send]
            if not claimed:
                break
            journal.deliveries.settle(
                [Settlement(each, DeliveryState.DELIVERED, now_ns, now_ns, 200, "") for each in claimed]
            )
            done += len(claimed)
        result = _Done(done, now - started, time.process_time() - cpu)
        barrier.wait()
        return result


def _append(location: DatabaseLocation, number: int, _count: int, barrier: Barrier) -> _Done:
    member = Member(f"router-{number}", f"bridge-{number}", "bench", "0", os.getpid(), (ROUTER,))
    own = DatabaseLocation(location.url, location.files.with_name(f"{location.files.name}-{number}"))
    entries = _entries(100 + number, 20_000)
    with closing(open_for_router(own, None, member)) as journal:
        barrier.wait()
        started, cpu, done = time.perf_counter(), time.process_time(), 0
        while (now := time.perf_counter()) - started < _SECONDS and done < len(entries):
            batch = entries[done : done + _BATCH]
            journal.alerts.unknown([entry.alert for entry in batch])
            journal.alerts.append("bench", time.time_ns(), batch)
            done += len(batch)
        result = _Done(done, now - started, time.process_time() - cpu)
        barrier.wait()
        return result


def _entries(seed: int, count: int) -> list[Entry]:
    return [Entry(alert, _routed(number)) for number, alert in enumerate(alerts(count, seed=seed))]


def _routed(number: int) -> Routed:
    channel = _CHANNELS[number % len(_CHANNELS)]
    context = NotificationContext(incident=f"i{number % 500}")
    notification = Notification(channel, ("rm -rf in prod",), Priority.CRITICAL, context=context)
    return Routed((Decision("rm -rf in prod", Reason.SENT, (channel,)),), (notification,))
