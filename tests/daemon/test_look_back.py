"""The first run of a route with ``new`` in a running bridge: by a reload, and by a restart."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.harness import Instance, log_lines
from tests.support.builders import falco_json
from tests.support.waiting import wait_until

ALL = 'route "all" { to archive }\n'
NEW = 'route "new" { when rule = exec  new proc.exepath in 7d  to archive }\n'
CHANNELS = {"archive": "file://archive.jsonl"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


def write(instance: Instance, *paths: str) -> None:
    """Append alerts to the file that the bridge reads."""
    with (instance.folder / "in.log").open("ab") as file:
        for number, path in enumerate(paths):
            at_ns = time.time_ns() + number
            moment = f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at_ns % 10**9:09}Z"
            file.write(falco_json(rule="exec", output=path, output_fields={"proc.exepath": path}, time=moment) + b"\n")


def configure(instance: Instance, routes: str) -> None:
    instance.configure(routes, CHANNELS, sources=[{"file": "in.log", "read_from": "start"}])


def decided(instance: Instance) -> dict[str, list[str]]:
    """By path, the reasons of the decisions about its latest alert."""
    return {each.alert.output: [decision.reason.value for decision in each.decisions] for each in instance.kept()}


def looked_back(instance: Instance) -> list[object]:
    """The routes of each look-back that has ended."""
    written = instance.log.rpartition("\n")[0]
    return [each["routes"] for each in log_lines(written) if each.get("event") == "recorded alerts read"]


def test_a_route_that_is_added_knows_what_was_recorded(instance: Instance) -> None:
    """At a start and at a reload. What has looked back does not do so again."""
    configure(instance, ALL)
    write(instance, *[f"/bin/{number}" for number in range(300)])
    bridge = instance.bridge()
    instance.await_kept(300)
    assert instance.stop(bridge) == 0
    configure(instance, NEW + ALL)
    bridge = instance.bridge()
    wait_until(lambda: looked_back(instance) == [["new"]], "the look-back after the start")
    write(instance, "/bin/7", "/bin/fresh")
    instance.await_kept(302)
    found = decided(instance)
    assert (found["/bin/7"], found["/bin/fresh"]) == (["not_new", "sent"], ["sent", "sent"])
    configure(instance, NEW + NEW.replace('"new"', '"newer"') + ALL)
    os.kill(bridge.pid, signal.SIGHUP)
    wait_until(lambda: looked_back(instance) == [["new"], ["newer"]], "the look-back after the reload")
    write(instance, "/bin/8", "/bin/fresh", "/bin/later")
    instance.await_kept(305)
    found = decided(instance)
    assert found["/bin/8"] == found["/bin/fresh"] == ["not_new", "not_new", "sent"]
    assert found["/bin/later"] == ["sent", "sent", "sent"]
