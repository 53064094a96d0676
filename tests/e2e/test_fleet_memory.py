"""Bridges that share what their routes remember are killed: no key is wrong, and no notification is lost."""

from __future__ import annotations

import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from random import Random, randrange

import pytest

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from bridge.routing import Reason
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.e2e.test_kill import jitter
from tests.e2e.test_kill_memory import ROUTES, Receiver
from tests.support.builders import falco_json, program_of
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

KILLS = 100 if FULL else 2
HOSTS = 12
PROGRAMS = 5
EXACT = """
route "seen"    { when priority >= debug new proc.vpid in 365d to exact }
route "several" { when priority >= debug after 3 distinct proc.name in 365d by hostname to exact }
route "chain"   { when proc.name = p0 then proc.name = p1 within 365d by hostname to exact }
route "unless"  { when proc.name = p2 unless proc.name = p3 within 365d by hostname to exact }
"""
"""Their decisions follow from the order of the alerts alone, whenever an owner makes them."""
EXACT_ROUTES = {"seen", "several", "chain", "unless"}
_PACE = threading.Event()


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


def quiet_port() -> int:
    """A free port that no connection of another process gets while a bridge is down."""
    while True:
        port = randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Member:
    """One bridge of the fleet."""

    def __init__(self, instance: Instance, url: str, channel: str) -> None:
        self.instance = instance
        self.port = quiet_port()
        instance.configure(
            ROUTES + EXACT, dict.fromkeys(("hook", "limited", "counted", "exact"), channel),
            sources=[{"http": f"127.0.0.1:{self.port}"}], journal={"url": url, "path": "local"},
            roles=["intake", "memory", "courier"],
        )  # fmt: skip
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        self.process = self.instance.bridge()

    def send(self, body: bytes) -> bool:
        """Whether it has taken the alert."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", body)  # a constant scheme
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Sender(threading.Thread):
    """Sends alerts to whichever bridge takes them, until it is stopped."""

    def __init__(self, members: list[Member], chance: Random) -> None:
        super().__init__(daemon=True)
        self._members = members
        self._chance = chance
        self.count = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            seconds, nanoseconds = divmod(self.count * 1_000_000, 1_000_000_000)
            body = falco_json(
                hostname=f"node-{self._chance.randrange(HOSTS)}", output=f"alert {self.count}",
                output_fields={"proc.name": f"p{self._chance.randrange(PROGRAMS)}", "proc.vpid": self.count // 4},
                time=f"2026-03-04T05:{seconds // 60:02}:{seconds % 60:02}.{nanoseconds:09}Z",
            )  # fmt: skip
            while not self.stopped.is_set() and not self._chance.choice(self._members).send(body):
                self.stopped.wait(0.02)
            self.count += 1

    def await_more(self) -> None:
        reached = self.count + 50
        wait_until(lambda: self.count >= reached, "more alerts", seconds=300)


def matching(url: str) -> list[str]:
    """The host of each stored alert that the routes match; empty while one of them is not decided yet."""
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        recorded = list(journal.history.alerts())
    decisions = [decision for each in recorded for decision in each.decisions]
    if any(each.reason is Reason.PENDING for each in decisions):
        return []
    return [each.alert.hostname for each in recorded if each.decisions]


def undelivered(url: str) -> int:
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        return journal.deliveries.undelivered()


def named(delivery: dict[str, object]) -> list[str]:
    """The routes of a message; several are merged into one."""
    routes = delivery["routes"]
    assert isinstance(routes, list)
    return routes


def assert_exact(url: str, receiver: Receiver) -> None:
    """The fleet has decided as one bridge does that receives the same alerts, and each that came through was sent once."""
    program = program_of(EXACT)
    router, state = Router(program, {}, secret=bytes(16)), State()
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        recorded = list(journal.history.alerts())
    sent: Counter[str] = Counter()
    for each in recorded:
        expected = router.step(state, each.alert, each.received_ns)
        for one in (decision for decision in each.decisions if decision.route in EXACT_ROUTES):
            (other,) = (decision for decision in expected.decisions if decision.route == one.route)
            is_learning = one.reason is Reason.LEARNING and one.route == "seen"  # it reads what was stored before
            assert is_learning or (one.reason, one.detail) == (other.reason, other.detail), (each.number, one, other)
            sent.update(["seen"] if one.route == "seen" and one.reason is Reason.SENT else [])
        sent.update(route for notice in expected.notifications for route in notice.routes if route != "seen")
    assert set(sent) == EXACT_ROUTES
    for route, count in sent.items():
        assert sum(route in named(each) for each in receiver.by_delivery.values()) == count


@pytest.mark.timeout(7200)
def test_killing_owners_loses_and_doubles_no_count(url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every alert is in exactly one digest of its group, counted once by the throttle and once by `after`."""
    receiver = Receiver()
    chance = jitter("fleet")
    with receiver.server.serving() as server:
        channel = f"webhook://127.0.0.1:{server.port}/"
        members = [Member(Instance(tmp_path_factory.mktemp(f"bridge-{n}")), url, channel) for n in range(3)]
        sender = Sender(members, chance)
        try:
            sender.start()
            for _ in range(KILLS):
                sender.await_more()
                killed = chance.choice(members)
                killed.process.kill()
                killed.process.wait()
                _PACE.wait(chance.uniform(0.0, 2.0))
                killed.start()
            sender.await_more()
            sender.stopped.set()
            sender.join()
            for route in ("groups", "throttle"):
                wait_until(
                    lambda route=route: (hosts := matching(url)) and receiver.counted(route) == len(hosts),
                    f"the counts of {route}", seconds=300,
                )  # fmt: skip
            wait_until(lambda: undelivered(url) == 0, "every delivery", seconds=300)
            for each in members:
                assert each.instance.stop(each.process, seconds=120) == 0, each.instance.log
                assert "Traceback" not in each.instance.log, each.instance.log
        finally:
            for each in members:
                each.instance.end()
    hosts = matching(url)
    assert len(hosts) >= sender.count
    assert_exact(url, receiver)
    assert (receiver.counted("groups"), receiver.counted("throttle")) == (len(hosts), len(hosts))
    assert receiver.counted("third") == sum(count // 3 * 3 for count in Counter(hosts).values())
    digested = [alert for each in receiver.by_delivery.values() if each["kind"] == "digest" for alert in each["alerts"]]
    assert len(digested) == len(set(digested))
