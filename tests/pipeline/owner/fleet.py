"""A router and several owners over one database, each step of which a test decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from bridge.alert import Alert
from bridge.common.secret import Secret
from bridge.delivery import Capacity, Delivery
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, PARTITION
from bridge.journal.opening import open_for_router
from bridge.journal.postgres.connection import connect
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.opening import migrate_database
from bridge.journal.postgres.partitions.store import PostgresPartitions
from bridge.journal.postgres.queue.delivery_queue import PostgresDeliveryQueue
from bridge.journal.sql.bodies import Bodies
from bridge.language.program.program import Program
from bridge.pipeline.counts import OwnerCounts
from bridge.pipeline.owner.owner import Owner
from bridge.routing.decision import Fault
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES
from bridge.routing.state import State
from tests.routing.memory.harness import SECOND, SECRET, START
from tests.support.builders import settlement
from tests.support.postgres import drop_schema, in_schema, new_schema

COUNT = 4
TABLES = (
    "alerts, deliveries, attempts, leases, members, partitions, matches, partition_state, requests, state, state_log"
)


@contextmanager
def migrated(postgres: str, folder: Path) -> Iterator[DatabaseLocation]:
    """A journal for the tests of a module."""
    schema = new_schema()
    location = DatabaseLocation(Secret(in_schema(postgres, schema)), folder / schema)
    migrate_database(location, contract=False)
    yield location
    drop_schema(postgres, schema)


class SetClock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = START
        self.set_by = 0

    def wall_ns(self) -> int:
        return self.now + self.set_by

    def monotonic_ns(self) -> int:
        return self.now


class SetLeases:
    """What an owner believes to have; the database may know better."""

    def __init__(self) -> None:
        self.tokens: Mapping[str, int] = {}
        self.surplus: frozenset[str] = frozenset()
        self.given_up: list[str] = []

    def give_up(self, names: Collection[str]) -> None:
        self.given_up += names


class Fleet:
    """The journal, one router and the owners."""

    def __init__(
        self, location: DatabaseLocation, program: Program, owners: int = 2,
        incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS,
    ) -> None:  # fmt: skip
        self.location = location
        self.connection = connect(location, "test")
        self.connection.execute(f"TRUNCATE {TABLES} CASCADE")
        self.connection.execute("UPDATE counters SET alerts = 0, deliveries = 0, bytes = 0")
        self.connection.execute("UPDATE clock SET steps_ns = 0; DELETE FROM partition_clocks")
        for number in range(COUNT):
            self.connection.execute("INSERT INTO leases (kind, name) VALUES (%s, %s)", (PARTITION, str(number)))
        self.clock = SetClock()
        self.silences = NO_SILENCES
        self.faults: list[Fault] = []
        self.journal = open_for_router(location)
        self.channels = incident_channels
        self.router = self.made(program)
        self.leases = [SetLeases() for _ in range(owners)]
        self.owners = [self.owner(at, program) for at in range(owners)]
        self.has = dict.fromkeys(range(COUNT), -1)
        for number in range(COUNT):
            self.move(number, number % owners)
        self.turn()

    def close(self) -> None:
        for each in self.owners:
            each._partitions.close()
        self.journal.close()
        self.connection.close()

    def made(self, program: Program) -> Router:
        router = Router(program, {}, secret=SECRET, incident_channels=self.channels)
        router.share(COUNT)
        return router

    def store(self, at: int) -> PostgresPartitions:
        open_again = partial(connect, self.location, "test")
        return PostgresPartitions(Database(open_again(), open_again, "db"), f"member-{at}")

    def owner(self, at: int, program: Program) -> Owner:
        while len(self.leases) <= at:
            self.leases.append(SetLeases())
        return Owner(
            self.store(at), self.leases[at], self.made(program), self.clock, silences=lambda: self.silences,
            on_deliveries=lambda: None, on_faults=self.faults.extend, counts=OwnerCounts(), looks_back=False,
        )  # fmt: skip

    def move(self, number: int, to: int, *, noticed: bool = True) -> None:
        """Another owner takes the partition over. The one that had it may not have noticed yet."""
        found = self.connection.execute(
            "UPDATE leases SET member = %s, token = token + 1 WHERE kind = %s AND name = %s RETURNING token",
            (f"member-{to}", PARTITION, str(number)),
        ).fetchone()
        assert found is not None
        before = self.has[number]
        if noticed and before >= 0:
            self.notice(before, number)
        while len(self.leases) <= to:
            self.leases.append(SetLeases())
        self.leases[to].tokens = {**self.leases[to].tokens, str(number): int(str(found[0]))}
        self.has[number] = to

    def notice(self, owner: int, number: int) -> None:
        """An owner learns that it does not have the partition."""
        self.leases[owner].tokens = {
            name: token for name, token in self.leases[owner].tokens.items() if name != str(number)
        }

    def receive(self, alert: Alert, at_ns: int) -> None:
        """An alert is received, and nothing else happens."""
        self.clock.now = at_ns
        entry = self.router.route(State(), alert, at_ns, self.silences)
        self.journal.alerts.append("test", at_ns, [entry])

    def receive_all(self, alerts: Sequence[Alert]) -> None:
        """Alerts are received at once."""
        entries = [self.router.route(State(), each, self.clock.now, self.silences) for each in alerts]
        self.journal.alerts.append("test", self.clock.now, entries)

    def end_sessions(self) -> None:
        """The owners lose their connections."""
        for each in self.owners:
            each._partitions._database._connection.close()  # type: ignore[attr-defined]

    def turn(self) -> None:
        """All owners decide about all that waits."""
        for each in self.owners:
            while each.turn():
                pass

    def next_due(self) -> int | None:
        """When the first timer of a partition fires at the one that has it."""
        found = [part.state.next_due() for at, each in enumerate(self.owners) for part in each._owned.values()
                 if self.has[part.number] == at]  # fmt: skip
        return min((due for due in found if due is not None), default=None)

    def pass_until(self, until_ns: int) -> None:
        """Let time pass. Each timer fires when it is due."""
        while (due := self.next_due()) is not None and due <= until_ns:
            self.clock.now = max(self.clock.now, due)
            self.turn()
        self.clock.now = until_ns


class Courier:
    """One that has the leases of these channels."""

    def __init__(self, fleet: Fleet, channels: Collection[str]) -> None:
        self._clock = fleet.clock
        self._room = {name: Capacity(9) for name in channels}
        for name in channels:
            fleet.connection.execute("INSERT INTO leases VALUES (%s, %s, 'courier', 1)", (CHANNEL, name))
        open_again = partial(connect, fleet.location, "test")
        self.database = Database(open_again(), open_again, "db")
        self.queue = PostgresDeliveryQueue(self.database, Bodies(self.database), "courier")
        self.queue.own_channels(dict.fromkeys(channels, 1), fleet.clock.now)

    def claim(self) -> list[Delivery]:
        return [each for send in self.queue.claim(self._clock.now, 3600 * SECOND, self._room) for each in send]

    def settle(self, delivery: Delivery) -> None:
        self.queue.settle([settlement(delivery.id)])

    def close(self) -> None:
        self.database.close()


@contextmanager
def fleet_of(
    location: DatabaseLocation, program: Program, owners: int = 2,
    incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS,
) -> Iterator[Fleet]:  # fmt: skip
    """A fleet over an empty journal."""
    with closing(Fleet(location, program, owners, incident_channels)) as fleet:
        yield fleet
