"""Silences and incidents of a running bridge: at once, over restarts, recorded with their actor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.journal import JournalBusyError
from bridge.journal.opening import open_for_router, open_to_read, open_to_write
from bridge.journal.records import SilenceRecord
from bridge.pipeline.controls import silence_preview
from bridge.pipeline.controls import silences as silences_module
from bridge.pipeline.controls.incidents import RunningIncidents
from bridge.pipeline.controls.silences import NewSilence, RunningSilences, SilenceError, SilenceSelection
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import load_state
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of
from tests.support.waiting import wait_until

SECOND = 1_000_000_000
ROUTES = """
route "shells" { when rule = shell to chat, pager to boss after 15m throttle 5 per 1h by user.name }
route "all"    { to archive }
"""


@contextmanager
def bridge(path: Path, routes: str = ROUTES) -> Iterator[tuple[Intake, RunningSilences, RunningIncidents]]:
    """Intake, silences and incidents over the journal at this path."""
    journal = open_for_router(path)
    router = Router(program_of(routes), {}, secret=journal.memory.secret())
    state = load_state(journal.memory)
    router.start(state, time.time_ns())
    intake = Intake(
        journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state,
        stored_alerts=journal.history.alerts_of,
    )  # fmt: skip
    try:
        yield intake, RunningSilences(intake, journal.memory, path, {}, ["chat"]), RunningIncidents(intake)
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
    with bridge(path) as (intake, silences, _):
        receive(intake, 1)
        assert deliveries(path) == 3
        added = silences.add_silence(NewSilence("user.name = root", now, now + 3600 * SECOND, "alice", "load test"))
        receive(intake, 2)
        assert deliveries(path) == 3
        receive(intake, 3, "bob")
        assert deliveries(path) == 6
    with bridge(path) as (intake, silences, _):
        receive(intake, 4)
        assert deliveries(path) == 6
        assert [(each.id, each.author, each.comment) for each in silences.silences()] == [
            (added.id, "alice", "load test")
        ]
        assert silences.expire_silences(SilenceSelection(("ffffffff",)), "bob") == []
        assert [each.id for each in silences.expire_silences(SilenceSelection((added.id,)), "bob")] == [added.id]
        assert silences.expire_silences(SilenceSelection((added.id,)), "bob") == []
        (ended,) = silences.silences(ended=True)
        assert [(each.action, each.actor) for each in ended.acts] == [("expire", "bob")]
        receive(intake, 5)
        assert deliveries(path) == 9


def test_a_preview_counts_what_was_sent_by_route_and_channel(tmp_path: Path) -> None:
    """With the latest example of each rule."""
    path = tmp_path / "j.db"
    with bridge(path) as (intake, silences, _):
        for number in range(1, 6):
            receive(intake, number)
        receive(intake, 6, "bob")
        found = silences.preview("user.name = root", time.time_ns() - 60 * SECOND)
        assert found.alerts == 5
        assert dict(found.by_route) == {"shells": 5, "all": 5}
        assert dict(found.by_channel) == {"chat": 5, "pager": 5, "archive": 5}
        assert [each.time_ns for each in found.examples] == [5]
        assert silences.preview("user.name = root", time.time_ns() + SECOND).alerts == 0


def test_a_preview_takes_some_seconds_and_one_is_made_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It competes with intake. The latest alerts are judged, and it says since when."""
    monkeypatch.setattr(silences_module, "PREVIEW_SECONDS", 0.0)
    monkeypatch.setattr(silence_preview, "_CHECK_EVERY", 3)
    path = tmp_path / "j.db"
    with bridge(path) as (intake, silences, _):
        for number in range(1, 7):
            receive(intake, number)
        found = silences.preview("user.name = root", 0)
        assert (found.alerts, [each.time_ns for each in found.examples]) == (2, [6])
        journal = open_to_read(path)
        assert found.stopped_ns == [each.received_ns for each in journal.history.alerts()][3]
        journal.close()
        with silences._previewing, pytest.raises(SilenceError, match="other previews"):
            silences.preview("user.name = root", 0)


