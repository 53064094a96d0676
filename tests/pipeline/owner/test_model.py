"""The definitions of the clauses with memory hold for a fleet of three over a real database, whose owners are killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from random import Random
from typing import Any, ClassVar, cast

import msgspec
import pytest

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
from tests.routing.memory.machine import ROUTES, Memory, route

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
    """As Memory, of which a fleet is one implementation. Its routes do not change, and its clock is not set."""

    location: ClassVar[DatabaseLocation]

    def empty(self) -> State:
        program = Program(tuple(route(*each) for each in self.windows.items()), ())
        self.fleet = KilledFleet(self.location, program, Random(0))
        return cast("State", FleetState(self.fleet))

    def compiled(self) -> Router:
        return cast("Router", FleetRouter(self))

    def play(self, chance: Random, actions: int) -> None:
        """Do what the machine's rules do, at random, and check the definitions after each of it."""
        self.fleet.chance.seed(chance.random())
        for _ in range(actions):
            kind = chance.choices(("events", "time", "kill", "acknowledge", "silence"), (10, 4, 2, 1, 1))[0]
            if kind == "events":
                for _ in range(chance.randrange(1, 7)):
                    late = chance.choice((chance.randrange(7), chance.randrange(7), chance.randrange(-40, 31), -100))
                    self.event(chance.randrange(13), late, chance.randrange(10), chance.choice("ab"))
            elif kind == "time":
                self.pass_time(chance.choice((chance.randrange(91), chance.randrange(91), 3600)))
            elif kind == "kill":
                self.fleet.kill(chance.randrange(OWNERS))
                self.fleet.turn()
            elif kind == "acknowledge":
                self.acknowledge()
            else:
                self.silence(chance.choice("ab"))
            self.holds()

    def teardown(self) -> None:
        self.fleet.close()


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100) if FULL else [4])
def test_every_definition_holds_while_owners_are_killed(location: DatabaseLocation, seed: int) -> None:
    """No key is wrong, and every notification is sent once, at its time."""
    FleetMemory.location = location
    machine = FleetMemory()
    try:
        machine.play(Random(seed), 60 if FULL else 16)
        assert machine.fleet.kills
        assert seed != 4 or {each.channel for each in machine.lines} >= set(ROUTES)
    finally:
        machine.teardown()
