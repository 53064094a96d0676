"""A courier that takes channels over while the database fails: they work, and what a dead courier had claimed is sent."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest

from bridge.channels.contract import Channel
from bridge.common.clocks.clock import SYSTEM_CLOCK, Timeline
from bridge.common.secret import Secret
from bridge.courier.courier import Courier
from bridge.courier.process.leased_channels import LeasedChannels
from bridge.delivery import Delivery, Outcome
from bridge.journal.errors import JournalBusyError
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import COURIER, Member
from bridge.journal.membership import Membership
from bridge.journal.postgres.appending.alert_log import PostgresAlertLog
from bridge.journal.postgres.connection import PgConnection, connect
from bridge.journal.postgres.database import Database, Statements
from bridge.journal.postgres.leases import PostgresLeases
from bridge.journal.postgres.opening import migrate_database
from bridge.journal.postgres.queue.delivery_queue import PostgresDeliveryQueue
from bridge.journal.sql.bodies import Bodies
from tests.conftest import FULL
from tests.courier.working import DELIVERED, Answering, entry
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

NAMES = ("a", "b")
HOUR_NS = 3600 * 1_000_000_000
LONG = 100.0
"""Seconds: no test takes so long. A lease is shorter than two minutes."""


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    found = DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path_factory.getbasetemp() / schema)
    migrate_database(found, contract=False)
    yield found
    drop_schema(postgres, schema)


class FailingDatabase(Database):
    """Does not answer one of its calls: a read, the beginning of a transaction, or its end."""

    fails_at = -1
    calls = 0
    has_failed = False

    def _next(self) -> None:
        self.calls += 1
        if self.calls - 1 == self.fails_at:
            self.has_failed = True
            raise JournalBusyError("the test")

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        self._next()
        return super()._read(statement, parameters)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Statements]:
        self._next()
        with super().transaction(durable=durable) as statements:
            yield statements
            self._next()


class Sharing:
    """A courier of a fleet, whose thread a test starts."""

    def __init__(self, location: DatabaseLocation, name: str) -> None:
        open_again = partial(connect, location, "test")
        self._sessions = [Database(open_again(), open_again, "db") for _ in range(2)]
        self.database = FailingDatabase(open_again(), open_again, "db")
        self.alerts = PostgresAlertLog(self._sessions[0], Bodies(self._sessions[0]))
        member = Member(name, "b", "h", "1", 1, (COURIER,), LONG)
        self.membership = Membership(PostgresLeases(self._sessions[1], member), member)
        self.membership.join()
        queue = PostgresDeliveryQueue(self.database, Bodies(self.database), name)
        timeline = Timeline(self.membership.clock)
        self.courier = Courier(self.alerts, queue, {}, {}, timeline, lambda: 0.1, idle_seconds=0.05)
        self.courier._ending.wait_for_journal = lambda: True  # type: ignore[method-assign]  # it would wait for a second
        self.channels = {name: Answering(name) for name in NAMES}
        self.open_faults = 0
        """How often channels cannot be opened, as where no descriptor is left."""
        self.leased = LeasedChannels(self.courier, self.membership, {}, self._opened, dict.fromkeys(NAMES, "url"))
        self._thread = threading.Thread(target=self.courier.run, daemon=True)

    def _opened(self, urls: Mapping[str, str]) -> dict[str, Channel]:
        if self.open_faults:
            self.open_faults -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return {name: self.channels[name] for name in urls}

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.courier.finish()
        if self._thread.ident is not None:
            self._thread.join(60)
        assert not self._thread.is_alive()
        self.membership.close()
        for each in (*self._sessions, self.database):
            each.close()


@pytest.fixture
def connection(location: DatabaseLocation) -> Iterator[PgConnection]:
    with closing(connect(location, "test")) as found:
        found.execute("TRUNCATE alerts, deliveries, attempts, leases, members, channels CASCADE")
        found.execute("UPDATE counters SET alerts = 0, deliveries = 0, bytes = 0")
        yield found


@pytest.mark.parametrize("fails_at", range(14) if FULL else (0, 1, 2, 3, 5, 12))
def test_a_take_over_ends_well_wherever_the_database_fails(
    location: DatabaseLocation, connection: PgConnection, fails_at: int
) -> None:
    """Of both channels a dead courier had claimed a delivery, and another one waits."""
    with closing(Sharing(location, "new")) as new:
        new.alerts.append("s", SYSTEM_CLOCK.wall_ns(), [entry("1", *NAMES), entry("2", *NAMES)])
        connection.execute("UPDATE deliveries SET state = 'claimed', due_ns = due_ns * 2 WHERE alert_seq = 1")
        new.database.calls, new.database.fails_at = 0, fails_at
        new.membership.start()
        new.start()
        sent = [[["1"], ["2"]]] * 2
        wait_until(lambda: [sorted(each.sent) for each in new.channels.values()] == sent, "all deliveries")
        wait_until(lambda: new.database.has_failed, "the failure")


@pytest.mark.parametrize("batch_size", [1, 2])
def test_what_is_in_flight_is_not_sent_twice_after_a_crash_of_the_database(
    location: DatabaseLocation, connection: PgConnection, batch_size: int
) -> None:
    """Claims are not made durable, so the crash forgets the latest ones. What has the same key waits for its answer."""
    answered = threading.Event()

    def answer(_sent: Sequence[Delivery]) -> Outcome:
        answered.wait(60)
        return DELIVERED

    with closing(Sharing(location, "new")) as new:
        channel = new.channels["a"] = Answering("a", answer, batch_size)
        new.alerts.append("s", SYSTEM_CLOCK.wall_ns(), [entry("1", "a", ordered=True)])
        new.membership.start()
        new.start()
        wait_until(lambda: channel.sent, "the first delivery")
        connection.execute("UPDATE deliveries SET state = 'pending', due_ns = created_ns")
        new.alerts.append("s", SYSTEM_CLOCK.wall_ns(), [entry("2", "a", ordered=True)])
        states = "SELECT array_agg(state ORDER BY id), min(blocked) FROM deliveries"
        wait_until(
            lambda: connection.execute(states).fetchone() == (["claimed", "pending"], 0), "the claim of the first one"
        )
        answered.set()
        wait_until(lambda: len(channel.sent) > 1, "the second delivery")
        wait_until(lambda: connection.execute(states).fetchone() == (["delivered", "delivered"], 0), "the settlements")
        assert channel.sent == [["1"], ["2"]]


@pytest.mark.usefixtures("connection")
def test_channels_that_could_not_be_opened_are_opened_later(location: DatabaseLocation) -> None:
    """The courier has their leases, so that no other one delivers to them."""
    with closing(Sharing(location, "new")) as new:
        new.alerts.append("s", SYSTEM_CLOCK.wall_ns(), [entry("1", *NAMES)])
        new.open_faults = 1
        with pytest.raises(OSError, match="too many"):
            new.membership.join()
        new.membership.start()
        new.start()
        wait_until(lambda: all(each.sent for each in new.channels.values()), "all deliveries")


@pytest.mark.usefixtures("connection")
def test_a_channel_that_was_never_started_is_given_back(location: DatabaseLocation) -> None:
    """Another courier joins before the first one has begun with its channels."""
    with closing(Sharing(location, "one")) as one:
        one.membership.join()
        with closing(Sharing(location, "two")) as two:
            two.membership.start()
            two.start()
            two.membership.join()
            one.membership.join()
            one.start()
            one.membership.start()

            def has_share() -> bool:
                two.membership.join()
                return len(two.leased._holding.tokens) == 1

            wait_until(has_share, "the share of the other courier")


def test_what_a_dead_courier_did_not_move_when_the_clock_was_set_back_is_due(
    location: DatabaseLocation, connection: PgConnection
) -> None:
    """It was never tried, so no clock makes it wait; a retry is as far ahead as it was."""
    with closing(Sharing(location, "new")) as new:
        now_ns = new.membership.clock.wall_ns()
        new.alerts.append("s", now_ns + HOUR_NS, [entry("1", *NAMES), entry("2", *NAMES)])
        connection.execute("UPDATE deliveries SET attempts = 1 WHERE alert_seq = 2")
        new.membership.start()
        new.start()
        wait_until(lambda: [each.sent for each in new.channels.values()] == [[["1"]]] * 2, "the deliveries")
        later = "SELECT count(*) FROM deliveries WHERE due_ns > %s"  # also of those that are claimed and not settled
        wait_until(
            lambda: connection.execute(later, (now_ns + HOUR_NS // 2,)).fetchone() == (2,),
            "the settlements and retries",
        )
