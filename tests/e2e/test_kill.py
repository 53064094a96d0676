"""SIGKILL at random times under load: what was committed is delivered, and no more is sent twice than was in flight."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress

import pytest

from bridge.courier.sending.runner import AHEAD
from bridge.delivery import DeliveryState
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide, Request
from tests.support.freezing import freeze
from tests.support.waiting import wait_until

KILLS = 30 if FULL else 3
ALERTS = 6000 if FULL else 900
RATE = 200
CONCURRENCY = 16
"""That of channels that programs read."""
ROUTES = 'route "everything" { when priority >= debug to hook }'
PATIENCE = 300 if FULL else 120
"""Seconds: how long deliveries may take once everything is up again."""
_PACE = threading.Event()


class Ledger:
    """Counts by alert id what the receiver accepted."""

    def __init__(self, instance: Instance) -> None:
        self.arrived: list[str] = []
        self.server = FarSide(self._take)
        self._road = instance

    def _take(self, request: Request) -> Answer:
        self.arrived.append(request.body.decode())
        return Answer()

    def counts(self) -> Counter[str]:
        """How often each stored alert arrived, by the id in its body."""
        ids = [each.alert.id for each in self._road.kept() if each.decisions]
        text_of = Counter(self.arrived)
        counts: Counter[str] = Counter()
        by_id = dict.fromkeys(ids, 0)
        for body, times in text_of.items():
            owner = next((identity for identity in _ids_in(body) if identity in by_id), None)
            assert owner is not None, "a delivery of an alert that the journal does not know"
            counts[owner] += times
        assert set(counts) == set(ids), "an alert that was committed has not arrived"
        return counts


def _ids_in(body: str) -> list[str]:
    """Every run of 32 hexadecimal digits in a body."""
    words = "".join(c if c in "0123456789abcdef" else " " for c in body).split()
    return [word for word in words if len(word) == 32]


def claimed(instance: Instance) -> set[str]:
    """The alerts whose delivery is claimed."""
    return {each.alert_id for each in instance.deliveries() if each.state is DeliveryState.CLAIMED}


def jitter(test: str) -> random.Random:
    """Random times, the same in each run of a test."""
    return random.Random(test)


@pytest.mark.timeout(900)
def test_killing_the_courier_loses_nothing(instance: Instance) -> None:
    """It is started again each time; only deliveries that it had claimed when it was killed may arrive twice."""
    moments = jitter("courier")
    ledger = Ledger(instance)
    with ledger.server.serving() as server:
        instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{server.port}/"})
        instance.falco("--generate", "--count", str(ALERTS), "--rate", str(RATE))
        bridge = instance.bridge()
        held: set[str] = set()
        for _ in range(KILLS):
            wait_until((instance.folder / "journal.db.courier.lock").exists, "a courier")
            _PACE.wait(moments.uniform(0.3, 1.0))
            held |= kill_courier(instance, bridge.pid)
        instance.await_kept(ALERTS, seconds=PATIENCE)
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log
    assert twice(ledger) <= held
    assert len(twice(ledger)) <= KILLS * (CONCURRENCY + AHEAD)


def kill_courier(instance: Instance, router: int) -> set[str]:
    """Kill the courier while the router is suspended. Returns what the courier had claimed."""
    freeze(router)
    try:
        with suppress(ProcessLookupError, ValueError):  # it has just ended, or is writing its process id
            os.kill(instance.courier_pid(), signal.SIGKILL)
        return claimed(instance)
    finally:
        os.kill(router, signal.SIGCONT)


def twice(ledger: Ledger) -> set[str]:
    return {identity for identity, times in ledger.counts().items() if times > 1}


@pytest.mark.timeout(900)
def test_killing_the_router_loses_nothing_that_was_committed(instance: Instance) -> None:
    """Started again after each kill, the bridge delivers everything in the journal, and nothing twice."""
    moments = jitter("router")
    ledger = Ledger(instance)
    with ledger.server.serving() as server:
        instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{server.port}/"})
        falco = instance.falco("--generate", "--count", str(ALERTS), "--rate", str(RATE), "--exit-when-drained")
        for _ in range(KILLS):
            bridge = instance.bridge()
            _PACE.wait(moments.uniform(1.0, 2.0))
            bridge.kill()
            bridge.wait()
        bridge = instance.bridge()
        falco.wait(120)
        instance.await_kept(1)
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log
    assert twice(ledger) == set()


@pytest.mark.timeout(900)
def test_killing_both_at_once_loses_nothing_that_was_committed(instance: Instance) -> None:
    """As when the machine stops: only deliveries that the courier had claimed may arrive twice."""
    moments = jitter("both")
    ledger = Ledger(instance)
    held: set[str] = set()
    with ledger.server.serving() as server:
        instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{server.port}/"})
        falco = instance.falco("--generate", "--count", str(ALERTS), "--rate", str(RATE), "--exit-when-drained")
        for _ in range(KILLS):
            bridge = instance.bridge()
            _PACE.wait(moments.uniform(1.0, 2.0))
            freeze(bridge.pid)
            with suppress(ProcessLookupError, FileNotFoundError, ValueError):
                os.kill(instance.courier_pid(), signal.SIGKILL)
            bridge.kill()
            bridge.wait()
            if instance.has_journal():
                held |= claimed(instance)
        bridge = instance.bridge()
        falco.wait(120)
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log
    assert twice(ledger) <= held


@pytest.mark.timeout(900)
def test_killing_falco_does_not_stop_the_bridge(instance: Instance) -> None:
    """Each Falco that is killed and restarted is read again within seconds, and each disconnect is logged once."""
    ledger = Ledger(instance)
    with ledger.server.serving() as server:
        instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{server.port}/"})
        bridge = instance.bridge()
        for restart in range(KILLS):
            before = len(instance.kept()) if instance.has_journal() else 0
            falco = instance.falco("--generate", "--count", "200", "--rate", str(RATE), "--seed", str(restart))
            instance.await_kept(before + 20)
            falco.kill()
            falco.wait()
        instance.await_settled(seconds=60)
        assert instance.stop(bridge) == 0, instance.log
    assert twice(ledger) == set()
    assert "Traceback" not in instance.log
    assert instance.log.count("falco not readable") <= 2 * KILLS + 2, instance.log
