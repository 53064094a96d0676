"""A secret is nowhere but on the wire to its own channel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.journal import DeliveryState
from tests.e2e.harness import Road
from tests.support.far_side import Answer, FarSide, Request
from tests.support.waiting import wait_until

CANARIES = ("canary-in-environment", "canary-in-file", "canarypassword", "canary-in-path")


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    road = Road(tmp_path)
    yield road
    road.end()


def echo(request: Request) -> Answer:
    """Refuses, and repeats whatever secret it was sent."""
    return Answer(403 if "path" in request.path else 500, f"{request.path} {request.headers}".encode())


def test_no_canary_is_seen_anywhere(road: Road) -> None:
    """In debug logs, in reasons, in what check prints: not with channels that fail and repeat them."""
    road.environment["TOKEN"] = CANARIES[0]
    (road.folder / "secret").write_text(CANARIES[1] + "\n", encoding="utf-8")
    with FarSide(echo).serving() as server:
        here = f"127.0.0.1:{server.port}"
        road.configure(
            'route "r" { to a, b, c, d }\n',
            {
                "a": f"json://{here}/${{TOKEN}}",
                "b": f"json://{here}/${{file:secret}}",
                "c": f"json://user:{CANARIES[2]}@{here}/x",
                "d": f"json://{here}/{CANARIES[3]}?+X-Token={CANARIES[0]}",
            },
            log={"level": "debug", "format": "json"},
        )
        road.falco("--generate", "--count", "2")
        bridge = road.bridge()
        road.await_kept(2)
        wait_until(lambda: len(server.requests) >= 8, "an attempt of each channel")
        wait_until(lambda: any(each.state is DeliveryState.DEAD for each in road.deliveries()), "a dead letter")
        road.stop(bridge)
        arrived = " ".join(f"{request.path} {request.headers}" for request in server.requests)
        assert CANARIES[0] in arrived, "the channel itself needs it"
    reasons = " ".join(each.reason for each in road.deliveries())
    assert "HTTP 403" in reasons
    checked = subprocess.run(
        [sys.executable, "-m", "bridge", "check", "--config", "falco-bridge.yaml"], cwd=road.folder,
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "TOKEN": CANARIES[0]},
    )  # fmt: skip
    everything = road.log + reasons + checked.stdout + checked.stderr
    assert [canary for canary in CANARIES if canary in everything] == []


def test_logs_are_json_unless_asked_otherwise(road: Road) -> None:
    """Readable lines where the config asks for them."""
    road.configure('route "r" { to a }\n', {"a": "file://a.jsonl"}, log={"level": "info", "format": "console"})
    bridge = road.bridge()
    wait_until(lambda: "started" in road.log, "the start")
    assert road.stop(bridge) == 0
    assert not any(line.startswith("{") for line in road.log.splitlines())
