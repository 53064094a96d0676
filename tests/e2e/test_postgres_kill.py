"""PostgreSQL itself is killed, or replaced by its synchronous standby, under load: no acknowledged alert is lost."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.postgres import Server, new_server
from tests.support.waiting import wait_until

KILLS = 50 if FULL else 2
ALERTS = 5000 if FULL else 300
RATE = 100
ROUTES = 'route "everything" { when priority >= debug to hook }\n'
IN_FLIGHT = 64
"""How many deliveries may be sent a second time, because their settlement was lost with the server."""
_PACE = threading.Event()
_IDS = re.compile(rb"[0-9a-f]{32}")


@pytest.fixture
def servers() -> Iterator[Callable[[], Server]]:
    """Makes servers, which end with the test."""
    made: list[Server] = []

    def make() -> Server:
        made.append(new_server())
        return made[-1]

    yield make
    for each in made:
        each.remove()


class Delivered:
    """Counts what arrived, by its body."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()
        self.server = FarSide(self._take)

    def _take(self, request: Request) -> Answer:
        self.counts[request.body] += 1
        return Answer()


def with_journal(url: str) -> closing[Journal]:
    return closing(open_to_read(DatabaseLocation(Secret(url))))


def counted(url: str) -> tuple[int, int]:
    """How many alerts are stored, and how many deliveries wait."""
    with with_journal(url) as journal:
        return journal.history.alert_count(), journal.deliveries.undelivered()


def run(instance: Instance, url: str, disturb: Callable[[], None]) -> None:
    """A bridge under load while something happens to its database: everything is stored once and delivered."""
    delivered = Delivered()
    with delivered.server.serving() as far_side:
        journal = {"url": url, "path": "local"}
        instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{far_side.port}/"}, journal=journal)
        falco = instance.falco("--generate", "--count", str(ALERTS), "--rate", str(RATE), "--exit-when-drained")
        bridge = instance.bridge()
        wait_until(lambda: len(delivered.counts) >= 20, "the first deliveries", seconds=120)
        disturb()
        falco.wait(300)
        wait_until(lambda: counted(url) == (ALERTS, 0), "every delivery", seconds=300)
        assert bridge.poll() is None, instance.log
        assert instance.stop(bridge) == 0, instance.log
    with with_journal(url) as journal:
        routed = {each.alert.id for each in journal.history.alerts() if each.decisions}
    arrived = [found for body in delivered.counts for found in set(_IDS.findall(body)) if found.decode() in routed]
    assert len(arrived) == len(delivered.counts) == len(routed)
    assert delivered.counts.total() - len(routed) <= KILLS * IN_FLIGHT


@pytest.mark.timeout(900)
def test_killing_the_database_loses_nothing(instance: Instance, servers: Callable[[], Server]) -> None:
    """It is stopped without a shutdown, and started again; the bridge waits for it, and does not end."""
    server = servers()
    server.create()

    def kill() -> None:
        for _ in range(KILLS):
            server.stop()
            _PACE.wait(0.2)
            server.start()
            _PACE.wait(0.5)

    run(instance, server.url, kill)


@pytest.mark.timeout(900)
def test_a_failover_to_the_synchronous_standby_loses_nothing(instance: Instance, servers: Callable[[], Server]) -> None:
    """The bridge finds the new primary among the hosts of its URL."""
    primary, standby = servers(), servers()
    primary.create({"wal_level": "replica", "max_wal_senders": "4"})
    standby.create_standby(primary)
    hosts = ",".join(quote(str(each.folder), safe="") for each in (primary, standby))

    def fail_over() -> None:
        primary.stop()
        standby.promote()

    run(instance, f"postgresql://tests@/postgres?host={hosts}", fail_over)
