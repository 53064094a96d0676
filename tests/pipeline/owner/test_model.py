"""The definitions of the clauses with memory hold for a fleet of three over a real database, whose owners are killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from random import Random
from typing import Any, ClassVar, cast

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from bridge.alert import Alert
from bridge.journal.codec import decode_notification
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_requests
from bridge.language.program.program import Program
from bridge.pipeline.owner.requests import Request, RequestKind, decode_answer, encode
from bridge.routing import Notification, Routed
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences, StoredAlert, none_stored
from bridge.routing.state import Change, State, Timer
from tests.conftest import FULL
from tests.pipeline.owner.fleet import COUNT, migrated
from tests.pipeline.owner.killed import OWNERS, KilledFleet
from tests.routing.memory.machine import SIZE, Memory, route

_NEW = (
    "SELECT d.id, d.channel, d.notification, a.id FROM deliveries AS d JOIN alerts AS a ON a.seq = d.alert_seq "
    "WHERE d.id > %s ORDER BY d.id"
)


class FleetState:
    """What the machine asks of a state. The owners and the database have it."""

    tables: ClassVar[Mapping[str, Any]] = {}
    evicted: ClassVar[Mapping[str, int]] = {}

    def __init__(self, fleet: KilledFleet) -> None:
        self._fleet = fleet

    def next_due(self) -> int | None:
        return self._fleet.next_due()

    def changes(self) -> Iterator[Change]:
        return iter(())


class FleetRouter:
    """Has the fleet decide."""

    def __init__(self, machine: FleetMemory) -> None:
        self._machine = machine
        self._last_id = 0

    def start(self, _state: State, _now_ns: int) -> dict[str, int]:
        return {}

    def step(
        self, _state: State, cause: Alert | Timer, now_ns: int, silences: Silences = NO_SILENCES,
        _stored: StoredAlert = none_stored,
    ) -> Routed:  # fmt: skip
        fleet = self._machine.fleet
        fleet.silences = silences
        fleet.clock.now = now_ns
        if isinstance(cause, Alert):
            fleet.receive(cause, now_ns)
        fleet.turn()
        return Routed((), tuple(self._new()), tuple(fleet.faults))

    def acknowledge(
        self, _state: State, target: str, actor: str, now_ns: int
    ) -> tuple[list[str], tuple[Notification, ...]]:
        fleet = self._machine.fleet
        fleet.clock.now = now_ns
        with closing(open_requests(fleet.location)) as requests:
            ids = requests.ask(range(COUNT), encode(Request(RequestKind.ACKNOWLEDGE, target, actor)))
            fleet.turn()
            answers = requests.answers(ids)
            requests.withdraw(ids)
        return [each for answer in answers.values() for each in decode_answer(answer).incidents], tuple(self._new())

    def _new(self) -> Iterator[Notification]:
        """What was stored since the last call, with the alert that it is about."""
        for number, channel, body, alert_id in self._machine.fleet.connection.execute(_NEW, (self._last_id,)):
            self._last_id = int(str(number))
            found = decode_notification(str(channel), bytes(cast("bytes", body)))
            yield msgspec.structs.replace(found, about=bytes(cast("bytes", alert_id)).hex())


class FleetMemory(Memory):
    """As Memory, of which a fleet is one implementation. It is not reloaded, and its clock is not set."""

    location: ClassVar[DatabaseLocation]
    keys = ("p", "q", "r", "s")
    reload = step_clock = None  # type: ignore[assignment]

    def empty(self) -> State:
        if not hasattr(self, "fleet"):
            program = Program(tuple(route(*each) for each in self.windows.items()), ())
            self.fleet = KilledFleet(self.location, program, Random(0))
        return cast("State", FleetState(self.fleet))

    def compiled(self) -> Router:
        return cast("Router", FleetRouter(self))

    @initialize(seed=st.integers(0, 1 << 30))
    def choose(self, seed: int) -> None:
        self.fleet.chance.seed(seed)

    @rule(at=st.integers(0, OWNERS - 1))
    def restart(self, at: int) -> None:
        """An owner is killed between two turns."""
        self.fleet.kill(at)
        self.fleet.turn()

    def teardown(self) -> None:
        self.fleet.close()


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


@pytest.mark.timeout(14_400 if FULL else 600)
def test_every_definition_holds_while_owners_are_killed(location: DatabaseLocation) -> None:
    """No key is wrong, and every notification is sent once, at its time."""
    FleetMemory.location = location
    size = settings(SIZE, max_examples=200, stateful_step_count=40) if FULL else settings(
        SIZE, max_examples=2, stateful_step_count=12
    )  # fmt: skip
    run_state_machine_as_test(FleetMemory, settings=size)
