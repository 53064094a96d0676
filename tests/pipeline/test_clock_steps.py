"""Clauses with memory while the wall clock is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.delivery import Capacity, DeliveryState, Settlement
from bridge.journal.opening import open_for_router
from bridge.language.program.clauses import Absent, After, Clause, Group, New, Throttle
from bridge.language.program.program import Program
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import load_state
from bridge.routing import NotificationKind
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of
from tests.support.clocks import DAY, HOUR, SECOND, STEPS, YEAR, TestClock

STEP = pytest.mark.parametrize("by_ns", STEPS.values(), ids=STEPS)
MINUTE = 60 * SECOND


class Running:
    """An intake whose only route has one clause, with a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.journal = open_for_router(folder / "j.db")
        self.clock = TestClock()
        self.intake: Intake

    def use(self, clause: Clause) -> None:
        program = program_of('route "r" { to chat }')
        self.use_program(replace(program, routes=(replace(program.routes[0], clauses=(clause,)),)))

    def use_text(self, clauses: str) -> None:
        """A route on shells with these clauses."""
        self.use_program(program_of(f'route "r" {{ when proc.name = sh  to chat  {clauses} }}'))

    def use_program(self, program: Program) -> None:
        router = Router(program, {}, secret=self.journal.memory.secret())
        state = load_state(self.journal.memory)
        router.start(state, self.clock.wall_ns())
        self.intake = Intake(
            self.journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state,
            clock=self.clock,
        )  # fmt: skip

    def receive(self, **fields: str) -> None:
        """An alert that happens now, by the clock as it is."""
        now_ns = self.clock.wall_ns()
        self.intake.accept(Batch("s", now_ns, (alert(now_ns, fields=fields),)))

    def fire(self) -> None:
        due_ns = self.intake.next_timer()
        if due_ns is not None and due_ns <= self.clock.wall_ns():
            self.intake.fire_timers(self.clock.wall_ns(), 100)

    def sent(self) -> list[tuple[NotificationKind, int]]:
        """The notifications since the last call."""
        sends = self.journal.deliveries.claim(self.clock.wall_ns() + HOUR, 50 * YEAR, {"chat": Capacity(1, 100)})
        done = [
            Settlement(each.id, DeliveryState.DELIVERED, 0, 0, 200, "") for send in sends for each in send
        ]  # fmt: skip
        self.journal.deliveries.settle(done)
        contexts = [each.notification.context for send in sends for each in send]
        return [(NotificationKind.SINGLE, 1) if each is None else (each.kind, each.count) for each in contexts]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    with closing(made.journal):
        yield made


@STEP
def test_a_throttle_is_as_long_as_it_was(running: Running, by_ns: int) -> None:
    """Neither open at once nor closed for the length of the step; the summary goes out once."""
    running.use(Throttle("t", 1, 600 * SECOND))
    running.receive()
    assert running.sent() == [(NotificationKind.SINGLE, 1)]
    running.clock.step(by_ns)
    running.receive()
    running.fire()
    assert running.sent() == []
    running.clock.move_on(601 * SECOND)
    running.fire()
    running.fire()
    assert running.sent() == [(NotificationKind.SUMMARY, 1)]


@STEP
def test_a_digest_goes_out_after_its_wait(running: Running, by_ns: int) -> None:
    running.use(Group("g", (), 600 * SECOND, 600 * SECOND, 10))
    running.receive()
    running.clock.step(by_ns)
    running.receive()
    running.fire()
    assert running.sent() == []
    running.clock.move_on(601 * SECOND)
    running.fire()
    assert running.sent() == [(NotificationKind.DIGEST, 2)]


@STEP
def test_silence_is_not_reported_because_of_a_step(running: Running, by_ns: int) -> None:
    running.use(Absent("a", 3600 * SECOND, ()))
    running.receive()
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.clock.move_on(2 * HOUR)
    running.fire()
    running.clock.move_on(2 * HOUR)
    running.fire()
    assert running.sent() == [(NotificationKind.ABSENT, 1)]


