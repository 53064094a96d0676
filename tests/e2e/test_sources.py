"""Every road from a real process to a real channel: what was acknowledged is in the journal, whatever is killed."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.e2e.harness import Road
from tests.support.waiting import wait_until

ROUTES = 'route "all" { when rule exists to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
KILLS = 15 if FULL else 3
_PACE = threading.Event()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def body(number: int) -> bytes:
    return json.dumps({"rule": f"r{number}", "time": "2026-01-01T00:00:00Z", "output": "o"}).encode()


def archived(road: Road) -> Counter[str]:
    path = road.folder / "archive.jsonl"
    return Counter(json.loads(line)["rule"] for line in path.read_text(encoding="utf-8").splitlines())


def test_posted_alerts_arrive(road: Road) -> None:
    """As Falco's http_output posts them, by the stand-in; a repeated post is one alert."""
    port = free_port()
    road.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}", "path": "0123456789abcdef"}])
    bridge = road.bridge()
    wait_until(lambda: '"started"' in road.log, "the start")
    for _ in range(2):
        done = road.start("simulate", "--generate", "--count", "60", "--http",
                          f"http://127.0.0.1:{port}/0123456789abcdef", output="falco.log")  # fmt: skip
        assert done.wait(60) == 0, (road.folder / "falco.log").read_text(encoding="utf-8")
    road.await_kept(60)
    road.await_settled()
    assert road.stop(bridge) == 0, road.log
    assert len(road.kept()) == 60
    assert '"repeated": 60' in road.log
    assert "0123456789abcdef" not in road.log


@pytest.mark.timeout(600)
def test_killed_again_and_again_what_was_answered_with_200_is_kept(road: Road) -> None:
    """SIGKILL under load, by http."""
    port = free_port()
    road.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}"}])
    acknowledged: list[int] = []
    stop = threading.Event()
    poster = threading.Thread(target=post_for_ever, args=(port, acknowledged, stop), daemon=True)
    bridge = road.bridge()
    poster.start()
    for _ in range(KILLS):
        before = len(acknowledged)
        wait_until(lambda before=before: len(acknowledged) > before + 20, "answers", seconds=60)
        bridge.kill()
        bridge.wait()
        bridge = road.bridge()
    stop.set()
    poster.join(20)
    wait_until(lambda: '"started"' in road.log, "the start")
    road.await_settled(seconds=120)
    assert road.stop(bridge) == 0, road.log
    kept = {each.alert.rule for each in road.kept()}
    assert {f"r{number}" for number in acknowledged} <= kept


def post_for_ever(port: int, acknowledged: list[int], stop: threading.Event) -> None:
    """One alert after another, each with a number of its own; notes those that were answered with 200."""
    number = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stop.is_set():
        number += 1
        try:
            connection.request("POST", "/", body(number))
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                acknowledged.append(number)
        except (OSError, http.client.HTTPException):
            connection.close()
            _PACE.wait(0.05)
    connection.close()


@pytest.mark.timeout(600)
def test_a_killed_bridge_reads_a_file_on_without_repeating_or_missing_a_line(road: Road) -> None:
    """SIGKILL under load, by a file that is written and rotated meanwhile."""
    path = road.folder / "falco.log"
    path.touch()
    road.configure(ROUTES, CHANNELS, sources=[{"file": "falco.log", "begin": "start"}])
    written = 0
    bridge = road.bridge()
    for life in range(KILLS + 1):
        before = written
        with path.open("ab") as file:
            for _ in range(3000):
                written += 1
                file.write(body(written) + b"\n")
        if life % 2:
            path.rename(road.folder / f"falco.log.{life}")
            path.touch()
        road.await_kept(before + 1, seconds=60)
        bridge.kill()
        bridge.wait()
        bridge = road.bridge()
    road.await_kept(written, seconds=60)
    road.await_settled(seconds=60)
    assert road.stop(bridge) == 0, road.log
    rules = Counter(each.alert.rule for each in road.kept())
    assert rules == Counter(f"r{number}" for number in range(1, written + 1))
    assert '"repeated": 0' in road.log.splitlines()[-1]


def test_standard_input_is_read_to_its_end(road: Road) -> None:
    """``falco … | falco-bridge --config …``: ends by itself, drained, with zero."""
    road.configure(ROUTES, CHANNELS, sources=[{"stdin": True}])
    samples = Path(__file__).parent.parent.parent / "examples" / "quickstart" / "alerts.jsonl"
    with samples.open("rb") as given, (road.folder / "bridge.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"], cwd=road.folder, stdin=given,
            stderr=log, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, road.log
    assert len(road.kept()) == 58
    assert sum(archived(road).values()) == sum(bool(each.decisions) for each in road.kept())
