"""Runs one route with memory in virtual time: events in, notifications out, each as a short line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bridge.alert import Alert, Priority, make_alert
from bridge.language.program.clauses import Clause
from bridge.language.program.condition import Condition
from bridge.language.program.program import Escalation, Program
from bridge.matching import Matcher
from bridge.routing.decision import Fault
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.engine import Engine, event_time
from bridge.routing.memory.outcome import Emission
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.state import State
from tests.support.builders import program_of

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
START = 1_767_614_400 * SECOND
SECRET = b"0123456789abcdef"


def condition(text: str) -> Condition:
    """A checked condition."""
    found = program_of(f'route "r" {{ when {text} to ch }}').routes[0].when
    assert found is not None
    return found


class Bench:
    """A program of one route, its state and its clock."""

    def __init__(
        self,
        *clauses: Clause,
        when: str = "rule = a",
        title: str | None = None,
        escalations: tuple[Escalation, ...] = (),
        silenced: Callable[[str], str | None] = lambda _alert_id: None,
        keys_per_table: int = 1000,
    ) -> None:
        text = f'route "r" {{ when {when} to ch {"" if title is None else f"title {chr(34)}%rule{chr(34)}"} }}'
        route = replace(program_of(text).routes[0], clauses=clauses, escalations=escalations, title=title)
        self.program = Program((route,), ())
        self.engine = Engine(self.program, {}, SECRET)
        self.matcher = Matcher(self.program, {})
        self.state = State(keys_per_table)
        self.now = START
        self.silenced = silenced
        self.reasons: list[str] = []
        """Why each match did not come through; ``sent`` where it did."""
        self.sent: list[tuple[float, Passage]] = []
        self.numbers: dict[str, int] = {}
        self.engine.start(self.state, START)

    def event(
        self, at: float, rule: str = "a", *, late: float = 0, priority: Priority = Priority.WARNING, **fields: str
    ) -> str:
        """An alert that occurred at ``at`` seconds and is received ``late`` seconds after that."""
        self.pass_until(at + late)
        return self.receive(at, rule, priority, fields)

    def receive(self, at: float, rule: str, priority: Priority, fields: dict[str, str]) -> str:
        """An alert that is received now, before the timers that are due."""
        number = len(self.numbers) + 1
        alert = make_alert(
            time_ns=START + round(at * SECOND), priority=priority, rule=rule, source="syscall", hostname="node-1",
            tags=(), output=f"event {number}", fields={name.replace("__", "."): value for name, value in fields.items()} | {"evt.num": str(number)},
        )  # fmt: skip
        self.numbers[alert.id] = number
        self._receive(alert)
        return alert.id

    def _receive(self, alert: Alert) -> None:
        faults: list[Fault] = []
        event_ns = event_time(alert, self.now)
        self._record(self.engine.observe(self.state, alert, alert, event_ns, self.now, self.silenced, faults))
        assert not faults
        if 0 in self.matcher.match(alert, self.now):
            pipeline = self.engine.pipelines[0]
            entered = pipeline.enter(self.state, pipeline.passage(alert, alert, event_ns), self.now, self.silenced)
            self.reasons.append(entered.decision.reason.value)
            if entered.passage is not None:
                self._record((Emission(0, entered.passage),))
            self._record(entered.others)
        self._record(self.engine.evict(self.state, self.now, self.silenced, faults))
        assert not faults

    def pass_until(self, at: float) -> None:
        """Let time pass; each timer fires when it is due."""
        until = START + round(at * SECOND)
        while (due := self.state.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            emissions, faults = self.engine.wake(self.state, self.now, self.silenced, 1000)
            assert not faults, faults
            self._record(emissions)
        self.now = max(self.now, until)

    def _record(self, emissions: list[Emission] | tuple[Emission, ...]) -> None:
        at = (self.now - START) / SECOND
        self.sent += [(at, each.passage) for each in emissions if each.passage is not None]

    def restart(self) -> None:
        """Store the state as the journal would, and load it into a new one."""
        stored = State(self.state.keys_per_table)
        for table in self.state.tables.values():
            for key, row in table.rows():
                stored.load(table.clause, key, decode_row(encode_row(row)), table.due_ns(key))
        self.state = stored
        self.engine = Engine(self.program, {}, SECRET)
        self.engine.start(self.state, self.now)

    def lines(self) -> list[str]:
        """What was sent: when, what kind, how many alerts, which ones."""
        return [
            f"{at:g}s {passage.kind.value} x{passage.count} #{self.numbers[passage.alert_id]}"
            + (f" +{passage.suppressed} held" if passage.suppressed and passage.kind.value == "single" else "")
            + (f" names {','.join(str(self.numbers[each]) for each in passage.alerts)}" if passage.alerts else "")
            + (f" to {','.join(passage.to)}" if passage.to else "")
            for at, passage in self.sent
        ]
