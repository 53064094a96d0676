"""Two bridges over one database: a file that one of them reads, routes that both change, silences that act on both."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.operator.client import AdminClient, AdminError
from bridge.operator.model.status import FleetStatus, Status
from tests.e2e.harness import Instance
from tests.support.far_side import FarSide
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

ROUTES = 'route "{name}" {{ when rule = "counted" to hook }}\n'


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


class Writer:
    """Writes alerts to a file until it is stopped."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        path.touch()
        self._thread.start()

    def _write(self) -> None:
        with self._path.open("a", encoding="utf-8", buffering=1) as file:
            while not self._stop.wait(0.02):
                alert = {"time": f"2026-01-01T00:00:00.{self.count:09}Z", "rule": "counted", "priority": "Notice",
                         "output": f"alert {self.count}."}  # fmt: skip
                file.write(json.dumps(alert) + "\n")
                self.count += 1

    def stop(self) -> int:
        self._stop.set()
        self._thread.join(60)
        return self.count


def status(instance: Instance) -> Status | None:
    try:
        return AdminClient(instance.folder / "local.admin.sock").get("/api/v1/status", Status)
    except AdminError:
        return None


@pytest.mark.timeout(600)
def test_a_fleet_of_two(far_side: FarSide, url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Reloads of both, the loss of the reader of a file: every alert is sent, and each by one bridge's routes."""
    bridges = [Instance(tmp_path_factory.mktemp(name)) for name in ("one", "other")]
    shared = tmp_path_factory.mktemp("shared") / "alerts.json"
    writer = Writer(shared)

    def fleets() -> list[FleetStatus]:
        """The fleet as each bridge shows it: two that are alive, one of which reads the file."""
        found = [each for each in map(status, bridges) if each is not None and each.fleet is not None]
        shown = [each.fleet for each in found if each.fleet is not None and len(each.fleet.bridges) == len(bridges)]
        if len(shown) < len(bridges) or sorted(bool(each.sources[0].read_by) for each in found) != [False, True]:
            return []
        assert {each.bridge for each in shown} == {each.bridge for each in shown[0].bridges}
        return shown

    def route(instance: Instance, name: str) -> None:
        (instance.folder / "test.route").write_text(ROUTES.format(name=name), encoding="utf-8")

    def configure(each: Instance, name: str, **journal: object) -> None:
        each.configure(
            ROUTES.format(name=name), {"hook": f"json://127.0.0.1:{far_side.port}/"}, roles=["intake", "memory", "courier"],
            journal={"url": url, "path": "local", **journal}, sources=[{"file": str(shared), "name": "node", "read_from": "start"}],
        )  # fmt: skip

    for each in bridges:
        configure(each, "first")
    try:
        processes = [each.bridge() for each in bridges]
        for each in bridges:
            each.await_logged('"started"', seconds=120)
        wait_until(lambda: len(far_side.requests) >= 20, "the first deliveries", seconds=120)
        wait_until(
            lambda: [sum(bool(each.sources) for each in shown.bridges) for shown in fleets()] == [1, 1],
            "one reader of the file, shown by both", seconds=120,
        )  # fmt: skip
        route(bridges[0], "second")
        bridges[0].await_logged("reload waiting for other bridges", seconds=120)
        assert '"reloaded"' not in bridges[0].log
        configure(bridges[1], "second", lease="2s")
        bridges[1].await_logged('"restart_needed": ["journal.lease"]', seconds=120)
        for each in bridges:
            each.await_logged('"reloaded"', seconds=120)
        wait_until(lambda: b"second" in far_side.requests[-1].body, "deliveries by the new route", seconds=120)
        reader = next(at for at, each in enumerate(bridges) if "source leased" in each.log)
        processes[reader].kill()
        processes[reader].wait()
        bridges[1 - reader].await_logged("source leased", seconds=120)
        before = len(far_side.requests)
        wait_until(lambda: len(far_side.requests) >= before + 20, "deliveries after the loss", seconds=120)
        count = writer.stop()

        def sent() -> Counter[str]:
            return Counter(
                json.loads(each.body)["message"].partition("alert ")[2].partition(".")[0] for each in far_side.requests
            )

        wait_until(lambda: len(sent()) == count, "every alert", seconds=120)

        assert sum(sent().values()) - count <= 20  # where the kill fell between answer and settlement
    finally:
        writer.stop()
        for each in bridges:
            each.end()
