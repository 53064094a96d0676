"""Bridges with one role each, all of which are restarted by SIGUSR2 while alerts come: none is lost, none sent twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.fleet import Bridge, Senders
from tests.e2e.test_kill import PATIENCE
from tests.e2e.test_kill_memory import Receiver
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

ROUTES = """
route "everything" { when priority >= debug to hook }
route "throttle"   { when priority >= debug to limited throttle 2 per 1s by hostname }
"""
ROLES = ("intake", "memory", "courier")


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


def end_successors(folder: Path) -> None:
    """Kill what a restarted bridge has left: its processes work in its folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.timeout(600)
def test_each_role_is_restarted_without_a_loss(url: str, tmp_path: Path) -> None:
    """The one that takes alerts, the one that remembers, and the one that delivers."""
    receiver = Receiver()
    bridges = [Bridge(tmp_path / role, url) for role in ROLES]
    with receiver.server.serving() as server:
        try:
            for role, bridge in zip(ROLES, bridges, strict=True):
                channel = f"webhook://127.0.0.1:{server.port}/"
                sources = [{"http": f"127.0.0.1:{bridge.port}"}]
                bridge.instance.configure(
                    ROUTES, {"hook": channel, "limited": channel}, sources=sources,
                    journal={"url": url, "path": "local"}, roles=[role],
                )  # fmt: skip
                bridge.start()
            for bridge in bridges:
                bridge.instance.await_logged('"started"', seconds=PATIENCE)
            senders = Senders([bridges[0].port], 15)
            with senders.sending():
                for bridge in bridges:
                    wait_until(senders.more_accepted(), "an answer", seconds=PATIENCE)
                    bridge.process.send_signal(signal.SIGUSR2)
                    wait_until(lambda b=bridge: b.instance.log.count('"started"') == 2, "the restart", seconds=PATIENCE)  # type: ignore[misc]
                wait_until(senders.more_accepted(), "an answer at the end", seconds=PATIENCE)
            count = len(senders.accepted)
            for route in ("everything", "throttle"):
                total = {"everything": lambda: sum(each["routes"] == ["everything"] for each in list(receiver.by_delivery.values())),
                         "throttle": lambda: receiver.counted("throttle")}[route]  # fmt: skip
                wait_until(lambda total=total: total() >= count, route, seconds=PATIENCE)  # type: ignore[misc]
                assert total() == count
            assert receiver.repeats == 0
        finally:
            for bridge in bridges:
                bridge.instance.end()
                end_successors(bridge.instance.folder)