@pytest.mark.parametrize("glitch_ns", [HOUR, DAY, 10 * YEAR])
def test_a_glitch_does_not_blind_a_window_of_event_times(running: Running, glitch_ns: int) -> None:
    """An alert from the glitch is the newest of its key; later ones still count."""
    running.use(After("f", 3, 600 * SECOND))
    running.clock.step(glitch_ns)
    running.receive()
    running.clock.step(-glitch_ns)
    running.receive()
    assert running.sent() == []
    running.receive()
    assert running.sent() == [(NotificationKind.SINGLE, 3)]


@pytest.mark.parametrize("glitch_ns", [HOUR, DAY, 10 * YEAR])
def test_learning_ends_although_it_began_in_a_glitch(running: Running, glitch_ns: int) -> None:
    running.clock.step(glitch_ns)
    running.use(New("n", ("proc.name",), 30 * DAY, learn_ns=600 * SECOND))
    running.clock.step(-glitch_ns)
    running.receive(**{"proc.name": "a"})
    assert running.sent() == []
    running.clock.move_on(20 * MINUTE)
    running.receive(**{"proc.name": "b"})
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


def test_a_batch_that_was_stamped_in_a_glitch_is_stored_with_the_time_of_now(running: Running) -> None:
    running.use(Throttle("t", 1, 600 * SECOND))
    stamped_ns = running.clock.wall_ns() + 10 * YEAR
    running.intake.accept(Batch("s", stamped_ns, (alert(1),)))
    (stored,) = running.journal.history.alerts()
    assert stored.received_ns <= running.clock.wall_ns()


@STEP
def test_a_sequence_is_completed_by_a_later_alert(running: Running, by_ns: int) -> None:
    """An attempt that began before the step is neither completed nor lost for those that begin after it."""
    running.use_text("then proc.name = nc within 10m by container.id")
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.receive(**{"proc.name": "sh", "container.id": "2"})
    running.clock.move_on(MINUTE)
    running.receive(**{"proc.name": "nc", "container.id": "2"})
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


@STEP
def test_a_missing_step_is_not_reported_because_of_a_step_of_the_clock(running: Running, by_ns: int) -> None:
    running.use_text("then not proc.name = exit within 10m by container.id")
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.clock.move_on(11 * MINUTE)
    running.fire()
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


@STEP
def test_an_alert_that_waits_for_another_is_sent_after_its_wait(running: Running, by_ns: int) -> None:
    """``unless … wait``: neither at once nor after the length of the step."""
    running.use_text("unless proc.name = deploy within 10m by container.id wait 5m")
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.clock.move_on(6 * MINUTE)
    running.fire()
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


@STEP
def test_an_exception_after_a_step_holds_back_as_before(running: Running, by_ns: int) -> None:
    """What was seen before the step neither hides the exception nor outlives it. Event times do not move with the clock."""
    running.use_text("unless proc.name = deploy within 10m by container.id")
    running.receive(**{"proc.name": "deploy", "container.id": "1"})
    running.clock.step(by_ns)
    running.fire()
    running.receive(**{"proc.name": "deploy", "container.id": "1"})
    running.clock.move_on(MINUTE)
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    assert running.sent() == []
    running.clock.move_on(11 * MINUTE)
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


@STEP
def test_a_join_waits_as_long_as_it_was(running: Running, by_ns: int) -> None:
    running.use_text("with audit = source = k8s_audit within 30s by container.id wait 5m")
    running.receive(**{"proc.name": "sh", "container.id": "1"})
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.clock.move_on(6 * MINUTE)
    running.fire()
    assert running.sent() == [(NotificationKind.SINGLE, 1)]


@STEP
def test_an_escalation_comes_after_its_time(running: Running, by_ns: int) -> None:
    running.use_text("to chat after 15m")
    running.receive(**{"proc.name": "sh"})
    assert running.sent() == [(NotificationKind.SINGLE, 1)]
    running.clock.step(by_ns)
    running.fire()
    assert running.sent() == []
    running.clock.move_on(16 * MINUTE)
    running.fire()
    assert running.sent() == [(NotificationKind.ESCALATION, 1)]
