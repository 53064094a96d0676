"""A bridge with its journal in PostgreSQL, in real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from bridge.common.secret import Secret
from bridge.delivery import DeliveryState
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_to_read
from tests.e2e.harness import Instance
from tests.support.far_side import FarSide
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

ROUTES = 'route "everything" { to hook }\n'


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


def deliveries(url: str) -> list[DeliveryState]:
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        return [each.state for each in journal.history.deliveries()]


@pytest.mark.timeout(600)
def test_a_standby_takes_over(
    instance: Instance, far_side: FarSide, url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The other bridge is killed; what it had committed and not sent is sent by the standby."""
    standby = Instance(tmp_path_factory.mktemp("standby"))
    routes = 'route "everything" { when priority >= debug to hook }\n'
    for each in (instance, standby):
        each.configure(
            routes, {"hook": {"url": f"json://127.0.0.1:{far_side.port}/", "rate": "20/s", "digest_after": "never"}},
            journal={"url": url, "path": "local", "standby": True},
        )  # fmt: skip
    try:
        instance.falco("--generate", "--count", "200")
        first = instance.bridge()
        wait_until(lambda: len(far_side.requests) >= 5, "the first deliveries", seconds=120)
        second = standby.bridge()
        standby.await_logged("standing by", seconds=120)
        wait_until(lambda: len(deliveries(url)) >= 150, "the alerts in the journal", seconds=120)
        first.kill()
        first.wait()
        wait_until(lambda: set(deliveries(url)) == {DeliveryState.DELIVERED}, "every delivery", seconds=240)
        assert standby.stop(second) == 0, standby.log
    finally:
        standby.end()


def verb(instance: Instance, *arguments: str) -> str:
    """What a verb prints about the bridge of the instance."""
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments, "--config", "falco-bridge.yaml"],
        cwd=instance.folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_a_bridge_works_with_a_database(instance: Instance, far_side: FarSide, url: str) -> None:
    """It delivers, survives SIGKILL and the loss of its sessions, refuses a second bridge, and its verbs work."""
    journal = {"url": url, "password": "hunter2hunter2", "path": "local"}
    instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{far_side.port}/"}, journal=journal)
    instance.falco("--generate", "--count", "400", "--rate", "100")
    bridge = instance.bridge()
    wait_until(lambda: len(far_side.requests) >= 20, "the first deliveries", seconds=120)
    bridge.kill()
    bridge.wait()
    bridge = instance.bridge()
    wait_until(lambda: len(far_side.requests) >= 60, "deliveries after the kill", seconds=120)
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"falco-bridge % {bridge.pid}",),
        )
    second = instance.start("--config", "falco-bridge.yaml", output="second.log")
    assert second.wait(120) == 3
    wait_until(
        lambda: (done := deliveries(url)) and set(done) == {DeliveryState.DELIVERED}, "every delivery", seconds=240
    )
    status = json.loads(verb(instance, "status", "--json"))
    assert not status["not_ready"], status
    alert = json.loads(verb(instance, "history", "--json", "--limit", "1"))
    assert alert["id"] in verb(instance, "show", alert["id"])
    assert "no dead letters" in verb(instance, "dead", "list")
    assert instance.stop(bridge) == 0, instance.log
    assert "hunter2hunter2" not in instance.log + verb(instance, "config", "--show")
