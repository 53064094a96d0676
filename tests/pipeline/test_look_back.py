"""The first run of ``new`` and ``absent`` with a real journal: recorded alerts, restarts, reloads, and live alerts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.journal.opening import open_for_router, open_to_read
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.look_back import LookBackService
from bridge.pipeline.services.timers import load_state
from bridge.routing import Reason
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of
from tests.support.waiting import wait_until

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
ALL = 'route "all" { to archive }'
NEW = 'route "new" { when rule = exec new proc.exepath in 7d by hostname learn 1h to chat }'
ABSENT = 'route "absent" { when rule = exec absent 2h by hostname to chat }'


class Running:
    """A bridge without sources over the journal at a path."""

    def __init__(self, path: Path, routes: str) -> None:
        self.path = path
        self.journal = open_for_router(path)
        now_ns = time.time_ns()
        state = load_state(self.journal.memory)
        router = self.router(routes)
        router.prepare_look_back(state, now_ns, recorded=bool(self.journal.history.span()))
        router.start(state, now_ns)
        self.intake = Intake(
            self.journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state
        )

    def router(self, routes: str) -> Router:
        return Router(program_of(routes), {}, secret=self.journal.memory.secret())

    def receive(self, path: str, hostname: str = "node-1", *, ago_ns: int = 0) -> Reason:
        """Receive an alert, and return the reason of the decision of the route that remembers."""
        at_ns = time.time_ns() - ago_ns
        received = alert(at_ns, rule="exec", hostname=hostname, fields={"proc.exepath": path})
        self.intake.accept(Batch("s", at_ns, (received,)))
        return self.decisions(received.id)

    def decisions(self, alert_id: str) -> Reason:
        reading = open_to_read(self.path)
        try:
            found = reading.history.alert(alert_id)
        finally:
            reading.close()
        assert found is not None
        return found.decisions[0].reason

    def pending(self) -> bool:
        return self.intake.change_state(lambda router, state: router.look_back(state, 0), 0) is not None

    def look_back(self) -> None:
        """Look back until nothing is left to do."""
        service = LookBackService(self.intake, self.path)
        service.start()
        try:
            wait_until(lambda: not self.pending(), "the look-back")
        finally:
            service.close()
        assert service.report() is None


@contextmanager
def running(path: Path, routes: str) -> Iterator[Running]:
    bridge = Running(path, routes)
    try:
        yield bridge
    finally:
        bridge.journal.close()


def test_what_was_normal_before_the_first_run_is_not_new(tmp_path: Path) -> None:
    """Until the look-back has ended, what is unknown is learned; then ``learn`` counts from the first recorded alert."""
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        at_ns = time.time_ns() - 3 * HOUR
        recorded = [
            alert(at_ns + number, rule="exec", fields={"proc.exepath": f"/bin/{number}"}) for number in range(450)
        ]
        bridge.intake.accept(Batch("s", at_ns, recorded))  # more than two steps
    with running(path, NEW) as bridge:
        assert bridge.receive("/bin/other") is Reason.LEARNING
        assert bridge.receive("/bin/7") is Reason.LEARNING
        bridge.look_back()
        assert bridge.receive("/bin/7") is Reason.NOT_NEW
        assert bridge.receive("/bin/449") is Reason.NOT_NEW
        assert bridge.receive("/bin/other") is Reason.NOT_NEW
        assert bridge.receive("/bin/new") is Reason.SENT
        assert bridge.receive("/bin/7", "node-2") is Reason.SENT


def test_what_is_older_than_the_window_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        bridge.receive("/bin/old", ago_ns=30 * 24 * HOUR)
        bridge.receive("/bin/recent", ago_ns=6 * 24 * HOUR)
    with running(path, NEW) as bridge:
        bridge.look_back()
        assert bridge.receive("/bin/old") is Reason.SENT
        assert bridge.receive("/bin/recent") is Reason.NOT_NEW


def test_an_interrupted_look_back_starts_again_and_a_finished_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        for number in range(30):
            bridge.receive(f"/bin/{number}", ago_ns=3 * HOUR - number * SECOND)
    with running(path, NEW) as bridge:  # stops after half of what was found is used
        now_ns = time.time_ns()
        found = bridge.intake.change_state(lambda router, state: router.look_back(state, now_ns), now_ns)
        assert found is not None
        recorded = [(each.alert, each.received_ns) for each in bridge.journal.history.alerts()]
        bridge.intake.change_state(lambda _, state: found.collect(state, recorded), now_ns)
        assert not bridge.intake.change_state(lambda _, state: found.apply(state, now_ns, 15), now_ns)
    with running(path, NEW) as bridge:
        assert bridge.pending()
        bridge.look_back()
        assert [bridge.receive(f"/bin/{number}") for number in range(30)] == [Reason.NOT_NEW] * 30
        assert bridge.receive("/bin/new") is Reason.SENT
    with running(path, NEW) as bridge:
        assert not bridge.pending()


def test_a_reload_that_adds_a_route_looks_back(tmp_path: Path) -> None:
    """The service is running already. A clause that ran before does not look back again."""
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        service = LookBackService(bridge.intake, path)
        service.start()
        try:
            bridge.receive("/bin/a", ago_ns=3 * HOUR)
            for _ in range(2):
                bridge.intake.use_router(bridge.router(NEW + ALL), time.time_ns(), look_back=True)
                service.again()
                wait_until(lambda: not bridge.pending(), "the look-back")
                assert bridge.receive("/bin/a") is Reason.NOT_NEW
        finally:
            service.close()
        assert bridge.receive("/bin/b") is Reason.SENT


def test_a_bridge_without_history_does_not_look_back(tmp_path: Path) -> None:
    with running(tmp_path / "j.db", NEW.replace(" learn 1h", "") + ABSENT) as bridge:
        assert not bridge.pending()
        assert bridge.receive("/bin/a") is Reason.SENT


def test_keys_of_the_last_day_are_known_to_absent(tmp_path: Path) -> None:
    """Each is reported once: a restart does not look back again, although no key is left."""
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        bridge.receive("/bin/a", "two-days", ago_ns=48 * HOUR)
        bridge.receive("/bin/a", "silent", ago_ns=5 * HOUR)
        bridge.receive("/bin/a", "alive", ago_ns=4 * HOUR)
        bridge.receive("/bin/a", "alive", ago_ns=HOUR)
        before = bridge.journal.deliveries.waiting("chat", 100)
    with running(path, ABSENT) as bridge:
        bridge.intake.fire_timers(time.time_ns(), 100)
        bridge.look_back()
        assert bridge.journal.deliveries.waiting("chat", 100) == before
        bridge.intake.fire_timers(time.time_ns(), 100)
        assert bridge.journal.deliveries.waiting("chat", 100) == before + 1
        bridge.intake.fire_timers(time.time_ns() + 90 * 60 * SECOND, 100)
        assert bridge.journal.deliveries.waiting("chat", 100) == before + 2
    with running(path, ABSENT) as bridge:
        assert not bridge.pending()


def test_fields_that_are_redacted_are_not_looked_back_at(tmp_path: Path) -> None:
    """Only other text is recorded. The clause begins with what is received."""
    path = tmp_path / "j.db"
    redact = 'redact proc.exepath matching "secret"\n'
    with running(path, redact + ALL) as bridge:
        bridge.receive("/bin/secret", ago_ns=3 * HOUR)
    with running(path, redact + NEW.replace(" learn 1h", "")) as bridge:
        assert not bridge.pending()
        assert bridge.receive("/bin/secret") is Reason.SENT


def test_the_service_reports_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with running(path, ALL) as bridge:
        for number in range(5):
            bridge.receive(f"/bin/{number}", ago_ns=3 * HOUR - number * SECOND)
    with running(path, NEW) as bridge:
        service = LookBackService(bridge.intake, path, alerts_per_step=1)
        held, seen = bridge.intake._lock, []  # holds the service between two steps
        service.start()
        try:
            while service.report() is None and bridge.pending():
                pass
            while bridge.pending():
                with held:
                    seen.append(service.report())
        finally:
            service.close()
    shown = [each for each in seen if each is not None]
    assert shown
    assert all(each.routes == ("new",) and each.total == 5 and 0 <= each.read <= 5 for each in shown)
