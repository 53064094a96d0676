"""A fleet is upgraded to a newer version and set back under load, one bridge after the other.

Nothing is lost or sent twice, no count is wrong, and each version refuses what it cannot do with a sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bridge import __version__
from bridge.common.secret import Secret
from bridge.daemon.exit_codes import CANNOT_START
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from bridge.journal.postgres.tables.migrations import MIGRATIONS
from bridge.operator.client import AdminClient, AdminError
from bridge.operator.model.status import Status
from bridge.routing import Reason
from tests.conftest import FULL
from tests.e2e.fleet import HOSTS, Bridge, Senders
from tests.e2e.test_kill import PATIENCE
from tests.e2e.test_kill_memory import Receiver
from tests.support.newer_version import CONTRACTED, EXPANDED, VERSION, WORD, make_newer_version
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

ROUNDS = 10 if FULL else 1
BRIDGES = 3 if FULL else 2
ROUTES = """
route "everything" { when rule = Numbered to hook }
route "groups"     { when rule = Numbered to groups group by hostname wait 1s every 2s }
route "throttle"   { when rule = Numbered to limited throttle 2 per 5s by hostname }
route "third"      { when rule = Numbered to counted after 3 in 365d by hostname }
"""
NEWER_ROUTES = ROUTES.replace(" per ", f" {WORD} ")
CHANNELS = ("hook", "groups", "limited", "counted")


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


class VersionedFleet:
    """Bridges of two versions."""

    def __init__(self, folder: Path, url: str, channel: str) -> None:
        self.url = url
        self.newer = str(make_newer_version(folder / "newer"))
        self.bridges = [Bridge(folder / f"bridge-{number}", url) for number in range(BRIDGES)]
        for each in self.bridges:
            each.instance.configure(
                ROUTES, dict.fromkeys(CHANNELS, channel), sources=[{"http": f"127.0.0.1:{each.port}"}],
                journal={"url": url, "path": "local", "lease": "10s"}, roles=["intake", "memory", "courier"],
            )  # fmt: skip
        self._starts = Counter[int]()

    def start(self, number: int, *, newer: bool = False) -> None:
        """Start a bridge in one of the versions."""
        bridge = self.bridges[number]
        bridge.instance.environment = {"PYTHONPATH": self.newer} if newer else {}
        bridge.start()
        self._starts[number] += 1

    def is_newer(self, number: int) -> bool:
        """Whether it runs the newer version."""
        return bool(self.bridges[number].instance.environment)

    def await_started(self, number: int) -> None:
        """Wait until it works."""
        log, count = self.bridges[number].instance, self._starts[number]
        wait_until(lambda: log.log.count('"started"') == count, f"bridge {number}", seconds=PATIENCE)

    def replace(self, number: int, senders: Senders, *, newer: bool) -> None:
        """Stop a bridge, and start it in one of the versions; others take the alerts meanwhile."""
        self.stop(number)
        self.start(number, newer=newer)
        self.await_started(number)
        wait_until(senders.more_accepted(), "an answer", seconds=PATIENCE)

    def stop(self, number: int) -> None:
        """Stop it, as a service manager does."""
        bridge = self.bridges[number]
        assert bridge.instance.stop(bridge.process, seconds=PATIENCE) == 0, bridge.instance.log

    def status(self, number: int) -> Status | None:
        """What a bridge shows to the commands of this version."""
        try:
            return AdminClient(self.bridges[number].instance.folder / "local.admin.sock").get("/api/v1/status", Status)
        except AdminError:
            return None

    def await_versions(self, *versions: str) -> None:
        """Wait until each bridge shows living bridges of these versions."""

        def shown(number: int) -> list[str]:
            found = self.status(number)
            bridges = [] if found is None or found.fleet is None else found.fleet.bridges
            return sorted(each.version for each in bridges if each.alive)

        for number in range(BRIDGES):
            wait_until(lambda: shown(number) == sorted(versions), f"versions at {number}", seconds=PATIENCE)  # noqa: B023

    def give(self, routes: str) -> None:
        """Give all bridges these routes."""
        for each in self.bridges:
            (each.instance.folder / "test.route").write_text(routes, encoding="utf-8")

    def run_newer(self, *arguments: str) -> tuple[int, str]:
        """A command of the newer version: its exit code, and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments], env=os.environ | {"PYTHONPATH": self.newer},
            cwd=self.bridges[0].instance.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def name(self, number: int) -> str:
        """By which the fleet shows it."""
        found = self.status(number)
        assert found is not None
        assert found.fleet is not None
        return str(found.fleet.bridge)

    def close(self) -> None:
        """Kill what still runs."""
        for each in self.bridges:
            each.instance.end()


