"""A password that is rotated under a fleet with one role each, whose sessions then all end: nothing is lost or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bridge.operator.client import AdminClient
from bridge.operator.model.status import Status
from tests.e2e.fleet import Bridge, Senders
from tests.e2e.test_fleet_roles import ROLES, ROUTES
from tests.e2e.test_kill import PATIENCE
from tests.e2e.test_kill_memory import Receiver
from tests.support.postgres import Server, new_server
from tests.support.waiting import wait_until

FIRST, SECOND = "first-pass-word", "second-pass-word"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that wants a password of the role ``bridge``."""
    made = new_server()
    hba = made.folder / "hba.conf"
    hba.write_text("local all tests trust\nlocal all all scram-sha-256\n", encoding="ascii")
    hba.chmod(0o644)
    made.create({"hba_file": f"'{hba}'"})
    with closing(psycopg.connect(made.url, autocommit=True)) as connection:
        connection.execute(f"CREATE ROLE bridge LOGIN PASSWORD '{FIRST}'")
        connection.execute("GRANT CREATE ON DATABASE postgres TO bridge")
    yield made
    made.remove()


def rotate(server: Server) -> None:
    """Another password, and an end of all sessions that the first one has opened."""
    with closing(psycopg.connect(server.url, autocommit=True)) as connection:
        connection.execute(f"ALTER ROLE bridge PASSWORD '{SECOND}'")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bridge'")


def says(bridge: Bridge, text: str) -> bool:
    status = AdminClient(bridge.instance.folder / "local.admin.sock").get("/api/v1/status", Status)
    return text in f"{status.not_ready} {status.problems}"


@pytest.mark.timeout(600)
def test_a_rotated_password_delays_nothing(server: Server, tmp_path: Path) -> None:
    """Until its file has the new one, each bridge says what is wrong; then all continue without a restart."""
    receiver, secret = Receiver(), tmp_path / "password"
    secret.write_text(FIRST, encoding="ascii")
    url = server.url.replace("//tests@", "//bridge@")
    bridges = [Bridge(tmp_path / role, url) for role in ROLES]
    with receiver.server.serving() as far_side:
        try:
            for role, bridge in zip(ROLES, bridges, strict=True):
                channel = f"webhook://127.0.0.1:{far_side.port}/"
                bridge.instance.configure(
                    ROUTES, {"hook": channel, "limited": channel}, sources=[{"http": f"127.0.0.1:{bridge.port}"}],
                    journal={"url": url, "password": f"${{file:{secret}}}", "path": "local"}, roles=[role],
                )  # fmt: skip
                bridge.start()
            for bridge in bridges:
                bridge.instance.await_logged('"started"', seconds=PATIENCE)
            senders = Senders([bridges[0].port], 30)
            with senders.sending():
                wait_until(senders.more_accepted(), "an answer", seconds=PATIENCE)
                rotate(server)
                for bridge in bridges:
                    wait_until(lambda b=bridge: says(b, "password"), "the status to say it", seconds=PATIENCE)  # type: ignore[misc]
                secret.write_text(SECOND, encoding="ascii")
                wait_until(senders.more_accepted(), "an answer with the new one", seconds=PATIENCE)
            count = len(senders.accepted)

            def delivered() -> int:
                return sum(each["routes"] == ["everything"] for each in list(receiver.by_delivery.values()))

            wait_until(lambda: delivered() >= count, "every alert", seconds=PATIENCE)
            wait_until(lambda: receiver.counted("throttle") >= count, "every count", seconds=PATIENCE)
            assert (delivered(), receiver.counted("throttle")) == (count, count)
            assert receiver.repeats <= 2 * 26  # of each channel, those whose settlement the end of its session has hit
            for bridge in bridges:
                wait_until(lambda b=bridge: not says(b, "password"), "the status to be clear", seconds=PATIENCE)  # type: ignore[misc]
                assert FIRST not in bridge.instance.log
                assert SECOND not in bridge.instance.log
                assert bridge.process.poll() is None
        finally:
            for bridge in bridges:
                bridge.instance.end()
