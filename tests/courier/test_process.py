"""The courier process: its settings, its claims and its end."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from bridge.channels.native.local.allowed import Allowed
from bridge.common.child_process import start_python
from bridge.delivery import Capacity, DeliveryState
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from tests.support.builders import entries
from tests.support.waiting import wait_until


def journal_with(path: Path, count: int) -> Journal:
    """A journal with that many deliveries for the channel ``a``."""
    journal = open_for_router(path)
    journal.alerts.append("s", time.time_ns(), entries(*range(count), channel="a"))
    return journal


def courier(folder: Path, stderr: int = subprocess.DEVNULL, **changed: object) -> subprocess.Popen[bytes]:
    process = start_python("bridge.courier", stderr=stderr)
    settings: dict[str, object] = {
        "journal": str(folder / "j.db"),
        "allow": Allowed(folders=(folder,)).as_settings(),
        "channels": {"a": f"file://{folder}/a.jsonl"},
        "labels": {},
        "idle_seconds": 3600.0,
        "log": {"level": "info", "format": "json"},
    } | changed
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    return process


def lines(folder: Path) -> list[str]:
    path = folder / "a.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_courier_delivers_what_a_dead_one_had_claimed(tmp_path: Path) -> None:
    """At once: with the lock it knows that no other courier is sending."""
    journal = journal_with(tmp_path / "j.db", 3)
    ((first, *_),) = journal.deliveries.claim(time.time_ns(), 10**18, {"a": Capacity(3, 3)})
    assert first.attempts == 0
    process = courier(tmp_path)
    wait_until(lambda: len(lines(tmp_path)) == 3, "the deliveries")
    assert process.stdin is not None
    process.stdin.write(b"stop 5\n")
    assert process.wait(20) == 0
    process.stdin.close()
    assert {each.state for each in journal.history.deliveries()} == {DeliveryState.DELIVERED}


def test_it_ends_when_the_router_has_ended(tmp_path: Path) -> None:
    """That is the end of its input; what it has not claimed waits for the next start."""
    journal_with(tmp_path / "j.db", 1)
    process = courier(tmp_path)
    wait_until(lambda: len(lines(tmp_path)) == 1, "the delivery")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_it_delivers_at_once_when_it_is_woken(tmp_path: Path) -> None:
    """Not at its next check, which is an hour later here."""
    journal = journal_with(tmp_path / "j.db", 1)
    process = courier(tmp_path)
    wait_until(lambda: journal.deliveries.undelivered() == 0, "the first")
    journal.alerts.append("s", time.time_ns(), entries(99, channel="a"))
    assert process.stdin is not None
    process.stdin.write(b"\n")
    wait_until(lambda: journal.deliveries.undelivered() == 0, "the second")
    process.stdin.close()
    assert process.wait(20) == 0


def test_without_settings_it_does_nothing() -> None:
    """The router died while starting it."""
    process = start_python("bridge.courier")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_a_command_that_cannot_be_followed_ends_it(tmp_path: Path) -> None:
    """It would not notice the next ones, nor the end of the router. The router starts another courier."""
    journal_with(tmp_path / "j.db", 1)
    process = courier(tmp_path)
    wait_until(lambda: len(lines(tmp_path)) == 1, "the delivery")
    assert process.stdin is not None
    process.stdin.write(b"configure {}\n")
    assert process.wait(20) == 0
    process.stdin.close()


def test_a_fault_is_logged_as_everything_else(tmp_path: Path) -> None:
    """In one line, in which secrets are masked."""
    process = courier(tmp_path, subprocess.PIPE, channels={"a": "webhook://127.0.0.1/s3cret"}, options={"a": "s3cret"})
    _, errors = process.communicate(timeout=20)
    (line,) = errors.splitlines()
    assert json.loads(line)["event"] == "courier failed"
    assert b"s3cret" not in line
    assert process.returncode == 1
