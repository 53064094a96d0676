"""What a running bridge tells and is told, through its real command."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.e2e.harness import Road
from tests.support.waiting import wait_until

ROUTES = 'route "all" { to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}


def command(road: Road, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A verb, run to its end in the road's folder."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], cwd=road.folder, input=given, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


def start(road: Road) -> subprocess.Popen[bytes]:
    before = road.log.count('"started"') if (road.folder / "bridge.log").exists() else 0
    bridge = road.bridge()
    wait_until(lambda: road.log.count('"started"') > before, "the start")
    return bridge


def test_status_asks_the_running_bridge(road: Road) -> None:
    """By the config or by the socket; once it is gone, a sentence says so."""
    road.configure(ROUTES, CHANNELS)
    road.falco("--generate", "--count", "20")
    bridge = start(road)
    road.await_kept(20)
    for named in (("--config", "falco-bridge.yaml"), ("--socket", "journal.db.admin.sock")):
        done = command(road, "status", *named, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["alerts"] == 20
    assert road.stop(bridge) == 0, road.log
    assert not (road.folder / "journal.db.admin.sock").exists()
    done = command(road, "status", "--config", "falco-bridge.yaml")
    assert done.returncode == 1
    assert b"no bridge is running" in done.stderr


def test_a_killed_bridge_starts_again_over_its_socket(road: Road) -> None:
    """What it left behind is replaced."""
    road.configure(ROUTES, CHANNELS)
    bridge = start(road)
    bridge.kill()
    bridge.wait()
    assert (road.folder / "journal.db.admin.sock").is_socket()
    assert command(road, "status", "--config", "falco-bridge.yaml").returncode == 1
    start(road)
    assert command(road, "status", "--config", "falco-bridge.yaml").returncode == 0
