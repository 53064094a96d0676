"""Bridges that share one database, in real processes: each delivers to its own channels, and replaces one that ended.

They have all roles by default.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, MemberRecord
from bridge.journal.opening import open_to_read
from tests.e2e.harness import Instance
from tests.support.far_side import FarSide
from tests.support.freezing import freeze
from tests.support.ports import free_port
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

CHANNELS = ("a", "b", "c", "d")
ROUTES = "".join(f'route "{each}" {{ to {each} }}\n' for each in CHANNELS)
START_SECONDS = 120


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


class Bridge:
    """One bridge of the fleet."""

    def __init__(self, instance: Instance, url: str, far_side: FarSide, **more: object) -> None:
        self.instance = instance
        self.port = free_port()
        instance.configure(
            ROUTES, {each: {"url": f"json://127.0.0.1:{far_side.port}/{each}"} for each in CHANNELS},
            sources=[{"http": f"127.0.0.1:{self.port}"}], journal={"url": url, "path": "local"}, **more,
        )  # fmt: skip
        self.process = instance.bridge()

    def post(self, numbers: range) -> None:
        """Post alerts until each was accepted."""
        for number in numbers:
            body = json.dumps({
                "time": "2026-01-01T00:00:00.000000000Z", "rule": "Rule", "priority": "Error", "output": f"n{number}",
                "source": "syscall", "hostname": "h", "tags": [], "output_fields": {"n": number},
            }).encode()  # fmt: skip
            wait_until(lambda body=body: self._accepts(body), f"alert {number} to be accepted", seconds=START_SECONDS)

    def _accepts(self, body: bytes) -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", body)
        with suppress(OSError), urllib.request.urlopen(request, timeout=30) as answer:
            return bool(answer.status == 200)
        return False


def couriers(url: str) -> list[MemberRecord]:
    """The couriers that are alive and deliver."""
    with closing(open_to_read(DatabaseLocation(Secret(url)))) as journal:
        return [each for each in journal.members() if each.is_alive and each.leases.get(CHANNEL)]


def owned(url: str) -> list[str]:
    return sorted(name for each in couriers(url) for name in each.leases[CHANNEL])


def arrived(far_side: FarSide) -> Counter[tuple[str, str]]:
    """How often each alert arrived at each channel."""
    return Counter((each.path, json.loads(each.body)["message"].split("id: ")[-1]) for each in list(far_side.requests))


@pytest.mark.timeout(600)
def test_two_bridges_share_the_work_and_replace_each_other(
    instance: Instance, far_side: FarSide, url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A courier is frozen for longer than its lease, then a whole bridge is killed; nothing is lost.

    On a busy machine a lease may end while its courier only waits for a core; then a delivery is repeated.
    """
    other = Instance(tmp_path_factory.mktemp("other"))
    try:
        first, second = Bridge(instance, url, far_side), Bridge(other, url, far_side)
        first.post(range(10))
        second.post(range(10, 20))
        wait_until(
            lambda: len(couriers(url)) == 2 and owned(url) == list(CHANNELS), "both couriers", seconds=START_SECONDS
        )
        wait_until(lambda: len(arrived(far_side)) == 20 * len(CHANNELS), "the first alerts", seconds=START_SECONDS)

        frozen = next(each for each in couriers(url))
        freeze(frozen.pid)
        wait_until(lambda: [each.id for each in couriers(url)] != [frozen.id] and len(couriers(url)) == 1
                   and owned(url) == list(CHANNELS), "the take-over", seconds=START_SECONDS)  # fmt: skip
        first.post(range(20, 30))
        wait_until(
            lambda: len(arrived(far_side)) == 30 * len(CHANNELS), "alerts during the freeze", seconds=START_SECONDS
        )
        os.kill(frozen.pid, signal.SIGCONT)
        wait_until(lambda: len(couriers(url)) == 2, "both couriers again", seconds=START_SECONDS)

        kill(first.process)
        second.post(range(30, 40))
        wait_until(
            lambda: len(couriers(url)) == 1 and owned(url) == list(CHANNELS), "the survivor", seconds=START_SECONDS
        )
        wait_until(lambda: len(arrived(far_side)) == 40 * len(CHANNELS), "everything", seconds=START_SECONDS)
        assert other.stop(second.process) == 0, other.log
        assert couriers(url) == []
    finally:
        other.end()


def kill(bridge: subprocess.Popen[bytes]) -> None:
    """Kill its processes at once, as the loss of a machine does."""
    children = [int(each) for each in _children(bridge.pid)]
    for process in (bridge.pid, *children):
        os.kill(process, signal.SIGKILL)
    bridge.wait()


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
