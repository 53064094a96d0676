"""A state machine that drives several routes with memory at random, against the definitions of their clauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from bridge.alert import Alert, Priority, make_alert
from bridge.common.clocks.clock import Step
from bridge.language.program.program import Program, Route
from bridge.routing.memory.clock_steps import follow
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.notification import Notification, NotificationKind
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.state import KEYS_PER_TABLE, State, Timer
from tests.conftest import FULL
from tests.routing.memory.definitions import (
    FUTURE,
    Awaited,
    Definition,
    Event,
    Followed,
    Gathered,
    Joined,
    Limited,
    Line,
    Plenty,
    Silent,
    Unprevented,
    Unseen,
)  # fmt: skip
from tests.routing.memory.harness import SECOND, SECRET, START, condition
from tests.support.builders import program_of

WINDOWS = (10, 25, 2)
"""A reload gives a clause another one, in seconds. All are shorter than the lateness."""
BY = "by k8s.pod.name"
ROUTES = {
    "plenty": f"when rule exists after 3 in {{}}s {BY}",
    "unseen": "when rule exists new k8s.pod.name in {}s",
    "unprevented": f"when rule = a unless rule = b within {{}}s {BY}",
    "awaited": f"when rule = a unless rule = b within {{}}s {BY} wait 4s",
    "joined": f"when rule = a with other = rule = b within {{}}s {BY} wait 4s",
    "followed": f"when rule = a then rule = b within {{}}s {BY}",
    "lonely": f"when rule = a then not rule = b within {{}}s {BY}",
    "silent": f"when rule exists absent {{}}s {BY}",
    "gathered": f"when rule exists group {BY} wait {{}}s every 20s",
    "limited": f"when rule exists throttle 2 per {{}}s {BY}",
}
SIZE = settings(
    max_examples=1000 if FULL else 60,
    stateful_step_count=60 if FULL else 30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
EVENTS = st.tuples(
    st.integers(0, 12),
    st.integers(-60, 30) | st.integers(0, 6) | st.sampled_from((-60, -100)),
    st.integers(0, 9),
    st.sampled_from("ab"),
)
STEPS = (st.sampled_from((-24 * 3600, -3600, 3600, 24 * 3600)) | st.integers(-600, 600).filter(bool)).map(
    lambda seconds: seconds * SECOND + 7
)
"""No stored time is exactly one step from now. Those of a minute or two make alerts ahead of the clock too far ahead."""


@cache
def route(name: str, window: int) -> Route:
    """The route as a person writes it. Each has a channel of its own."""
    escalation = " to boss after 1m" if name == "limited" else ""
    return program_of(f'route "{name}" {{ {ROUTES[name].format(window)} to {name}{escalation} }}').routes[0]


@cache
def silence_of(rule_name: str) -> Silence:
    """A silence of all alerts of a rule."""
    return Silence(rule_name, condition(f"rule = {rule_name}"), 0, 1 << 62)


def defined(name: str, window: int, silenced: Callable[[Event], bool], wall: int) -> Definition:
    """The definition of the route."""
    common: tuple[str, Callable[[Event], bool], int] = (name, silenced, window * SECOND)
    found: dict[str, Callable[[], Definition]] = {
        "plenty": lambda: Plenty(*common, 3),
        "unseen": lambda: Unseen(*common),
        "unprevented": lambda: Unprevented(*common),
        "awaited": lambda: Awaited(*common),
        "joined": lambda: Joined(*common),
        "followed": lambda: Followed(*common),
        "lonely": lambda: Followed(*common, negated=True),
        "silent": lambda: Silent(*common),
        "gathered": lambda: Gathered(*common),
        "limited": lambda: Limited(*common, 2),
    }
    return found[name]()


class Memory(RuleBasedStateMachine):
    """The router, its journal, two clocks, and the definitions."""

    keys = ("p", "q")
    keys_per_table = KEYS_PER_TABLE

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        """True time."""
        self.waited = START
        """Until when timers have fired."""
        self.offset = 0
        """How far the wall clock is ahead of it."""
        self.events: list[Event] = []
        self.alerts: dict[str, Alert] = {}
        self.numbers: dict[str, int] = {}
        self.windows = dict.fromkeys(ROUTES, WINDOWS[0])
        self.silences: set[str] = set()
        self.definitions = {name: self.definition(name) for name in ROUTES}
        self.lines: list[Line] = []
        self.journal: dict[tuple[str, bytes], tuple[bytes, int | None]] = {}
        self.state = self.empty()
        self.evicted: set[str] = set()
        """Routes of which the engine counted an eviction."""
        self.stepping = False
        self.router = self.compiled()
        self.router.start(self.state, self.wall)
        self.store()

    @property
    def wall(self) -> int:
        return self.now + self.offset

    def empty(self) -> State:
        return State(self.keys_per_table)

    def follow(self, step: Step) -> None:
        follow(self.state, step)

    def compiled(self) -> Router:
        return Router(Program(tuple(route(*each) for each in self.windows.items()), ()), {}, secret=SECRET)

    def definition(self, name: str) -> Definition:
        found = defined(name, self.windows[name], lambda event: event.rule in self.silences, self.wall)
        found.wall = self.wall
        return found

    def asked(self) -> Silences:
        return Silences([silence_of(each) for each in sorted(self.silences)], {})

    def record(self, notifications: tuple[Notification, ...]) -> None:
        for each in notifications:
            context = each.context
            assert context is not None
            about = each.about or ""
            named = context.alerts or (about,)
            suppressed = context.suppressed if context.kind is NotificationKind.SINGLE else 0
            numbers = frozenset(self.numbers[alert_id] for alert_id in named)
            self.lines.append(Line(self.now, each.channel, context.count + suppressed, numbers))

    def store(self) -> None:
        """What the journal does after each step."""
        self.evicted |= {clause.partition("\n")[0] for clause, count in self.state.evicted.items() if count}
        for clause, keys, rows, due in self.state.changes():
            for key, row, due_ns in zip(keys, rows, due, strict=True):
                if row is None:
                    self.journal.pop((clause, key), None)
                else:
                    self.journal[clause, key] = (encode_row(row), due_ns)

    def wait(self, until: int) -> None:
        """Let time pass; each timer fires when it is due."""
        while (due := self.state.next_due()) is not None and due - self.offset <= until:
            self.now = max(self.now, due - self.offset)
            routed = self.router.step(self.state, Timer(self.alerts), self.wall, self.asked())
            assert not routed.faults
            self.record(routed.notifications)
        self.now = until
        self.store()
        for each in self.definitions.values():
            self.wait_for(each, until)

    def wait_for(self, each: Definition, until: int) -> None:
        now = self.waited
        while (due := each.due()) is not None and due <= until:
            now = max(now, due)
            each.wake(now)
        each.pass_wall(until + self.offset)

    @initialize(stepping=st.booleans())
    def choose(self, stepping: bool) -> None:
        self.stepping = stepping

    @rule(events=st.lists(EVENTS, min_size=1, max_size=6))
    def receive(self, events: list[tuple[int, int, int, str]]) -> None:
        """Alerts are received early, late or out of order."""
        for each in events:
            self.event(*each)

    def event(self, gap: int, late: int, key: int, name: str) -> None:
        """An alert is received ``gap`` seconds after what was before, and ``late`` seconds after it occurred."""
        self.pass_time(gap)
        time = self.wall - late * SECOND
        at = time if time <= self.wall + FUTURE else self.wall
        event = Event(len(self.events) + 1, self.now, at, self.keys[key % len(self.keys)], name, when=at - self.offset)
        alert = make_alert(
            time_ns=time, priority=Priority.WARNING, rule=name, source="syscall", hostname="node-1", tags=(),
            output="", fields={"k8s.pod.name": event.key, "evt.num": str(event.number)},
        )  # fmt: skip
        self.events.append(event)
        self.alerts[alert.id], self.numbers[alert.id] = alert, event.number
        routed = self.router.step(self.state, alert, self.wall, self.asked(), self.alerts.get)
        assert not routed.faults
        self.record(
            tuple(each if each.about else structs.replace(each, about=alert.id) for each in routed.notifications)
        )
        self.store()
        for each in self.definitions.values():
            each.receive(replace(event))

    @rule(seconds=st.integers(0, 90) | st.sampled_from((3600, 90_000)))
    def pass_time(self, seconds: int) -> None:
        """Nothing is received for a while."""
        until = self.now + seconds * SECOND
        self.wait(until)
        self.waited = until

    @rule(backwards=st.booleans())
    def restart(self, backwards: bool) -> None:
        """The state is what the journal stores, in any order."""
        rows = sorted(self.journal.items(), reverse=backwards)
        self.state = self.empty()
        for (clause, key), (row, due_ns) in rows:
            self.state.load(clause, key, decode_row(row), due_ns)
        self.router = self.compiled()
        assert self.router.start(self.state, self.wall) == {}
        self.store()

    @rule(name=st.sampled_from(sorted(ROUTES)), further=st.integers(1, len(WINDOWS) - 1))
    def reload(self, name: str, further: int) -> None:
        """One clause has changed: its state is forgotten, the state of all others is not."""
        self.windows[name] = WINDOWS[(WINDOWS.index(self.windows[name]) + further) % len(WINDOWS)]
        before = {clause: dict(table.rows()) for clause, table in self.state.tables.items() if table.entries}
        self.router = self.compiled()
        forgotten = self.router.start(self.state, self.wall)
        changed = {each for each in before if each.startswith(name + "\n") and each != f"{name}\nincident"}
        assert {clause for clause, rows in forgotten.items() if rows} == changed
        for clause in before.keys() - changed:
            assert dict(self.state.tables[clause].rows()) == before[clause]
        self.store()
        old, new = self.definitions[name], self.definition(name)
        new.lines = old.lines
        if isinstance(old, Limited) and isinstance(new, Limited):
            new.incidents = old.incidents
        self.definitions[name] = new

    @precondition(lambda self: self.stepping)
    @rule(by=STEPS)
    def step_clock(self, by: int) -> None:
        """The wall clock is set."""
        self.offset += by
        self.follow(Step(by, self.wall, self.wall))
        self.store()
        for each in self.definitions.values():
            each.step(self.wall)

    @rule()
    def acknowledge(self) -> None:
        """A person acknowledges what is open."""
        limited = self.definitions["limited"]
        assert isinstance(limited, Limited)
        changed, notifications = self.router.acknowledge(self.state, "limited", "alice", self.wall)
        assert notifications == ()
        self.store()
        self.acknowledged(len(changed), limited.acknowledge())

    def acknowledged(self, found: int, expected: int) -> None:
        assert found == expected

    @rule(name=st.sampled_from("ab"))
    def silence(self, name: str) -> None:
        """A silence is added, or expires."""
        self.silences ^= {name}

    @invariant()
    def holds(self) -> None:
        """The same notifications at the same times."""
        for name, each in self.definitions.items():
            if name not in self.evicted:
                compare(self.sent(name), each.lines)
        assert self.keys_per_table < KEYS_PER_TABLE or not self.evicted

    def sent(self, name: str) -> list[Line]:
        """The notifications of a route."""
        channels = {name, "boss"} if name == "limited" else {name}
        return [line for line in self.lines if line.channel in channels]


def compare(found: list[Line], expected: list[Line]) -> None:
    """All that are certain went out, and nothing else than what may."""
    possible = sorted(map(_plain, expected))
    certain = sorted(_plain(each) for each in expected if each.certain)
    lines = sorted(map(_plain, found))
    if certain == possible:
        assert lines == possible
    assert set(certain) <= set(lines) <= set(possible)
    assert len(set(lines)) == len(lines)


def _plain(line: Line) -> tuple[float, str, int, list[int]]:
    return ((line.at - START) / SECOND, line.channel, line.count, tuple(sorted(line.numbers)))
