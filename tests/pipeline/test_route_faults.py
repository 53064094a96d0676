"""An internal error in one route, or in one row, costs nothing of the others, and is reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.delivery import HEALTH_ALERT_ROUTE, Capacity
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.sqlite import alert_log
from bridge.language.program.clauses import After, Group, Pair, SequenceStep, Then
from bridge.language.program.program import Program
from bridge.language.program.table import TableChannel
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import load_state
from bridge.routing import Notification, Reason
from bridge.routing.memory.clauses.after import AfterStage
from bridge.routing.memory.clauses.sequence import SequenceStage
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.routing.memory.harness import condition
from tests.support.builders import alert, program_of

SECOND = 1_000_000_000
ROUTES = 'route "broken" { to broken }\nroute "plain" { to chat }\nroute "kept" { to pager }'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_for_router(tmp_path / "j.db")) as opened:
        yield opened


def program(*first: object) -> Program:
    """The first route has these clauses; the third digests."""
    found = program_of(ROUTES)
    broken, plain, kept = found.routes
    group = Group("g", ("proc.name",), SECOND)
    return replace(found, routes=(replace(broken, clauses=first), plain, replace(kept, clauses=(group,))))


def intake_of(journal: Journal, used: Program) -> Intake:
    router = Router(used, {}, secret=journal.memory.secret())
    return Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None)


def claimed(journal: Journal) -> dict[str, list[tuple[str, ...]]]:
    """The routes of each delivery, by channel."""
    capacity = {name: Capacity(50, 100) for name in ("broken", "chat", "pager")}
    sends = journal.deliveries.claim(time.time_ns() + 3600 * SECOND, SECOND, capacity)
    found: dict[str, list[tuple[str, ...]]] = {}
    for each in (each for send in sends for each in send):
        found.setdefault(each.notification.channel, []).append(each.notification.routes)
    return found


def test_a_route_that_fails_costs_no_other_route_its_notification(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert is stored with the reason, the failure is counted, and the route's channel is notified once."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AfterStage, "enter", fail)
    now = time.time_ns()
    intake = intake_of(journal, program(After("a", 3, SECOND)))
    with capture_logs() as logs:
        intake.accept(Batch("s", now, (alert(1), alert(2))))
        intake.accept(Batch("s", now, (alert(3),)))
    assert [(each["event"], each["route"]) for each in logs] == [("route failed", "broken")]
    assert not list(journal.history.quarantine())
    stored = [each for each in journal.history.alerts() if each.alert.source != "internal"]
    assert [[decision.reason for decision in each.decisions] for each in stored] == [
        [Reason.FAILED, Reason.SENT, Reason.GROUPED]
    ] * 3
    assert intake.counts.decisions["broken", "failed"] == 3
    intake.fire_timers(now + 10 * SECOND, 10)
    assert claimed(journal) == {"broken": [(HEALTH_ALERT_ROUTE,)], "chat": [("plain",)] * 3, "pager": [("kept",)]}


def test_a_watched_condition_that_fails_costs_only_its_clause(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert that only watches is stored and sent as ever."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SequenceStage, "observe", fail)
    step = SequenceStep(condition("priority >= debug"), SECOND, (Pair("proc.name", "proc.name"),))
    intake = intake_of(journal, program(Then("t", (step,))))
    intake.accept(Batch("s", time.time_ns(), (alert(1),)))
    assert intake.counts.decisions["broken", "failed"] == 1
    assert claimed(journal) == {"broken": [(HEALTH_ALERT_ROUTE,)], "chat": [("plain",)]}


@pytest.mark.parametrize(
    ("otherwise", "notified"), [(("broken",), ["broken"]), ((), ["chat", "pager"])], ids=["else", "all"]
)
def test_a_route_whose_channels_are_in_a_table_is_reported_too(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, otherwise: tuple[str, ...], notified: list[str]
) -> None:
    """To the channels of ``else``; where the table always names one, to all that it names."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AfterStage, "enter", fail)
    used = program(After("a", 3, SECOND))
    table = TableChannel("owners.channel", frozenset({"chat", "pager"}), otherwise)
    broken = replace(used.routes[0], to=(), tables=(table,))
    intake = intake_of(journal, replace(used, routes=(broken,)))
    intake.accept(Batch("s", time.time_ns(), (alert(1),)))
    assert claimed(journal) == {name: [(HEALTH_ALERT_ROUTE,)] for name in notified}


