"""A courier that takes channels over while the database fails: they work, and what a dead courier had claimed is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest

from bridge.channels.contract import Channel
from bridge.common.clock import SYSTEM_CLOCK, Timeline
from bridge.common.secret import Secret
from bridge.courier.courier import Courier
from bridge.courier.leased_channels import LeasedChannels
from bridge.journal.errors import JournalBusyError
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import COURIER, Member
from bridge.journal.membership import Membership
from bridge.journal.postgres.alert_log import PostgresAlertLog
from bridge.journal.postgres.connection import connect
from bridge.journal.postgres.database import Database, Statements
from bridge.journal.postgres.delivery_queue import PostgresDeliveryQueue
from bridge.journal.postgres.leases import PostgresLeases
from bridge.journal.postgres.opening import migrate_database
from bridge.journal.sql.bodies import Bodies
from tests.conftest import FULL
from tests.courier.working import Answering, entry
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

NAMES = ("a", "b")
LONG = 3600.0


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


@pytest.mark.parametrize("fails_at", range(14) if FULL else (0, 1, 2, 3, 5, 12))
def test_a_take_over_ends_well_wherever_the_database_fails(location: DatabaseLocation, fails_at: int) -> None:
    """Of both channels a dead courier had claimed a delivery, and another one waits."""
    with closing(connect(location, "test")) as connection:
        connection.execute("TRUNCATE alerts, deliveries, attempts, leases, members, channels")
        connection.execute("UPDATE counters SET alerts = 0, deliveries = 0, bytes = 0")
        open_again = partial(connect, location, "test")
        sessions = [Database(open_again(), open_again, "db") for _ in range(2)]
        database = FailingDatabase(open_again(), open_again, "db")
        alerts = PostgresAlertLog(sessions[0], Bodies(sessions[0]))
        alerts.append("s", SYSTEM_CLOCK.wall_ns(), [entry("1", *NAMES), entry("2", *NAMES)])
        connection.execute("UPDATE deliveries SET state = 'claimed', due_ns = due_ns * 2 WHERE alert_seq = 1")
        table = PostgresLeases(sessions[1], Member("new", "b", "h", "1", 1, (COURIER,), LONG))
        membership = Membership(table, Member("new", "b", "h", "1", 1, (COURIER,), LONG))
        membership.join()
        membership.start()
        queue = PostgresDeliveryQueue(database, Bodies(database), "new")
        courier = Courier(alerts, queue, {}, {}, Timeline(membership.clock), lambda: 0.1, idle_seconds=0.05)
        courier._wait_for_journal = lambda: True  # type: ignore[method-assign]  # it would wait for a second
        channels = {name: Answering(name) for name in NAMES}

        def opened(urls: Mapping[str, str]) -> dict[str, Channel]:
            return {name: channels[name] for name in urls}

        database.calls, database.fails_at = 0, fails_at
        LeasedChannels(courier, membership, {}, opened, dict.fromkeys(NAMES, "url"))
        thread = threading.Thread(target=courier.run, daemon=True)
        thread.start()
        try:
            wait_until(
                lambda: [sorted(each.sent) for each in channels.values()] == [[["1"], ["2"]]] * 2, "all deliveries"
            )
            wait_until(lambda: database.has_failed, "the failure")
        finally:
            courier.finish()
            thread.join(60)
            membership.close()
            for each in (*sessions, database):
                each.close()
        assert not thread.is_alive()
