"""Silences and incidents of a running bridge: at once, over restarts, recorded with their actor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.journal.opening import open_for_router, open_to_read
from bridge.pipeline.controls import Controls, SilenceError
from bridge.pipeline.intake import Intake
from bridge.pipeline.timers import load_state
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of

SECOND = 1_000_000_000
ROUTES = """
route "shells" { when rule = shell to chat, pager to boss after 15m throttle 5 per 1h by user.name }
route "all"    { to archive }
"""


@contextmanager
def bridge(path: Path) -> Iterator[tuple[Intake, Controls]]:
    """Intake and controls over the journal at this path."""
    journal = open_for_router(path)
    router = Router(program_of(ROUTES), {}, secret=journal.memory.secret())
    state = load_state(journal.memory)
    router.start(state, time.time_ns())
    intake = Intake(
        journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state,
        stored_alerts=lambda ids: {each: found.alert for each in ids if (found := journal.history.alert(each))},
    )  # fmt: skip
    try:
        yield intake, Controls(intake, journal.memory, path, {})
    finally:
        journal.close()


def receive(intake: Intake, number: int, user: str = "root") -> None:
    intake.accept(Batch("s", time.time_ns(), (alert(number, rule="shell", fields={"user.name": user}),)))


def deliveries(path: Path) -> int:
    journal = open_to_read(path)
    try:
        return journal.deliveries.undelivered()
    finally:
        journal.close()


def test_a_silence_acts_at_once_and_over_a_restart_until_it_is_expired(tmp_path: Path) -> None:
    """Routes without memory and ``otherwise`` too; its author is recorded."""
    path = tmp_path / "j.db"
    now = time.time_ns()
    with bridge(path) as (intake, controls):
        receive(intake, 1)
        assert deliveries(path) == 3
        added = controls.add_silence("user.name = root", "", now, now + 3600 * SECOND, "alice", "load test")
        receive(intake, 2)
        assert deliveries(path) == 3
        receive(intake, 3, "bob")
        assert deliveries(path) == 6
    with bridge(path) as (intake, controls):
        receive(intake, 4)
        assert deliveries(path) == 6
        assert [(each.id, each.author, each.comment) for each in controls.silences()] == [
            (added.id, "alice", "load test")
        ]
        assert controls.expire_silence("ffffffff", "bob") is None
        assert controls.expire_silence(added.id, "bob") is not None
        assert controls.expire_silence(added.id, "bob") is None
        receive(intake, 5)
        assert deliveries(path) == 9


def test_a_preview_counts_what_was_sent_by_route_and_channel(tmp_path: Path) -> None:
    """With the latest examples first."""
    path = tmp_path / "j.db"
    with bridge(path) as (intake, controls):
        for number in range(1, 6):
            receive(intake, number)
        receive(intake, 6, "bob")
        found = controls.preview("user.name = root", time.time_ns() - 60 * SECOND)
        assert found.alerts == 5
        assert dict(found.by_route) == {"shells": 5, "all": 5}
        assert dict(found.by_channel) == {"chat": 5, "pager": 5, "archive": 5}
        assert [each.time_ns for each in found.examples] == [5, 4, 3]
        assert controls.preview("user.name = root", time.time_ns() + SECOND).alerts == 0


@pytest.mark.parametrize(
    ("condition", "schedule", "said"),
    [
        ("proc.nmae = x", "", "unknown field"),
        ('rule = x } route "y" { when rule = z', "", "expected"),
        ("rule = x stop", "", "expected"),
        ("rule = x", "monday", "."),
        ("rule = x", "mon-fri 09:00-18:00 } #", "."),
        ("", "", "."),
    ],
)
def test_a_silence_that_cannot_be_read_is_refused(tmp_path: Path, condition: str, schedule: str, said: str) -> None:
    """With the sentence of the diagnostic; nothing is stored."""
    now = time.time_ns()
    with bridge(tmp_path / "j.db") as (_, controls):
        with pytest.raises(SilenceError, match=said):
            controls.add_silence(condition, schedule, now, now + SECOND, "alice", "")
        assert controls.silences() == []


def test_incidents_are_listed_acknowledged_and_resolved(tmp_path: Path) -> None:
    """Their state and who changed it survive a restart."""
    path = tmp_path / "j.db"
    with bridge(path) as (intake, controls):
        receive(intake, 1)
        receive(intake, 2, "bob")
        assert {(each.route, each.incident.passage.shown) for each in controls.incidents()} == {
            ("shells", "root"), ("shells", "bob"),
        }  # fmt: skip
        first = controls.incidents()[0]
        assert [each.id for each in controls.acknowledge(first.id, "alice")] == [first.id]
        assert controls.acknowledge(first.id, "alice") == []
    with bridge(path) as (intake, controls):
        states = {each.id: (each.incident.state.value, each.incident.actor) for each in controls.incidents()}
        assert states[first.id] == ("acknowledged", "alice")
        assert len(controls.resolve("shells", "bob")) == 2
        assert {each.incident.state.value for each in controls.incidents()} == {"resolved"}
        assert intake.next_timer() is not None