def test_a_preview_says_which_fields_cannot_be_judged(tmp_path: Path) -> None:
    """Their text was removed before the alert was stored; a schedule leaves out what was received at other times."""
    routes = ROUTES + 'redact proc.cmdline matching "token=[a-z]+" with "***"\n'
    with bridge(tmp_path / "j.db", routes) as (intake, silences, _):
        for number, line in enumerate(("curl token=abc", "ls", "ls token=abc")):
            fields = {"user.name": "root", "proc.cmdline": line}
            intake.accept(Batch("s", time.time_ns(), (alert(number, rule="shell", fields=fields),)))
        since_ns = time.time_ns() - 60 * SECOND
        found = silences.preview("proc.cmdline contains abc or proc.cmdline startswith ls", since_ns)
        assert (found.alerts, dict(found.unjudged)) == (2, {"proc.cmdline": 2})
        assert silences.preview("user.name = root", since_ns).unjudged == {}
        hours = time.gmtime().tm_hour
        other = f"mon-sun {(hours + 6) % 24:02d}:00-{(hours + 8) % 24:02d}:00"
        assert silences.preview("user.name = root", since_ns, other).alerts == 0


def test_silences_are_changed_and_ended_by_their_author(tmp_path: Path) -> None:
    """A changed end is announced again; only what is given changes."""
    now = time.time_ns()
    with bridge(tmp_path / "j.db") as (_, silences, _):
        first, second = (silences.add_silence(NewSilence("rule = x", now, now + 60 * SECOND, author, "why"))
                         for author in ("alice", "bob"))  # fmt: skip
        changed = silences.update_silence(first.id, "bob", until_ns=now + 90 * SECOND)
        assert changed is not None
        assert (changed.until_ns, changed.comment, changed.author) == (now + 90 * SECOND, "why", "alice")
        assert silences.update_silence("ffffffff", "bob", comment="x") is None
        with pytest.raises(SilenceError, match="would have ended"):
            silences.update_silence(first.id, "bob", until_ns=now)
        with pytest.raises(SilenceError, match="the channels are chat"):
            silences.update_silence(first.id, "bob", announce="nowhere")
        later = silences.add_silence(NewSilence("rule = x", now + 60 * SECOND, now + 90 * SECOND, "carol", ""))
        with pytest.raises(SilenceError, match=r"before it begins \(20.*Z\); give a later end"):
            silences.update_silence(later.id, "carol", until_ns=now + 60 * SECOND)
        assert silences.update_silence(later.id, "carol", until_ns=now + 61 * SECOND) is not None
        assert [each.id for each in silences.expire_silences(SilenceSelection(author="carol"), "x")] == [later.id]
        assert [each.id for each in silences.expire_silences(SilenceSelection(author="bob"), "x")] == [second.id]
        assert [each.id for each in silences.expire_silences(SilenceSelection(everything=True), "x")] == [first.id]


def test_ended_silences_are_stored_for_replays_and_listed_for_a_day(tmp_path: Path) -> None:
    """As long as alerts are."""
    path, now, day = tmp_path / "j.db", time.time_ns(), 86_400 * SECOND
    with bridge(path) as (_, silences, _):
        memory = open_to_write(path).memory
        for days in (0, 2, 20, 40):
            memory.put_silence(SilenceRecord(f"{days:08x}", "rule = x", "", 1, now - days * day - 1, "a", "", 1))
        silences.use_config({}, ["chat"], 30 * day)
        assert [each.id for each in silences.silences()] == ["00000000"]
        assert {each.id for each in memory.silences()} == {f"{days:08x}" for days in (0, 2, 20)}
        silences.use_config({}, ["chat"], 1)
        assert {each.id for each in memory.silences()} == {"00000000"}


