"""State and timers of clauses with memory through intake and journal: stored with the alert, read back at start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert, Priority, make_alert
from bridge.delivery import Capacity
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.language.program.clauses import Clause, Group, Throttle
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import Timers, load_state
from bridge.routing import NotificationKind
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.state import State
from bridge.sources.contract import Batch
from tests.routing.memory.harness import condition
from tests.support.builders import alert, program_of
from tests.support.waiting import wait_until

SECOND = 1_000_000_000


def intake_of(
    journal: Journal,
    clause: Clause,
    woken: Callable[[], None] = lambda: None,
    stored: Callable[[Iterable[str], Collection[str]], dict[str, Alert]] = lambda _ids, _fields: {},
) -> Intake:
    """An intake whose only route has this clause, with the state that the journal holds."""
    program = program_of('route "r" { to chat }')
    program = replace(program, routes=(replace(program.routes[0], clauses=(clause,)),))
    router = Router(program, {}, secret=journal.memory.secret())
    state = load_state(journal.memory)
    router.start(state, 0)
    return Intake(
        journal.alerts, router, on_deliveries=woken, on_fault=lambda _fault: None, state=state, stored_alerts=stored
    )


def kinds(journal: Journal) -> list[tuple[NotificationKind, int]]:
    """Kind and count of each delivery that waits, as a claim returns it."""
    sends = journal.deliveries.claim(time.time_ns() + 3600 * SECOND, SECOND, {"chat": Capacity(5, 100)})
    contexts = [each.notification.context for send in sends for each in send]
    return [(each.kind, each.count) for each in contexts if each is not None]


def test_a_throttle_holds_over_a_restart(tmp_path: Path) -> None:
    """The window and what was held back are in the journal, and the summary goes out when its slot is free."""
    now = time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Throttle("t", 1, 60 * SECOND))
        intake.accept(Batch("s", now, (alert(1), alert(2))))
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Throttle("t", 1, 60 * SECOND))
        intake.accept(Batch("s", now + SECOND, (alert(3),)))
        assert intake.next_timer() == now + 60 * SECOND
        intake.fire_timers(now + 60 * SECOND, 100)
        assert kinds(journal) == [(NotificationKind.SINGLE, 1), (NotificationKind.SUMMARY, 2)]


def test_timers_fire_by_themselves(tmp_path: Path) -> None:
    """A digest goes out after the wait, and the courier is woken; nothing is sent twice."""
    woken: list[None] = []
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Group("g", (), 50_000_000, 3600 * SECOND), lambda: woken.append(None))
        timers = Timers(intake)
        timers.start()
        try:
            intake.accept(Batch("s", time.time_ns(), (alert(1), alert(2), alert(3))))
            wait_until(lambda: woken, "the digest")
        finally:
            timers.close()
        assert kinds(journal) == [(NotificationKind.DIGEST, 3)]
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        assert journal.deliveries.undelivered() == 1


def test_timers_fire_while_alerts_come_without_a_pause(tmp_path: Path) -> None:
    """Alerts come before timers, but for no longer than the timers before them took."""
    stop, groups = threading.Event(), 700
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Group("g", ("container.id",), 30 * SECOND))
        gathered = [alert(number, fields={"container.id": str(number)}) for number in range(groups)]
        intake.accept(Batch("s", time.time_ns() - 31 * SECOND, gathered))

        def flood() -> None:
            number = groups
            while not stop.is_set():
                number += 1
                intake.accept(Batch("s", time.time_ns(), (alert(number, fields={"container.id": "new"}),)))

        timers, source = Timers(intake), threading.Thread(target=flood)
        source.start()
        timers.start()
        wait_until(lambda: (intake.next_timer() or 0) > time.time_ns(), "the timers")
        stop.set()
        source.join()
        timers.close()
        sent = journal.history.deliveries()
        assert len(list(sent)) == groups


def test_a_fault_of_one_timer_costs_no_other_notification(tmp_path: Path) -> None:
    """The others of its step are stored. It is logged, and its timer is still in the journal."""
    now = time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Group("g", ("proc.name",), SECOND, 3600 * SECOND))
        intake.accept(Batch("s", now, tuple(alert(n, fields={"proc.name": f"p{n}"}) for n in range(3))))
        (table,) = (each for each in intake._state.tables.values() if each.timers())
        broken = list(table.entries)[1]
        table.entries[broken] = ("not a row", table.entries[broken][1])
        with capture_logs() as logs:
            intake.fire_timers(now + 2 * SECOND, 100)
        assert [(each["event"], each["route"]) for each in logs] == [("route failed", "r")]
        assert kinds(journal) == [(NotificationKind.SINGLE, 1)] * 2
        assert load_state(journal.memory).table(table.clause).due_ns(broken)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("silenced", [True, False])
def test_a_silenced_first_step_holds_back_its_sequence(tmp_path: Path, together: bool, silenced: bool) -> None:
    """Whether it is stored already, or was received in the same batch as the last step."""
    now = time.time_ns()
    first, last = (
        make_alert(
            time_ns=now, priority=Priority.WARNING, rule=rule, source="syscall", hostname="n", tags=(), output="",
            fields={},
        )
        for rule in ("first", "last")
    )  # fmt: skip
    text = 'route "r" { when rule = first then rule = last within 1m by hostname to chat }'
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        router = Router(program_of(text), {}, secret=journal.memory.secret())
        found = {first.id: first}
        intake = Intake(
            journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=State(),
            stored_alerts=lambda ids, _fields: {} if together else {each: found[each] for each in ids},
        )  # fmt: skip
        rule = "first" if silenced else "other"
        intake.use_silences(Silences([Silence("s", condition(f"rule = {rule}"), 0, 1 << 62)], {}))
        for batch in ((first, last),) if together else ((first,), (last,)):
            intake.accept(Batch("s", now, batch))
        assert journal.deliveries.undelivered() == (0 if silenced else 1)


def test_stored_alerts_are_read_only_for_a_silence_that_acts(tmp_path: Path) -> None:
    """Not for one that begins later; with the fields that its condition reads."""
    now, reads = time.time_ns(), list[tuple[int, Collection[str]]]()

    def stored(ids: Iterable[str], fields: Collection[str]) -> dict[str, Alert]:
        reads.append((len(list(ids)), fields))
        return {}

    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Group("g", ("proc.name",), SECOND, 3600 * SECOND), stored=stored)
        for number, begins in enumerate((now + 3600 * SECOND, 0)):
            intake.accept(
                Batch("s", now, tuple(alert(n, fields={"proc.name": f"p{number}"}) for n in (number, number + 5)))
            )
            intake.use_silences(Silences([Silence("s", condition("proc.name = x"), begins, 1 << 62)], {}))
            intake.fire_timers(now + 2 * SECOND, 20)
        assert reads == [(2, {"proc.name"})]
        assert kinds(journal) == [(NotificationKind.DIGEST, 2)] * 2


def test_an_alert_that_was_received_under_a_silence_is_not_read_for_it(tmp_path: Path) -> None:
    """Its redacted form decides, as for one that is read; of a digest, only what is silenced is left out."""
    now = time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(
            journal, Group("g", ("proc.pname",), SECOND, 3600 * SECOND), stored=lambda _ids, _fields: 1 / 0
        )  # type: ignore[arg-type,return-value]
        intake.use_silences(Silences([Silence("s", condition("proc.name = p1"), 0, 1 << 62)], {}))
        intake.accept(Batch("s", now, tuple(alert(n, fields={"proc.name": f"p{n % 5}"}) for n in range(50))))
        intake.fire_timers(now + 2 * SECOND, 20)
        assert kinds(journal) == [(NotificationKind.DIGEST, 40)]


def test_few_stored_alerts_are_read_at_a_time_for_silences(tmp_path: Path) -> None:
    """Digests that name many alerts fire in several steps, so that intake does not wait; each fires once."""
    now = time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        intake = intake_of(journal, Group("g", ("proc.name",), SECOND, 3600 * SECOND))
        intake.accept(Batch("s", now, tuple(alert(n, fields={"proc.name": f"p{n % 5}"}) for n in range(50))))
        intake.use_silences(Silences([Silence("s", condition("rule = other"), 0, 1 << 62)], {}))
        steps = 0
        while (due_ns := intake.next_timer()) is not None and due_ns <= now + 2 * SECOND:
            intake.fire_timers(now + 2 * SECOND, 20)
            steps += 1
        assert steps == 3
        assert kinds(journal) == [(NotificationKind.DIGEST, 10)] * 5
