"""Everything fails at once: three of six channels, each in its own way, while both processes are killed at random."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.courier.sending.runner import AHEAD
from bridge.delivery import DeliveryState
from tests.conftest import FULL
from tests.e2e.harness import Instance
from tests.e2e.test_kill import jitter
from tests.support.far_side import Answer, FarSide, Request
from tests.support.freezing import freeze
from tests.support.waiting import wait_until

ALERTS = 10_000 if FULL else 300
KILLS = 50 if FULL else 4
RATE = 80
CONCURRENCY = 16
"""That of channels that programs read."""
PATIENCE = 1500 if FULL else 200
"""Seconds that deliveries may take once everything runs again."""
GIVE_UP = "3m" if FULL else "10s"
ANSWERS_AFTER = 0.015
"""Seconds that a service takes to answer. After a kill in between, it has the message and the bridge does not know."""
CHANNELS = ("hook", "second", "archive", "shaky", "deaf", "gone")
ROUTES = f"""
route "even" {{ when priority >= debug and priority <= warning to {", ".join(CHANNELS)} }}
route "odd" {{ when priority < warning to {", ".join(CHANNELS)} }}
otherwise {{ to {", ".join(CHANNELS)} }}
"""
_ID = re.compile(r"[0-9a-f]{32}")
_PACE = threading.Event()


@dataclass
class Taken:
    """How often a service accepted each alert."""

    counts: Counter[str] = field(default_factory=Counter)

    def take(self, request: Request) -> Answer:
        for identity in set(_ID.findall(request.body.decode())):
            self.counts[identity] += 1
        _PACE.wait(ANSWERS_AFTER)
        return Answer()


class Shaky(Taken):
    """Answers 500 for its first seconds, then works."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._well = time.monotonic() + seconds

    def take(self, request: Request) -> Answer:
        return super().take(request) if time.monotonic() > self._well else Answer(500, b"not yet")


@contextmanager
def world(instance: Instance) -> Iterator[dict[str, Taken]]:
    """Six services and the config that names them. Yields what those accepted that accept anything."""
    ledgers = {"hook": Taken(), "second": Taken(), "shaky": Shaky(30 if FULL else 6)}
    with ExitStack() as stack:
        urls: dict[str, object] = {"archive": "file://archive.jsonl"}
        for name, ledger in ledgers.items():
            server = stack.enter_context(FarSide(ledger.take).serving())
            urls[name] = f"json://127.0.0.1:{server.port}/"
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        urls["deaf"] = {
            "url": f"json://127.0.0.1:{deaf.getsockname()[1]}/", "give_up_after": GIVE_UP, "attempt_timeout": "1s",
            "fallback": "archive", "notify_after": "2s",
        }  # fmt: skip
        gone = stack.enter_context(FarSide(lambda _: Answer(413, b"too large")).serving())
        urls["gone"] = f"json://127.0.0.1:{gone.port}/"
        instance.configure(ROUTES, urls)
        yield ledgers


@pytest.mark.timeout(3000)
def test_every_delivery_ends_in_spite_of_failures_and_crashes(instance: Instance) -> None:
    """Delivered, or a dead letter with its reason; twice only what was claimed when a process was killed."""
    moments = jitter("chaos")
    held: dict[str, set[str]] = {name: set() for name in CHANNELS}
    with world(instance) as ledgers:
        falco = instance.falco("--generate", "--count", str(ALERTS), "--rate", str(RATE), "--exit-when-drained")
        bridge = instance.bridge()
        for kill in range(KILLS):
            wait_until(lambda: working_courier(instance), "a courier at work")
            _PACE.wait(moments.uniform(0.1, 1.5))
            bridge = strike(instance, bridge, held, both=kill % 2 == 1)
        falco.wait(PATIENCE)
        instance.await_kept(1)
        instance.await_settled(seconds=PATIENCE)
        assert instance.stop(bridge) == 0, instance.log[-4000:]
    assert instance.log.count("killed by SIGKILL") >= KILLS // 2
    kept = {each.alert.id for each in instance.kept() if each.decisions and each.source_name != "courier"}
    assert len(kept) > ALERTS // 2
    check_ends(instance, kept)
    extra = Counter[str]()
    for name, ledger in ledgers.items():
        assert kept <= ledger.counts.keys(), f"{name} misses alerts"
        twice = {identity for identity, times in ledger.counts.items() if times > 1}
        assert twice <= held[name], f"{name} took alerts twice that no kill explains"
        extra[name] = sum(times - 1 for times in ledger.counts.values())
        assert extra[name] <= KILLS * (CONCURRENCY + AHEAD), f"{name} took more alerts twice than kills may repeat"
    lines = Counter(identity for identity in archive(instance) if identity in kept)
    assert lines.keys() == kept
    assert {identity for identity, times in lines.items() if times > 1} <= held["archive"]
    sys.stdout.write(f"{len(kept)} alerts, {KILLS} kills, twice: {dict(extra)}, in flight at kills: {_sizes(held)}\n")


def strike(
    instance: Instance, bridge: subprocess.Popen[bytes], held: dict[str, set[str]], *, both: bool
) -> subprocess.Popen[bytes]:
    """Kill the courier, or both processes, and note what was claimed. Returns the bridge that runs then."""
    freeze(bridge.pid)
    courier = instance.courier_pid()
    os.kill(courier, signal.SIGKILL)
    wait_until(lambda: not lives(courier), "the courier's end")
    if both:
        bridge.kill()
        bridge.wait()
    for each in instance.deliveries() if instance.has_journal() else []:
        if each.state is DeliveryState.CLAIMED:
            held[each.channel].add(each.alert_id)
    if both:
        return instance.bridge()
    os.kill(bridge.pid, signal.SIGCONT)
    return bridge


def working_courier(instance: Instance) -> bool:
    """Whether a courier holds its lock and runs."""
    with suppress(FileNotFoundError, ValueError):  # there has been none yet
        return lives(instance.courier_pid())
    return False


def lives(process: int) -> bool:
    """Whether a process runs and is no zombie."""
    with suppress(ProcessLookupError, FileNotFoundError):
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return False


def check_ends(instance: Instance, kept: set[str]) -> None:
    """Six deliveries for each alert, each delivered, or a dead letter with the reason of its channel."""
    ends: dict[str, list[DeliveryState]] = {name: [] for name in CHANNELS}
    for each in instance.deliveries():
        if each.alert_id not in kept:
            continue
        ends[each.channel].append(each.state)
        if each.state is DeliveryState.DEAD:
            expected = "HTTP 413: too large" if each.channel == "gone" else "given up after"
            assert expected in each.reason, each
    for name, states in ends.items():
        wanted = DeliveryState.DEAD if name in {"deaf", "gone"} else DeliveryState.DELIVERED
        assert Counter(states) == {wanted: len(kept)}, name


def archive(instance: Instance) -> list[str]:
    """The ids in the file channel's lines."""
    text = (instance.folder / "archive.jsonl").read_text(encoding="utf-8")
    return [match[0] for line in text.splitlines() if (match := _ID.search(line))]


def _sizes(held: dict[str, set[str]]) -> dict[str, int]:
    return {name: len(ids) for name, ids in held.items()}
