"""Heartbeats: at their interval, through the journal, and only while all is well."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from bridge.delivery import Capacity
from bridge.journal.opening import open_for_router
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.heartbeat import Heartbeat, HeartbeatSettings
from bridge.routing.router import Router
from tests.support.builders import program_of

SECOND = 1_000_000_000
EVERY_MINUTE = HeartbeatSettings("watchdog", 60 * SECOND)


class Sent:
    """What was stored, and what is wrong at the moment."""

    def __init__(self, settings: HeartbeatSettings | None = EVERY_MINUTE) -> None:
        self.times: list[int] = []
        self.problem = ""
        self.settings = settings
        self.heartbeat = Heartbeat(
            lambda: self.settings,
            lambda _entry, _source_name, now_ns: self.times.append(now_ns // SECOND),
            lambda _channel: self.problem,
        )

    def check(self, *seconds: float) -> list[int]:
        for each in seconds:
            self.heartbeat.check(each, round(each * SECOND))
        return self.times


def test_one_at_once_and_then_one_per_interval() -> None:
    """The interval is that of the monotonic clock."""
    assert Sent().check(100, 130, 159.9, 160, 161, 220) == [100, 160, 220]


def test_none_without_settings_and_a_reload_starts_it() -> None:
    """The settings are read each time."""
    sent = Sent(None)
    assert sent.check(1, 100) == []
    sent.settings = EVERY_MINUTE
    assert sent.check(101, 102) == [101]


def test_none_while_something_is_wrong() -> None:
    """The next one is sent as soon as all is well again."""
    sent = Sent()
    sent.check(0)
    sent.problem = "the journal cannot be written"
    sent.check(60, 120)
    sent.problem = ""
    assert sent.check(121, 122) == [0, 121]


def test_a_heartbeat_is_a_delivery_to_its_channel(tmp_path: Path) -> None:
    """It is stored with its decision, and the courier is woken."""
    woken: list[bool] = []
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        router = Router(program_of('route "r" { to chat }'), {}, secret=journal.memory.secret())
        intake = Intake(journal.alerts, router, on_deliveries=lambda: woken.append(True), on_fault=lambda _fault: None)
        heartbeat = Heartbeat(lambda: EVERY_MINUTE, intake.store_own, lambda _channel: "")
        heartbeat.check(0, time.time_ns())
        sends = journal.deliveries.claim(time.time_ns() + SECOND, SECOND, {"watchdog": Capacity(1, 100)})
    assert [each.notification.routes for send in sends for each in send] == [("heartbeat",)]
    assert woken == [True]
