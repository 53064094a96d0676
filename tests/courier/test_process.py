"""The courier as a process: its settings, its leases, its end."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from bridge.alert import Priority, make_alert
from bridge.channels.native.allowed import Allowed
from bridge.delivery import Capacity, DeliveryState
from bridge.journal.sqlite import Entry, Journal
from bridge.journal.sqlite.history import deliveries
from bridge.pipeline.courier_process import start_python
from bridge.routing import Decision, Notification, Reason, Routed
from tests.support.waiting import wait_until


def journal_with(path: Path, count: int) -> Journal:
    journal = Journal.open_for_router(path)
    routed = Routed((Decision("r", Reason.SENT, ("a",)),), (Notification("a", ("r",), Priority.ERROR),))
    alerts = [
        make_alert(time_ns=n, priority=Priority.ERROR, rule="r", source="s", hostname="h", tags=(), output=str(n),
                   fields={})
        for n in range(count)
    ]  # fmt: skip
    journal.append("s", time.time_ns(), [Entry(each, routed) for each in alerts])
    return journal


def courier(folder: Path) -> subprocess.Popen[bytes]:
    process = start_python("bridge.courier", stderr=subprocess.DEVNULL)
    settings = {
        "journal": str(folder / "j.db"),
        "allow": Allowed(folders=(folder,)).as_settings(),
        "channels": {"a": f"file://{folder}/a.jsonl"},
        "labels": {},
        "log": {"level": "info", "format": "json"},
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    return process


def lines(folder: Path) -> list[str]:
    path = folder / "a.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_what_a_dead_courier_had_claimed_the_next_one_delivers(tmp_path: Path) -> None:
    """At once: whoever holds the lock knows that nobody else is sending."""
    journal = journal_with(tmp_path / "j.db", 3)
    ((first, *_),) = journal.claim(time.time_ns(), 10**18, {"a": Capacity(3, 3)})
    assert first.attempts == 0
    process = courier(tmp_path)
    wait_until(lambda: len(lines(tmp_path)) == 3, "the deliveries")
    assert process.stdin is not None
    process.stdin.write(b"drain 5\n")
    assert process.wait(20) == 0
    process.stdin.close()
    assert {each.state for each in deliveries(journal)} == {DeliveryState.DELIVERED}


def test_it_leaves_when_the_router_is_gone(tmp_path: Path) -> None:
    """The end of its input; what it has not claimed waits for the next start."""
    journal_with(tmp_path / "j.db", 1)
    process = courier(tmp_path)
    wait_until(lambda: len(lines(tmp_path)) == 1, "the delivery")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_a_wake_up_is_answered_at_once(tmp_path: Path) -> None:
    """Not at the next look, seconds later."""
    journal = journal_with(tmp_path / "j.db", 1)
    process = courier(tmp_path)
    wait_until(lambda: journal.undelivered() == 0, "the first")
    routed = Routed((), (Notification("a", ("r",), Priority.ERROR),))
    alert = make_alert(time_ns=99, priority=Priority.ERROR, rule="q", source="s", hostname="h", tags=(), output="",
                       fields={})  # fmt: skip
    journal.append("s", time.time_ns(), [Entry(alert, routed)])
    assert process.stdin is not None
    process.stdin.write(b"\n")
    wait_until(lambda: journal.undelivered() == 0, "the second", seconds=3)
    process.stdin.close()
    assert process.wait(20) == 0


def test_without_settings_it_does_nothing() -> None:
    """A router that died while starting it."""
    process = start_python("bridge.courier")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0
