"""The shadow: what it counts, that it sends nothing, and that nothing in it can hurt intake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.pipeline.intake import Intake
from bridge.pipeline.shadow import queue
from bridge.pipeline.shadow.shadow import Shadow, ShadowReport, ShadowRoutes
from bridge.routing.comparison import Change
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.virtual_run import VirtualRun
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of
from tests.support.waiting import wait_until

LIVE = 'route "shells" { when rule = shell to pager }\n'
CANDIDATE = 'route "shells" { when rule in (shell, curl) to pager severity critical }\n'
SECOND = 10**9


def routes(live: str, candidate: str) -> ShadowRoutes:
    return ShadowRoutes(Router(program_of(live), {}), Router(program_of(candidate), {}), {}, "", (live, candidate))


@contextmanager
def intake_with(tmp_path: Path, tried: ShadowRoutes) -> Iterator[tuple[Intake, Journal]]:
    """An intake with the live routes, whose shadow runs."""
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = Intake(journal.alerts, tried.live, on_deliveries=lambda: None, on_fault=lambda _fault: None)
        intake.try_routes(tried)
        intake.shadow.start()
        try:
            yield intake, journal
        finally:
            intake.shadow.close()


def report_after(intake: Intake, alerts: int) -> ShadowReport:
    """The report once that many alerts were tried."""

    def tried() -> ShadowReport | None:
        report = intake.shadow.report()
        return report if report is not None and report.alerts >= alerts else None

    wait_until(lambda: tried() is not None, f"{alerts} alerts in the shadow")
    found = tried()
    assert found is not None
    return found


def some(*rules: str, first: int = 0) -> tuple[Alert, ...]:
    return tuple(alert(first + number, rule=rule) for number, rule in enumerate(rules))


def test_the_shadow_counts_what_differs_and_sends_nothing(tmp_path: Path) -> None:
    """Gained, lost and changed per channel and route, with samples; only the live notification is a delivery."""
    with intake_with(tmp_path, routes(LIVE, CANDIDATE)) as (intake, journal):
        intake.accept(Batch("s", time.time_ns(), some("shell", "curl", "other")))
        report = report_after(intake, 3)
        assert report.differences.changes == {Change.GAINED: 1, Change.CHANGED: 1}
        assert report.decisions == {("shells", "sent"): 2}
        row = report.differences.rows["pager", "shells"]
        assert (row.old, row.new, dict(row.changes)) == (1, 2, {Change.GAINED: 1})
        (sample,) = row.samples[Change.GAINED].found
        assert (sample.alert_id, sample.headline) == (some("shell", "curl")[1].id, "curl")
        assert [each.channel for each in journal.history.deliveries()] == ["pager"]
        intake.accept(Batch("s", time.time_ns(), some("shell")))  # a duplicate is not tried
        intake.accept(Batch("s", time.time_ns(), some("shell", first=9)))
        assert report_after(intake, 4).alerts == 4


def test_silences_and_memory_act_as_for_the_live_routes(tmp_path: Path) -> None:
    """The same routes differ in nothing: throttled, silenced, and with the state from before the shadow began."""
    text = 'route "t" { when rule = shell to pager throttle 2 per 1h }\nroute "g" { when rule exists to mail group by rule }\n'
    tried = routes(text, text)
    now = time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = Intake(journal.alerts, tried.live, on_deliveries=lambda: None, on_fault=lambda _fault: None)
        intake.accept(Batch("s", now, some("shell", "shell")))
        intake.try_routes(tried)
        condition = program_of('route "s" { when rule = quiet to x }').routes[0].when
        assert condition is not None
        intake.use_silences(Silences([Silence("1", condition, 0, 2**62)], {}))
        intake.shadow.start()
        intake.accept(Batch("s", now, some("shell", "quiet", "shell", first=10)))
        report_after(intake, 3)
        intake.fire_timers(now + 60 * SECOND, 100)
        intake.accept(Batch("s", now + 61 * SECOND, some("other", first=20)))
        report = report_after(intake, 4)
        intake.shadow.close()
    assert not report.differences.differs
    assert report.differences.rows["mail", "g"].old >= 1


def test_a_fault_concerns_one_alert_and_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intake stores all alerts; the shadow goes on with the next one, and logs a fault of one kind once."""
    steps = VirtualRun.steps

    def failing(run: VirtualRun, each: Alert, at_ns: int) -> object:
        if each.rule == "bad":
            raise RecursionError
        return steps(run, each, at_ns)

    monkeypatch.setattr(VirtualRun, "steps", failing)
    with capture_logs() as logs, intake_with(tmp_path, routes(LIVE, CANDIDATE)) as (intake, journal):
        intake.accept(Batch("s", time.time_ns(), some("bad", "curl", "bad", "shell")))
        report = report_after(intake, 4)
        assert (report.faults, report.last_fault, report.differences.changes[Change.GAINED]) == (2, "RecursionError", 1)
        assert journal.history.alert_count() == 4
    assert [each["event"] for each in logs] == ["shadow failed"]


