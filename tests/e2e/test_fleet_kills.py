"""Three bridges over one database while routers, couriers and PostgreSQL are killed, frozen and promoted at random.

Nothing that was accepted is lost, no count of a clause with memory is wrong, and a delivery is repeated only where a
kill fell between an answer and its settlement.
"""

from __future__ import annotations

import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bridge.common.secret import Secret
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from tests.conftest import FULL
from tests.e2e.fleet import HOSTS, Bridge, Senders
from tests.e2e.fleet_report import fleet_report
from tests.e2e.harness import catches
from tests.e2e.test_kill import PATIENCE, jitter
from tests.e2e.test_kill_memory import Receiver
from tests.support.postgres import new_server
from tests.support.waiting import wait_until

KILLS = 300 if FULL else 5
PROMOTIONS = 30 if FULL else 1
RATE = 15
SETTINGS = {"wal_level": "replica", "max_wal_senders": "4"}
ROUTES = """
route "everything" { when priority >= debug to hook }
route "groups"     { when priority >= debug to groups group by hostname wait 1s every 2s }
route "throttle"   { when priority >= debug to limited throttle 2 per 5s by hostname }
route "third"      { when priority >= debug to counted after 3 in 365d by hostname }
"""
CHANNELS = ("hook", "groups", "limited", "counted")
SKEWS = (0, 300, -300)
"""Seconds by which the clocks of the three machines are wrong."""
FROZEN_SECONDS = 4.0
"""Longer than a lease."""
_PACE = threading.Event()


class Pair:
    """A primary and its synchronous standby, whose roles a promotion swaps."""

    def __init__(self) -> None:
        self.primary, self.standby = new_server(), new_server()
        self.primary.create(SETTINGS)
        self.standby.create_standby(self.primary)
        self.url = f"postgresql://tests@/postgres?host={self.primary.folder},{self.standby.folder}"

    def restart(self) -> None:
        """The primary crashes and starts again."""
        self.primary.stop()
        self.primary.start()

    def promote(self) -> None:
        """The primary's machine is lost, its standby takes over, and gets a new standby."""
        self.primary.stop()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        shutil.rmtree(self.standby.folder / "data")
        self.standby.create_standby(self.primary)

    def remove(self) -> None:
        """Stop both."""
        for each in (self.standby, self.primary):
            each.remove()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.remove()


@pytest.fixture
def bridges(tmp_path: Path, pair: Pair) -> Iterator[list[Bridge]]:
    made = [Bridge(tmp_path / f"bridge-{number}", pair.url, skew) for number, skew in enumerate(SKEWS)]
    yield made
    for each in made:
        each.instance.end()


def faults(bridges: list[Bridge], pair: Pair) -> list[Callable[[int], None]]:
    """What is done to a fleet. Each gets the number of a bridge."""

    def kill(number: int) -> None:
        bridges[number].kill()
        bridges[number].start()

    def kill_courier(number: int) -> None:
        bridges[number].kill_courier()

    def freeze(number: int) -> None:
        bridges[number].freeze()
        _PACE.wait(FROZEN_SECONDS)
        bridges[number].thaw()

    def crash(_number: int) -> None:
        pair.restart()

    return [kill, kill_courier, freeze, crash, kill]


def stored_hosts(url: str) -> list[str]:
    """The host of each stored alert that the senders posted."""
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        return [each.alert.hostname for each in journal.history.alerts() if each.alert.hostname in HOSTS]


@pytest.mark.timeout(14_400 if FULL else 900)
def test_a_fleet_loses_and_doubles_no_count(bridges: list[Bridge], pair: Pair) -> None:
    moments = jitter("fleet")
    receiver = Receiver()
    done = Counter[str]()
    with receiver.server.serving() as server:
        for bridge in bridges:
            bridge.configure(ROUTES, dict.fromkeys(CHANNELS, f"webhook://127.0.0.1:{server.port}/"))
            bridge.start()
        senders = Senders([each.port for each in bridges], RATE)
        kinds = faults(bridges, pair)
        with senders.sending():
            promote_every = KILLS // PROMOTIONS
            for number in range(KILLS):
                revive(bridges)
                wait_until(senders.more_accepted(), "an answer", seconds=PATIENCE)
                _PACE.wait(moments.uniform(0.0, 1.0))
                fault = kinds[number % len(kinds)]
                done[fault.__name__] += 1
                fault(moments.randrange(len(bridges)))
                if number % promote_every == promote_every - 1:
                    done["promote"] += 1
                    pair.promote()
            await_started(bridges)
            wait_until(senders.more_accepted(), "an answer at the end", seconds=PATIENCE)
        hosts = stored_hosts(pair.url)
        assert len(hosts) == len(senders.accepted)
        third = sum(count // 3 * 3 for count in Counter(hosts).values())
        with reporting(pair, bridges, receiver):
            wait_until(lambda: delivered(receiver) >= len(hosts), "every alert", seconds=PATIENCE)
            for route, count in {"groups": len(hosts), "throttle": len(hosts), "third": third}.items():
                await_counted(receiver, route, count)
            wait_until(lambda: undelivered(pair.url) == 0, "every delivery to be settled", seconds=PATIENCE)
        for bridge in bridges:
            assert bridge.instance.stop(bridge.process, seconds=PATIENCE) == 0, bridge.instance.log
    counted = receiver.counted("groups"), receiver.counted("throttle")
    assert (delivered(receiver), *counted) == (len(hosts),) * 3
    assert receiver.counted("third") == third
    print(f"{len(hosts)} alerts, {dict(done)}, {receiver.repeats} deliveries repeated")  # noqa: T201  # the figures
    assert receiver.repeats <= 26 * sum(done.values())


def revive(bridges: list[Bridge]) -> None:
    """Start those again that ended because the database was away."""
    for each in bridges:
        each.revive()


def await_started(bridges: list[Bridge]) -> None:
    """Wait until all bridges run for good."""

    def have_started() -> bool:
        revive(bridges)
        return all(catches(each.process.pid, signal.SIGTERM) for each in bridges if each.process.poll() is None)

    wait_until(have_started, "all bridges", seconds=PATIENCE)


@contextmanager
def reporting(pair: Pair, bridges: list[Bridge], receiver: Receiver) -> Iterator[None]:
    """If the wait of the block times out, the error says what the fleet was doing."""
    try:
        yield
    except AssertionError as error:
        report = fleet_report(pair.url, bridges, list(receiver.by_delivery.values()))
        raise AssertionError(f"{error}\n{report}") from error


def delivered(receiver: Receiver) -> int:
    """How many deliveries of single alerts arrived."""
    return sum(each["routes"] == ["everything"] for each in list(receiver.by_delivery.values()))


def await_counted(receiver: Receiver, route: str, count: int) -> None:
    """Wait until the notifications of a route stand for so many alerts."""
    wait_until(lambda: receiver.counted(route) >= count, f"the counts of {route}", seconds=PATIENCE)


def undelivered(url: str) -> int:
    """How many deliveries are open."""
    try:
        with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
            return journal.deliveries.undelivered()
    except JournalError:
        return 1
