"""Intake: each alert is decided once, and an alert that causes an error is quarantined without its neighbours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite
from bridge.matching.matcher import Matcher
from bridge.pipeline import writer as writer_module
from bridge.pipeline.intake import Intake
from bridge.routing import Entry
from bridge.routing.router import NOT_MATCHED, Router
from bridge.routing.silences import NO_SILENCES, Silences, StoredAlert, none_stored
from bridge.routing.state import State
from bridge.sources.contract import Aborted, Batch
from tests.support import builders
from tests.support.waiting import wait_until

SECRET = "hunter2hunter2"
ROUTES = 'redact proc.cmdline matching "(hunter2)+"\notherwise { to archive }\n'


class CountingRouter(Router):
    """Counts the decisions about each alert, and fails for those whose rule is ``poison``."""

    def __init__(self) -> None:
        super().__init__(builders.program_of(ROUTES), {})
        self.decided: list[str] = []

    def route(
        self,
        state: State,
        alert: Alert,
        now_ns: int,
        silences: Silences = NO_SILENCES,
        stored: StoredAlert = none_stored,
        matched: Mapping[str, tuple[int, ...]] = NOT_MATCHED,
    ) -> Entry:
        self.decided.append(alert.id)
        if alert.rule == "poison":
            raise ZeroDivisionError
        return super().route(state, alert, now_ns, silences, stored, matched)


def alert(rule: str, number: int) -> Alert:
    return builders.alert(number, rule=rule, fields={"proc.cmdline": f"sh -c {SECRET}"})


def good(count: int) -> tuple[Alert, ...]:
    return tuple(alert("good", number) for number in range(count))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_for_router(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture
def router() -> CountingRouter:
    return CountingRouter()


@pytest.fixture
def intake(journal: Journal, router: CountingRouter) -> Intake:
    return Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda fault: pytest.fail(str(fault)))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "_BUSY_WAIT_SECONDS", 0.01)


Append = Callable[[str, int, Sequence[Entry], Sequence[RejectedMessage], Mapping[str, str | None]], int]


def wrap_append(journal: Journal, monkeypatch: pytest.MonkeyPatch, before: Callable[[Sequence[Entry]], None]) -> None:
    """Call ``before`` in front of each write to the journal; what it raises is what the write raises."""
    append: Append = journal.alerts.append

    def wrapped(
        source_name: str, received_ns: int, entries: Sequence[Entry], rejected: Sequence[RejectedMessage],
        checkpoint: Mapping[str, str | None], memory: MemoryWrite,
    ) -> int:  # fmt: skip
        before(entries)
        return append(source_name, received_ns, entries, rejected, checkpoint, memory)

    monkeypatch.setattr(journal.alerts, "append", wrapped)


def test_an_alert_is_decided_once_while_the_journal_is_busy(
    intake: Intake, journal: Journal, router: CountingRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the write is retried: a clause that counts must not count an alert twice."""
    busy = iter([True, True, True])

    def before(_entries: Sequence[Entry]) -> None:
        if next(busy, False):
            raise JournalBusyError("the disk is full")

    wrap_append(journal, monkeypatch, before)
    alerts = good(5)
    with capture_logs() as logs:
        intake.accept(Batch("file", 1, alerts))
    assert router.decided == [each.id for each in alerts]
    assert (journal.history.alert_count(), intake.counts.totals()["alerts"], intake.blocked) == (5, 5, "")
    assert [each["event"] for each in logs] == ["journal blocked", "journal unblocked"]