def test_the_end_of_a_silence_is_announced_once(tmp_path: Path) -> None:
    """To its channel, over a restart too; again after its end was changed; never after it has ended."""
    path, now = tmp_path / "j.db", time.time_ns()
    new = NewSilence("rule = x", now, now + 3600 * SECOND, "alice", announce="chat", announce_ns=600 * SECOND)
    with bridge(path) as (_, silences, _):
        added = silences.add_silence(new)
        silences.announce_silences(now + 2999 * SECOND)
        assert deliveries(path) == 0
        silences.announce_silences(now + 3001 * SECOND)
        silences.announce_silences(now + 3002 * SECOND)
        assert deliveries(path) == 1
    with bridge(path) as (_, silences, _):
        silences.announce_silences(now + 3002 * SECOND)
        assert deliveries(path) == 1
        silences.update_silence(added.id, "bob", until_ns=now + 7200 * SECOND)
        silences.announce_silences(now + 3002 * SECOND)
        silences.announce_silences(now + 7201 * SECOND)
        assert deliveries(path) == 1
        silences.announce_silences(now + 7000 * SECOND)
        assert deliveries(path) == 2
    journal = open_to_read(path)
    (latest, _) = sorted(journal.history.alerts(), key=lambda each: -each.alert.time_ns)
    assert (latest.alert.source, latest.decisions[0].channels) == ("internal", ("chat",))
    assert f"Silence {added.id} of alice ends at" in latest.alert.output
    journal.close()


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
    with bridge(tmp_path / "j.db") as (_, silences, _):
        with pytest.raises(SilenceError, match=said):
            silences.add_silence(NewSilence(condition, now, now + SECOND, "alice", schedule=schedule))
        assert silences.silences() == []


def test_incidents_are_listed_acknowledged_and_resolved(tmp_path: Path) -> None:
    """Their state and who changed it survive a restart."""
    path = tmp_path / "j.db"
    with bridge(path) as (intake, _, incidents):
        receive(intake, 1)
        receive(intake, 2, "bob")
        assert {(each.route, each.incident.passage.shown) for each in incidents.incidents()} == {
            ("shells", "root"), ("shells", "bob"),
        }  # fmt: skip
        first = incidents.incidents()[0]
        assert [each.id for each in incidents.acknowledge(first.id, "alice")] == [first.id]
        assert incidents.acknowledge(first.id, "alice") == []
    with bridge(path) as (intake, _, incidents):
        states = {each.id: (each.incident.state.value, each.incident.actor) for each in incidents.incidents()}
        assert states[first.id] == ("acknowledged", "alice")
        assert len(incidents.resolve("shells", "bob")) == 2
        assert {each.incident.state.value for each in incidents.incidents()} == {"resolved"}
        assert intake.next_timer() is not None


def test_what_a_person_asks_for_is_refused_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once and with the reason. It would wait for the disk, and act long after the command has given up."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal:
        intake = Intake(
            journal.alerts, Router(program_of(ROUTES), {}), on_deliveries=lambda: None, on_fault=lambda _fault: None
        )
        silences, incidents = RunningSilences(intake, journal.memory, path, {}), RunningIncidents(intake)
        is_full, append = threading.Event(), journal.alerts.append

        def appended(*arguments: Any) -> int:
            if is_full.is_set():
                raise JournalBusyError("the disk is full")
            return append(*arguments)

        is_full.set()
        monkeypatch.setattr(journal.alerts, "append", appended)
        thread = threading.Thread(target=receive, args=(intake, 1))
        thread.start()
        wait_until(lambda: intake.blocked == "the disk is full", "intake to wait for the disk")
        new = NewSilence("rule = shell", time.time_ns(), time.time_ns() + 60 * SECOND, "me")
        for act in (
            incidents.incidents, silences.silences, lambda: incidents.acknowledge("shells", "me"),
            lambda: incidents.resolve("shells", "me"), lambda: silences.add_silence(new),
            lambda: silences.update_silence("a", "me", comment="c"),
            lambda: silences.expire_silences(SilenceSelection(everything=True), "me"),
        ):  # fmt: skip
            with pytest.raises(JournalBusyError, match="the journal cannot be written: the disk is full"):
                act()
        is_full.clear()
        thread.join(60)
        assert [each.route for each in incidents.acknowledge("shells", "me")] == ["shells"]
