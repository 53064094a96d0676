"""The verb ``silence`` against a running bridge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.test_reload import Running
from tests.support.waiting import wait_until


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, 'route "r" { to a }\n')
    yield running
    running.instance.end()


def test_a_silence_is_previewed_added_announced_extended_and_ended(running: Running) -> None:
    """As ``amtool silence`` does; what is announced arrives in the channel."""

    def silence(*words: str) -> str:
        done = running.command("silence", *words, "--config", "falco-bridge.yaml")
        assert done.returncode == 0, done.stderr
        return done.stdout

    running.send()
    wait_until(lambda: running.lines("a") == 1, "the first notification")
    shown = silence("add", "rule = x", "--for", "1h", "--comment", "test", "--announce", "b", "--announce-before", "2h")
    assert "it would have held back 1 alert" in shown
    assert "      1  route r" in shown
    assert "announced to b 2 h before" in shown
    wait_until(lambda: running.lines("b") == 1, "the announcement")
    (announced,) = (running.instance.folder / "b.jsonl").read_text("utf-8").splitlines()
    assert "ends at" in json.loads(announced)["output"]
    running.send()
    (name,) = silence("list", "--active", "--quiet").split()
    assert f"silence {name} changed: from " in silence("extend", name, "--for", "3d", "--announce", "")
    (listed,) = json.loads(silence("list", "--json"))["items"]
    assert (listed["state"], listed["comment"], listed["announce"]) == ("active", "test", "")
    assert silence("expire", "--all-of", "nobody-at-all") == "no silence had to be ended\n"
    assert silence("expire", "--all-of", listed["author"]) == f"silence {name} ended\n"
    shown = silence("list", "--expired")
    assert f"changed by {listed['author']}, " in shown
    assert f"ended by {listed['author']}, " in shown
    running.send()
    wait_until(lambda: running.lines("a") == 2, "the notification after the silence")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "rule = x", "--for", "soon"], "a duration is, for example"),
        (["add", "rule = x", "--until", "2020-01-01"], "is not a time to come"),
        (["add", "rule = x", "--in", "2d", "--until", "23:59"], "it would end before it begins; give a later --until"),
        (["add", " ", "--for", "1h"], "write a condition: it is empty"),
        (["expire", ""], "write an id: it is empty"),
        (["extend", "", "--for", "1h"], "write an id: it is empty"),
        (["expire"], "name an id"),
        (["extend", "1f2e3d4c"], "give --for"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    """Without a bridge."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "bridge", "silence", *words, "--socket", "none"], cwd=tmp_path, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