def test_an_alert_is_decided_once_where_the_journal_cannot_store_its_batch(
    intake: Intake, journal: Journal, router: CountingRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is split until the entry that causes the error is alone; the checkpoint moves with the last part."""
    sizes: list[int] = []

    def before(entries: Sequence[Entry]) -> None:
        sizes.append(len(entries))
        if any(entry.alert.rule == "huge" for entry in entries):
            raise OverflowError

    wrap_append(journal, monkeypatch, before)
    alerts = (*good(6), alert("huge", 6), alert("good", 7))
    intake.accept(Batch("file", 1, alerts, (RejectedMessage("is no alert", b"x"),), {"f": "end"}))
    assert router.decided == [each.id for each in alerts]
    assert sizes == [8, 4, 4, 2, 2, 1, 1, 0, 0, 1]  # the alert without its notifications; these without the alert
    assert (journal.history.alert_count(), journal.alerts.checkpoint("file")) == (7, {"f": "end"})
    quarantined = list(journal.history.quarantine())
    assert [each.reason.partition(";")[0] for each in quarantined] == [
        "internal error of the bridge (OverflowError)",
        "is no alert",
    ]
    assert not any(SECRET.encode() in each.raw for each in quarantined)
    assert intake.counts.totals() == {"alerts": 7, "duplicates": 0, "rejected": 2, "notifications": 7}


def test_duplicates_are_neither_decided_nor_stored(intake: Intake, journal: Journal, router: CountingRouter) -> None:
    """In another batch or in the same one. They are counted, and show that their node is alive."""
    alerts = good(3)
    intake.accept(Batch("http", 1, alerts[:2]))
    intake.accept(Batch("http", 2, (*alerts, alerts[2])))
    assert router.decided == [each.id for each in alerts]
    assert journal.history.alert_count() == 3
    assert (intake.counts.totals()["alerts"], dict(intake.counts.duplicates)) == (3, {"http": 3})
    intake.accept(Batch("http", 3, alerts))
    ((_, node),) = intake.nodes.now()
    assert node.last_alert_ns == intake.counts.last_alert_ns == 3


def test_an_alert_that_causes_an_error_is_quarantined_and_its_neighbours_are_stored(
    intake: Intake, journal: Journal
) -> None:
    """It is logged, redacted and counted as rejected; the source reads on after the batch."""
    alerts = tuple(alert("poison" if number in {0, 7, 8, 99} else "good", number) for number in range(100))
    with capture_logs() as logs:
        intake.accept(Batch("file", 1, alerts, (RejectedMessage("is no alert", b"x"),), {"f": "end"}))
    quarantined = list(journal.history.quarantine())
    assert (journal.history.alert_count(), journal.alerts.checkpoint("file")) == (96, {"f": "end"})
    assert sum("internal error of the bridge (ZeroDivisionError)" in each.reason for each in quarantined) == 4
    assert sum(b'"rule":"poison"' in each.raw for each in quarantined) == 4
    assert not any(SECRET.encode() in each.raw for each in quarantined)
    assert intake.counts.rejected["file"] == len(quarantined) == 5
    assert sum(each["log_level"] == "error" for each in logs) == 4


def test_an_alert_that_cannot_be_matched_is_quarantined_alone_where_routes_remember(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is matched as a whole before a route with memory decides."""
    match = Matcher.match

    def failing(self: Matcher, received: Alert, now_ns: int) -> tuple[int, ...]:
        if received.rule == "poison":
            raise ZeroDivisionError
        return match(self, received, now_ns)

    monkeypatch.setattr(Matcher, "match", failing)
    router = Router(builders.program_of('route "few" { to archive throttle 1 per 1m by proc.name }\n'), {})
    intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda fault: pytest.fail(str(fault)))
    alerts = tuple(alert("poison" if number == 3 else "good", number) for number in range(10))
    intake.accept(Batch("file", 1, alerts, (), {"f": "end"}))
    (quarantined,) = journal.history.quarantine()
    assert "internal error of the bridge (ZeroDivisionError)" in quarantined.reason
    assert (journal.history.alert_count(), journal.alerts.checkpoint("file")) == (9, {"f": "end"})


def test_a_batch_whose_quarantined_alert_cannot_be_stored_is_left_to_its_source(
    intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint does not move. The source reads the batch again, and what was stored is a duplicate then."""

    def failing(entries: Sequence[Entry]) -> None:
        if len(entries) != 1 or entries[0].alert.rule == "huge":
            raise ZeroDivisionError

    alerts = (alert("good", 1), alert("huge", 2), alert("good", 3))
    batch = Batch("file", 1, alerts, (), {"f": "end"})
    wrap_append(journal, monkeypatch, failing)
    with pytest.raises(ZeroDivisionError):
        intake.accept(batch)
    assert (journal.history.alert_count(), journal.alerts.checkpoint("file")) == (1, {})
    monkeypatch.undo()
    intake.accept(batch)
    assert (journal.history.alert_count(), journal.alerts.checkpoint("file")) == (3, {"f": "end"})
    assert intake.counts.totals()["duplicates"] == 1


def test_a_batch_is_aborted_when_intake_is_aborted_while_the_journal_is_busy(
    intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is stored or counted."""

    def busy(_entries: Sequence[Entry]) -> None:
        raise JournalBusyError("the disk is full")

    wrap_append(journal, monkeypatch, busy)
    raised: list[Exception] = []

    def accept() -> None:
        try:
            intake.accept(Batch("file", 1, good(2)))
        except Aborted as error:
            raised.append(error)

    thread = threading.Thread(target=accept)
    thread.start()
    wait_until(lambda: intake.blocked == "the disk is full", "intake to wait for the disk")
    intake.abort()
    thread.join(60)
    assert len(raised) == 1
    assert (journal.history.alert_count(), intake.counts.totals()["alerts"]) == (0, 0)


def test_a_journal_that_fails_for_good_is_reported_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the batch is aborted, not split."""
    faults: list[JournalError] = []
    intake = Intake(journal.alerts, CountingRouter(), on_deliveries=lambda: None, on_fault=faults.append)

    def failing(_entries: Sequence[Entry]) -> None:
        raise JournalError("the file is damaged")

    wrap_append(journal, monkeypatch, failing)
    with pytest.raises(Aborted):
        intake.accept(Batch("file", 1, good(4)))
    assert [str(fault) for fault in faults] == ["the file is damaged"]


def test_the_courier_is_woken_only_for_deliveries(journal: Journal) -> None:
    """Not for a batch of duplicates or of rejected messages."""
    woken: list[None] = []
    intake = Intake(journal.alerts, CountingRouter(), on_deliveries=lambda: woken.append(None), on_fault=lambda _: None)
    intake.accept(Batch("http", 1, good(2)))
    intake.accept(Batch("http", 2, good(2)))
    intake.accept(Batch("http", 3, (), (RejectedMessage("is no alert", b"x"),)))
    assert len(woken) == 1