def test_a_fault_of_one_route_is_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router goes on with the other routes, and returns what the one raised."""
    text = LIVE + 'route "t" { when rule = shell to mail throttle 1 per 1h }\n'
    tried = routes(LIVE, text)
    assert tried.shadow is not None
    assert tried.shadow.engine is not None
    (pipeline,) = tried.shadow.engine.pipelines.values()
    monkeypatch.setattr(type(pipeline), "enter", lambda *_: 1 / 0)
    with capture_logs() as logs, intake_with(tmp_path, tried) as (intake, _journal):
        intake.accept(Batch("s", time.time_ns(), some("shell")))
        report = report_after(intake, 1)
        assert (report.faults, report.last_fault) == (1, "ZeroDivisionError")
        assert report.differences.rows["pager", "shells"].new == 1
    assert "shadow failed" in [each["event"] for each in logs]


def test_what_waits_is_bounded_by_number_and_by_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While intake is busy nothing is tried; what finds no room is skipped and counted."""
    monkeypatch.setattr(queue, "MAX_ALERTS", 5)
    monkeypatch.setattr(queue, "MAX_TEXT", 1000)
    busy = [True]
    shadow = Shadow(lambda: busy[0])
    tried = routes(LIVE, CANDIDATE)
    shadow.use(tried)
    router = tried.live

    def offer(*alerts: Alert) -> None:
        from bridge.routing.state import State

        shadow.offer(1, alerts, [router.route(State(), each, 1) for each in alerts])

    offer(*some("shell", "shell", "shell"))
    offer(*some("shell", "shell", "shell", first=10))  # one too many
    offer(alert(20, output="x" * 1001))  # too long
    offer(alert(21))
    shadow.start()
    time.sleep(0.02)
    report = shadow.report()
    assert report is not None
    assert (report.alerts, report.skipped) == (0, 4)
    busy[0] = False
    wait_until(lambda: (now := shadow.report()) is not None and now.alerts == 4, "the four that found room")
    offer(*some("shell", "shell", "shell", "shell", "shell", first=30))
    wait_until(lambda: (now := shadow.report()) is not None and now.alerts == 9, "room again")
    shadow.close()


def test_other_routes_start_the_counts_again_and_the_same_do_not(tmp_path: Path) -> None:
    """What the previous ones decided is not compared. Routes with errors leave the reason."""
    with intake_with(tmp_path, routes(LIVE, CANDIDATE)) as (intake, _journal):
        intake.accept(Batch("s", time.time_ns(), some("curl")))
        report_after(intake, 1)
        intake.try_routes(routes(LIVE, CANDIDATE))
        assert report_after(intake, 1).differences.differs
        intake.try_routes(routes(LIVE, LIVE))
        report = intake.shadow.report()
        assert report is not None
        assert (report.alerts, report.differences.rows) == (0, {})
        intake.accept(Batch("s", time.time_ns(), some("shell", "curl", first=5)))
        assert not report_after(intake, 2).differences.differs
        intake.try_routes(ShadowRoutes(routes(LIVE, LIVE).live, None, {}, "a.route:1: unknown word"))
        report = intake.shadow.report()
        assert report is not None
        assert report.problem == "a.route:1: unknown word"
        intake.accept(Batch("s", time.time_ns(), some("shell", first=9)))
        intake.try_routes(None)
        assert intake.shadow.report() is None
