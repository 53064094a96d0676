"""Every source, from a real process to a real channel: what was acknowledged is in the journal, also after kills."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROUTES = 'route "all" { when rule exists to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}
KILLS = 25 if FULL else 3
SENDERS = 6
CRI = b"2026-01-01T00:00:00.1Z stdout %s %s\n"
_PACE = threading.Event()


def body(number: int) -> bytes:
    return json.dumps({"rule": f"r{number}", "time": "2026-01-01T00:00:00Z", "output": "o"}).encode()


def archived(instance: Instance) -> Counter[str]:
    path = instance.folder / "archive.jsonl"
    return Counter(json.loads(line)["rule"] for line in path.read_text(encoding="utf-8").splitlines())


def test_posted_alerts_arrive(instance: Instance) -> None:
    """As Falco's http_output posts them, by the simulated Falco; a repeated post is one alert."""
    port = free_port()
    instance.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}", "path": "0123456789abcdef"}])
    bridge = instance.bridge()
    wait_until(lambda: '"started"' in instance.log, "the start")
    for _ in range(2):
        done = instance.start("simulate", "--generate", "--count", "60", "--http",
                          f"http://127.0.0.1:{port}/0123456789abcdef", output="falco.log")  # fmt: skip
        assert done.wait(60) == 0, (instance.folder / "falco.log").read_text(encoding="utf-8")
    instance.await_kept(60)
    instance.await_settled()
    router, courier = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (bridge.pid, instance.courier_pid()))
    assert instance.stop(bridge) == 0, instance.log
    assert courier > router, "senders come before deliveries"
    assert len(instance.kept()) == 60
    assert '"duplicates": 60' in instance.log
    assert "0123456789abcdef" not in instance.log


@pytest.mark.timeout(600)
def test_killed_again_and_again_what_was_answered_with_200_is_kept(instance: Instance) -> None:
    """SIGKILL under load at any moment, by http from several senders at once."""
    port = free_port()
    instance.configure(ROUTES, CHANNELS, sources=[{"http": f"127.0.0.1:{port}"}])
    acknowledged: list[int] = []
    stop = threading.Event()
    posters = [
        threading.Thread(target=post_for_ever, args=(port, acknowledged, stop, count(first, SENDERS)), daemon=True)
        for first in range(SENDERS)
    ]
    bridge = instance.bridge()
    for poster in posters:
        poster.start()
    chance = random.Random(1)
    for _ in range(KILLS):
        before, some = len(acknowledged), chance.randrange(1, 300)
        wait_until(lambda before=before, some=some: len(acknowledged) > before + some, "answers")
        bridge.kill()
        bridge.wait()
        starts = instance.log.count('"started"')  # a kill may come before this event: the listeners are up first
        bridge = instance.bridge()
    stop.set()
    for poster in posters:
        poster.join(60)
    wait_until(lambda: instance.log.count('"started"') > starts, "the last start")
    instance.await_settled(seconds=120)
    assert instance.stop(bridge) == 0, instance.log
    kept = Counter(each.alert.rule for each in instance.kept())
    assert {f"r{number}" for number in acknowledged} <= set(kept)
    assert set(kept.values()) == {1}


def post_for_ever(port: int, acknowledged: list[int], stop: threading.Event, numbers: Iterator[int]) -> None:
    """One alert after another, each with a number of its own; notes those that were answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        number = next(numbers)
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
@pytest.mark.parametrize("form", ["plain", "container"])
def test_a_killed_bridge_reads_a_file_on_without_repeating_or_missing_a_line(form: str, instance: Instance) -> None:
    """SIGKILL at any moment, by a file that is written and rotated all the while, also several times between two scans.

    The alerts have no time: a line that was read twice would be kept twice.
    """
    path = instance.folder / "falco.log"
    path.touch()
    instance.configure(ROUTES, CHANNELS, sources=[{"file": "falco.log", "read_from": "start"}])
    written: list[int] = []
    stop = threading.Event()
    writer = threading.Thread(target=write_for_ever, args=(path, form, written, stop), daemon=True)
    bridge = instance.bridge()
    instance.await_kept(0)
    with instance.journal() as journal:
        wait_until(lambda: journal.alerts.checkpoint("file:falco.log"), "the first look")
    writer.start()
    chance = random.Random(2)
    for life in range(KILLS):
        with instance.journal() as journal:
            some = journal.history.alert_count() + chance.randrange(1, 500)
            wait_until(
                lambda journal=journal, some=some: journal.history.alert_count() >= some, f"life {life}", seconds=60
            )
        bridge.kill()
        bridge.wait()
        bridge = instance.bridge()
    stop.set()
    writer.join(60)
    instance.await_kept(len(written))
    instance.await_settled(seconds=60)
    assert instance.stop(bridge) == 0, instance.log
    rules = Counter(each.alert.rule for each in instance.kept())
    assert rules == Counter(f"r{number}" for number in written)
    assert "truncated" not in instance.log


def write_for_ever(path: Path, form: str, written: list[int], stop: threading.Event) -> None:
    """A few lines at a time; every so often the file is renamed, in the middle of a container's line too."""
    file = path.open("ab", buffering=0)
    for number in count():
        if stop.is_set():
            break
        line = json.dumps({"rule": f"r{number}", "output": "o" * (number % 300)}).encode()
        first, second = line + b"\n", b""
        if form == "container":
            first, second = CRI % (b"P", line[:20]), CRI % (b"F", line[20:])
        file.write(first)
        if number % 997 == 500:
            file.close()
            path.rename(path.with_name(f"falco.log.{number}"))
            file = path.open("ab", buffering=0)
        file.write(second)
        written.append(number)
        if number % 20 == 0:
            _PACE.wait(0.004)
    file.close()


def test_standard_input_is_read_to_its_end(instance: Instance) -> None:
    """``falco … | falco-bridge --config …``: ends by itself, drained, with zero."""
    instance.configure(ROUTES, CHANNELS, sources=[{"stdin": True}])
    samples = Path(__file__).parent.parent.parent / "examples" / "quickstart" / "alerts.jsonl"
    with samples.open("rb") as given, (instance.folder / "bridge.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", "--config", "falco-bridge.yaml"], cwd=instance.folder, stdin=given,
            stderr=log, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, instance.log
    assert len(instance.kept()) == 58
    assert sum(archived(instance).values()) == sum(bool(each.decisions) for each in instance.kept())