@pytest.mark.parametrize("remembers", [True, False])
def test_a_plain_route_that_fails_costs_no_other_route_its_notification(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, remembers: bool
) -> None:
    """Whether other routes have memory or not."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    used = program()
    broken, plain, kept = used.routes
    table = TableChannel("owners.channel", frozenset({"pager"}), ("broken",))
    routes = (plain, replace(broken, to=(), tables=(table,)), *([kept] if remembers else []))
    intake = intake_of(journal, replace(used, routes=routes))
    monkeypatch.setattr(TableChannel, "chosen", fail)
    intake.accept(Batch("s", time.time_ns(), (alert(1),)))
    assert not list(journal.history.quarantine())
    assert intake.counts.decisions["broken", "failed"] == 1
    assert claimed(journal) == {"broken": [(HEALTH_ALERT_ROUTE,)], "chat": [("plain",)]}


def test_an_eviction_that_fails_costs_no_other_notification(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is forgotten, the alert is stored and sent, and the route is reported."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AfterStage, "evict", fail)
    intake = intake_of(journal, program(After("a", 3, SECOND, ("proc.name",))))
    intake._state.keys_per_table = 2
    intake.accept(Batch("s", time.time_ns(), tuple(alert(n, fields={"proc.name": f"p{n}"}) for n in range(4))))
    assert claimed(journal) == {
        "broken": [(HEALTH_ALERT_ROUTE,)], "chat": [("plain",)] * 4, "pager": [("kept",)] * 2,
    }  # fmt: skip
    assert len(intake._state.table("broken\na").entries) == 2
    assert not list(journal.history.quarantine())


def test_a_notification_of_an_alert_that_cannot_be_stored_costs_neither_the_alert_nor_others(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert and the notifications of its other routes are stored; the one is in the quarantine."""
    encode = alert_log.encode_notification

    def encoded(notification: Notification) -> bytes:
        if notification.channel == "broken":
            raise OverflowError
        return encode(notification)

    monkeypatch.setattr(alert_log, "encode_notification", encoded)
    intake = intake_of(journal, program())
    intake.accept(Batch("s", time.time_ns(), tuple(alert(n) for n in range(3)), checkpoint={"f": "end"}))
    assert claimed(journal) == {"chat": [("plain",)] * 3}
    assert journal.history.alert_count() == 3
    assert journal.alerts.checkpoint("s") == {"f": "end"}
    reasons = {each.reason.partition(" because")[0] for each in journal.history.quarantine()}
    assert reasons == {"is a notification that could not be stored"}


def test_a_row_that_cannot_be_stored_costs_no_other_row(journal: Journal) -> None:
    """Its earlier content stays, and it is in the quarantine."""
    now = time.time_ns()
    intake = intake_of(journal, program(After("a", 3, 3600 * SECOND, ("proc.name",))))
    intake.accept(Batch("s", now, tuple(alert(n, fields={"proc.name": f"p{n}"}) for n in range(5))))
    table = intake._state.table("broken\na")
    keys = list(table.entries)
    table.put(keys[2], {"not": object()})
    intake.accept(Batch("s", now, (alert(6, fields={"proc.name": "p6"}),)))
    stored = load_state(journal.memory).table("broken\na")
    assert len(stored.entries) == 6
    assert set(keys) <= stored.entries.keys()
    assert journal.history.alert_count() == 6
    (message,) = journal.history.quarantine()
    assert message.reason.startswith("is the state of a key that could not be stored because of an internal error")
    assert message.raw == b"broken\na"


def test_a_notification_that_cannot_be_stored_costs_no_other(journal: Journal) -> None:
    """Those of the same timers are stored; it is in the quarantine."""
    now = time.time_ns()
    intake = intake_of(journal, program())
    intake.accept(Batch("s", now, tuple(alert(n) for n in range(4))))
    claimed(journal)
    bad = Notification("pager", ("kept",), object(), about=alert(0).id)  # type: ignore[arg-type]
    good = [Notification("pager", (f"r{n}",), alert(0).priority, about=alert(n).id) for n in range(4)]
    intake._store_memory((*good[:2], bad, *good[2:]), now)
    assert sorted(claimed(journal)["pager"]) == [(f"r{n}",) for n in range(4)]
    (message,) = journal.history.quarantine()
    assert message.reason.startswith("is a notification that could not be stored because of an internal error")
    assert b"pager" in message.raw
