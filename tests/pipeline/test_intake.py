"""What is too much for the bridge costs itself only, by whatever road it came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.rejected import RejectedMessage
from bridge.journal.sqlite import Journal, quarantine
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.matching import Matcher
from bridge.pipeline import intake as intake_module
from bridge.pipeline.intake import Intake, Rules
from bridge.routing.redaction import Redactor
from bridge.sources.contract import Batch

SECRET = "hunter2hunter2"
ROUTES = 'redact proc.cmdline matching "(hunter2)+"\notherwise { to archive }\n'


def an_alert(rule: str, number: int) -> Alert:
    return make_alert(
        time_ns=number, priority=Priority.WARNING, rule=rule, source="syscall", hostname="node-1", tags=(), output="o",
        fields={"proc.cmdline": f"sh -c {SECRET}"},
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open_for_router(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture
def intake(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Intake:
    """One with a fault: whatever is named ``poison`` is too much for it."""
    program = check([SourceText("r.route", ROUTES)], Known(None, None)).program
    assert program is not None
    decide = intake_module.decide

    def poisoned(program: object, matched: object, alert: Alert) -> object:
        if alert.rule == "poison":
            raise ZeroDivisionError
        return decide(program, matched, alert)  # type: ignore[arg-type]

    monkeypatch.setattr(intake_module, "decide", poisoned)
    rules = Rules(program, Matcher(program, {}), Redactor(program.redactions))
    return Intake(journal, rules, on_deliveries=lambda: None, on_fault=lambda fault: pytest.fail(str(fault)))


def test_an_alert_that_is_too_much_is_kept_aside_and_its_neighbours_are_taken_in(
    intake: Intake, journal: Journal
) -> None:
    """Told in the log, redacted, counted as refused; and the source goes on behind the batch."""
    alerts = tuple(an_alert("poison" if number in {0, 7, 8, 99} else "good", number) for number in range(100))
    with capture_logs() as logs:
        intake.accept(Batch("file", 1, alerts, (RejectedMessage("is no alert", b"x"),), {"f": "behind them all"}))
    aside = list(quarantine.all_of_it(journal))
    assert (journal.kept(), journal.checkpoint("file")) == (96, {"f": "behind them all"})
    assert sum("fault of the bridge (ZeroDivisionError)" in each.reason for each in aside) == 4
    assert sum(b'"rule":"poison"' in each.raw for each in aside) == 4
    assert not any(SECRET.encode() in each.raw for each in aside)
    assert intake.counts.refused["file"] == intake.tally.refused == len(aside) == 5
    assert sum(each["log_level"] == "error" for each in logs) == 4


def test_what_cannot_even_be_kept_aside_is_the_sources_fault_and_skips_nothing(
    intake: Intake, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source starts anew from before the batch; what was kept of it meanwhile is known again by its id."""
    append = journal.append

    def failing(road: str, received_ns: int, entries: object, refused: object, checkpoint: object) -> int:
        if refused:
            raise ZeroDivisionError
        return append(road, received_ns, entries, (), checkpoint)  # type: ignore[arg-type]

    alerts = (an_alert("good", 1), an_alert("poison", 2), an_alert("good", 3))
    monkeypatch.setattr(journal, "append", failing)
    with pytest.raises(ZeroDivisionError):
        intake.accept(Batch("file", 1, alerts, (), {"f": "behind them all"}))
    assert journal.checkpoint("file") == {}
    monkeypatch.undo()
    intake.accept(Batch("file", 1, alerts, (), {"f": "behind them all"}))
    assert (journal.kept(), journal.checkpoint("file")) == (3, {"f": "behind them all"})
