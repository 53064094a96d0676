"""The verbs `dead` and `channels` in real processes, with a running bridge and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.delivery import Circuit, Health
from bridge.journal.opening import open_for_router, open_to_read
from bridge.operator.actor import Actor
from tests.courier.working import entry
from tests.e2e.harness import Instance
from tests.support.far_side import Answer, FarSide
from tests.support.waiting import wait_until

ROUTES = 'route "all of it" { when priority >= debug to hook }\n'


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path)
    yield instance
    instance.end()


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    with FarSide(lambda _: Answer(413, b"too large")).serving() as server:
        yield server


def run_verb(instance: Instance, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *words, "--config", "falco-bridge.yaml"], cwd=instance.folder, text=True,
        env=os.environ | instance.environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def bridge_with_dead_letters(instance: Instance, far_side: FarSide, count: int) -> subprocess.Popen[bytes]:
    """A running bridge that has this many dead letters."""
    hook = {"url": f"json://127.0.0.1:{far_side.port}/hunter2hunter2", "rate": "100/s", "burst": 20}
    instance.configure(ROUTES, {"hook": hook})
    instance.falco("--generate", "--count", str(count))
    bridge = instance.bridge()
    instance.await_kept(count)
    instance.await_settled()
    return bridge


def test_dead_letters_are_listed_shown_retried_and_discarded(instance: Instance, far_side: FarSide) -> None:
    """By the running bridge, and in the journal without one."""
    bridge = bridge_with_dead_letters(instance, far_side, 5)
    listed = run_verb(instance, "dead", "list", "--json")
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [each["reason"] for each in letters] == ["HTTP 413: too large"] * 5
    assert {tuple(each["routes"]) for each in letters} == {("all of it",)}
    first, second, third, *_ = (str(each["id"]) for each in letters)
    shown = run_verb(instance, "dead", "show", first).stdout
    for part in (
        "all of it",
        letters[0]["alert"]["rule"],
        letters[0]["alert"]["id"],
        "attempt 1 ",
        "413",
        "too large",
    ):
        assert part in shown

    far_side.answer = lambda _: Answer()
    far_side.requests.clear()
    done = run_verb(instance, "dead", "retry", first, second)
    assert (done.returncode, done.stdout) == (0, "2 dead letters will be sent again\n"), done.stderr
    wait_until(lambda: len(far_side.requests) == 2, "the deliveries")
    assert run_verb(instance, "dead", "discard", third).returncode == 0
    with closing(open_to_read(instance.journal_path)) as journal:
        acts = [journal.dead_letters.acts(int(each)) for each in (first, second, third)]
    user = Actor.of_user(os.geteuid()).name
    assert [[(act.action, act.actor) for act in each] for each in acts] == [
        [("retry", user)], [("retry", user)], [("discard", user)]
    ]  # fmt: skip
    again = run_verb(instance, "dead", "retry", third)
    assert (again.returncode, f"no dead letter {third}" in again.stderr) == (1, True)
    assert '"actor": "' in instance.log

    assert instance.stop(bridge) == 0
    assert run_verb(instance, "dead", "retry", "--channel", "hook").stdout == "2 dead letters will be sent again\n"
    assert run_verb(instance, "dead", "list").stdout == "no dead letters\n"
    bridge = instance.bridge()
    instance.await_settled()
    assert instance.stop(bridge) == 0
    states = [each.state.value for each in instance.deliveries()]
    assert sorted(states) == ["delivered"] * 4 + ["discarded"]


def test_channels_shows_state_counts_rate_and_last_failure(instance: Instance, far_side: FarSide) -> None:
    """From the journal, whether a bridge runs or not. No part of a URL is shown."""
    bridge = bridge_with_dead_letters(instance, far_side, 3)
    (row,) = json.loads(run_verb(instance, "channels", "--json").stdout)
    assert (row["name"], row["circuit"], row["waiting"], row["dead"], row["delivered"]) == ("hook", "closed", 0, 3, 0)
    assert row["dead_letters"] == 3
    assert (row["rate"], row["status"], row["configured"]) == ("100 per 1s, burst 20", 413, True)
    assert instance.stop(bridge) == 0
    text = run_verb(instance, "channels").stdout
    assert "failed 3 times in a row; the last: HTTP 413: too large" in text
    assert "to list the dead letters: falco-bridge dead list" in text
    assert "hunter2" not in text
    assert run_verb(instance, "dead", "discard", "--all").returncode == 0
    (row,) = json.loads(run_verb(instance, "channels", "--json").stdout)
    assert (row["dead_letters"], row["dead"]) == (0, 3), (
        "dead_letters counts those in the journal, dead all that ever were"
    )


def test_a_channel_without_a_courier_is_not_called_unknown(instance: Instance) -> None:
    """At the first start, alerts may wait before the courier runs. Later, only a removed channel has no courier."""
    instance.configure(ROUTES, {"hook": "json://127.0.0.1:9/"})
    now = time.time_ns()
    with closing(open_for_router(instance.journal_path)) as journal:
        journal.alerts.append("s", now, [entry("what waits", "hook")])
        assert "hook     no courier yet" in run_verb(instance, "channels").stdout
        journal.deliveries.settle([], {"other": Health(since_ns=now)})
    assert "hook     not in the config" in run_verb(instance, "channels").stdout


def test_a_channel_is_tested_with_a_real_message(instance: Instance, far_side: FarSide) -> None:
    """Through the running bridge and without one, with the answer of the service and an exit code."""
    bridge = bridge_with_dead_letters(instance, far_side, 1)
    far_side.requests.clear()
    refused = run_verb(instance, "channels", "test", "hook")
    assert refused.returncode == 1
    assert "hook did not accept the message: HTTP 413: too large (status 413), after " in refused.stdout
    assert b"No action is needed" in far_side.requests[0].body
    assert "hunter2" not in refused.stdout + refused.stderr
    unknown = run_verb(instance, "channels", "test", "hok")
    assert (unknown.returncode, "did you mean `hook`?" in unknown.stderr) == (2, True)
    assert instance.stop(bridge) == 0
    far_side.answer = lambda _: Answer()
    taken = run_verb(instance, "channels", "test", "hook", "--json")
    assert taken.returncode == 0
    assert (json.loads(taken.stdout)["verdict"], json.loads(taken.stdout)["status"]) == ("delivered", 200)


def channel_row(instance: Instance) -> dict[str, Any]:
    (row,) = json.loads(run_verb(instance, "channels", "--json").stdout)
    return dict(row)


def test_deliveries_that_wait_are_sent_once_the_channel_accepts_the_test_message(
    instance: Instance, far_side: FarSide
) -> None:
    """Without waiting for the next probe, which is an hour away here."""
    instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{far_side.port}/"})
    now = time.time_ns()
    down = Health(circuit=Circuit.OPEN, since_ns=now, failures=9, failing_ns=now)
    with closing(open_for_router(instance.journal_path)) as journal:
        journal.alerts.append("s", now, [entry("what waits", "hook")])
        journal.deliveries.settle([], {"hook": down})
    far_side.answer = lambda _: Answer(503, b"", {"Retry-After": "3600"})
    bridge = instance.bridge()
    wait_until(lambda: channel_row(instance).get("status") == 503, "the probe after the start")
    assert channel_row(instance)["circuit"] == "open"
    far_side.answer = lambda _: Answer()
    assert run_verb(instance, "channels", "test", "hook").returncode == 0
    wait_until(lambda: len(far_side.requests) == 3, "the deliveries that waited")
    assert b"what waits" in far_side.requests[2].body
    assert instance.stop(bridge) == 0
    assert json.loads(run_verb(instance, "channels", "--json").stdout)[0]["circuit"] == "closed"


def test_a_file_channel_is_tested_within_the_folders_that_the_config_allows(instance: Instance) -> None:
    """As the courier would use it."""
    instance.configure(ROUTES, {"hook": "file://archive.jsonl"})
    taken = run_verb(instance, "channels", "test", "hook")
    assert (taken.returncode, taken.stdout.startswith("hook accepted the message, after ")) == (0, True), taken.stderr
    assert "No action is needed" in (instance.folder / "archive.jsonl").read_text(encoding="utf-8")


def test_wrong_commands_are_errors(instance: Instance, far_side: FarSide) -> None:
    """No journal yet, no selection, a mistyped action."""
    instance.configure(ROUTES, {"hook": f"json://127.0.0.1:{far_side.port}/"})
    for words in (["dead", "list"], ["dead", "retry", "--all"], ["channels"]):
        done = run_verb(instance, *words)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "no bridge has run with it yet" in done.stderr
    assert not instance.journal_path.exists()
    assert run_verb(instance, "dead", "retry").returncode == 2
    assert run_verb(instance, "channels", "tset", "hook").returncode == 2