def roll(fleet: VersionedFleet, senders: Senders) -> None:
    """Upgrade all bridges, and set the first one back."""
    if fleet.is_newer(BRIDGES - 1):  # from the round before
        fleet.replace(BRIDGES - 1, senders, newer=False)
    for number in range(BRIDGES - 1):
        fleet.replace(number, senders, newer=True)
    fleet.await_versions(*[VERSION] * (BRIDGES - 1), __version__)
    last = fleet.bridges[-1].instance
    fleet.give(NEWER_ROUTES)
    wait_until(lambda: "reload rejected" in last.log[-4000:], "the older version to reject them", seconds=PATIENCE)
    subject = f"bridge {fleet.name(BRIDGES - 1)}"

    def is_named() -> bool:
        found = fleet.status(0)
        return found is not None and any(each.subject == subject and WORD in each.text for each in found.problems)

    wait_until(is_named, "the reason at another bridge", seconds=PATIENCE)
    assert fleet.bridges[0].instance.log.count('"reloaded"') % 2 == 0
    fleet.replace(BRIDGES - 1, senders, newer=True)  # now all know the word
    first = fleet.bridges[0].instance
    wait_until(lambda: first.log.count('"reloaded"') % 2 == 1, "the new routes", seconds=PATIENCE)
    fleet.give(ROUTES)
    wait_until(lambda: first.log.count('"reloaded"') % 2 == 0, "the routes of both versions", seconds=PATIENCE)
    fleet.replace(0, senders, newer=False)


@pytest.mark.timeout(7200 if FULL else 900)
def test_two_versions_work_side_by_side(url: str, tmp_path: Path) -> None:
    """Expanded tables, unknown fields and reasons, a word that only one of them knows, and the contraction."""
    receiver = Receiver()
    with (
        receiver.server.serving() as server,
        closing(VersionedFleet(tmp_path, url, f"webhook://127.0.0.1:{server.port}/")) as fleet,
    ):
        for number in range(BRIDGES):
            fleet.start(number)
        for number in range(BRIDGES):
            fleet.await_started(number)
        senders = Senders([each.port for each in fleet.bridges], 15)
        with senders.sending():
            wait_until(senders.more_accepted(), "an answer", seconds=PATIENCE)
            code, printed = fleet.run_newer("journal", "migrate", "--json", "--journal", url)
            assert (code, json.loads(printed)) == (0, {"before": len(MIGRATIONS), "now": EXPANDED})
            for _ in range(ROUNDS):
                roll(fleet, senders)
            assert_not_contracted(fleet)
            fleet.stop(0)
            wait_until(senders.more_accepted(), "an answer at the end", seconds=PATIENCE)
        code, printed = fleet.run_newer("journal", "migrate", "--contract", "--journal", url)
        assert (code, f"format {CONTRACTED}, before {EXPANDED}" in printed) == (0, True), printed
        fleet.start(0)
        assert fleet.bridges[0].process.wait(PATIENCE) == CANNOT_START
        sentence = (
            f"format {CONTRACTED}; this version knows {len(MIGRATIONS)}, and {CONTRACTED} is needed); nothing was"
        )
        assert sentence in fleet.bridges[0].instance.log
        await_counts(receiver, senders)
        for number in range(1, BRIDGES):
            fleet.stop(number)
        assert all("Traceback" not in each.instance.log for each in fleet.bridges)
    assert receiver.repeats == 0


def assert_not_contracted(fleet: VersionedFleet) -> None:
    """While the first bridge runs the older version."""
    with closing(open_to_read(DatabaseLocation(Secret(fleet.url)))) as journal:
        reasons = {decision.reason for each in journal.history.alerts() for decision in each.decisions}
    assert {Reason.UNKNOWN, Reason.BELOW_THRESHOLD} < reasons
    code, printed = fleet.run_newer("journal", "migrate", "--contract", "--journal", fleet.url)
    assert code == 2, printed
    assert f"bridges of an older version use it: {fleet.name(0)} ({__version__}). Upgrade or stop" in printed
    with psycopg.connect(fleet.url) as connection:
        assert connection.execute("SELECT version FROM journal_format").fetchone() == (EXPANDED,)


def await_counts(receiver: Receiver, senders: Senders) -> None:
    """Every alert is delivered once, is in one digest, and is counted once by each clause."""
    count = len(senders.accepted)
    hosts = Counter(HOSTS[number % len(HOSTS)] for number in senders.accepted)
    wanted = {"groups": count, "throttle": count, "third": sum(each // 3 * 3 for each in hosts.values())}

    def delivered() -> int:
        return sum(each["routes"] == ["everything"] for each in list(receiver.by_delivery.values()))

    wait_until(lambda: delivered() >= count, f"{count} alerts", seconds=PATIENCE)
    for route, number in wanted.items():
        wait_until(lambda: receiver.counted(route) >= number, f"the counts of {route}", seconds=PATIENCE)  # noqa: B023
    assert delivered() == count
    assert {route: receiver.counted(route) for route in wanted} == wanted
