"""What a timeout of the database ends is neither counted as stored nor stored twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from bridge.alert.rejected import RejectedMessage
from bridge.common.secret import Secret
from bridge.journal import JournalBusyError
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, COURIER, ROUTER, SOURCE, Member, file_lease
from bridge.journal.opening import open_for_router, open_to_read
from bridge.journal.postgres.connection import connect
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.leases import PostgresLeases
from bridge.journal.postgres.opening import migrate_database
from bridge.journal.postgres.queue.delivery_queue import PostgresDeliveryQueue
from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql.bodies import Bodies
from tests.support.builders import entries
from tests.support.postgres import drop_schema, in_schema, new_schema, new_server
from tests.support.waiting import wait_until

NO_STANDBY = {"wal_level": "replica", "max_wal_senders": "2", "synchronous_standby_names": "gone"}
MEMBER = Member("one", "bridge", "host", "1.0", 1, (ROUTER, COURIER), 60.0)


@pytest.fixture(scope="module")
def waiting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server whose commits wait for a standby that does not come."""
    server = new_server()
    server.create(NO_STANDBY)
    local = f"{server.url}&options={quote('-c search_path=j -c synchronous_commit=local', safe='')}"
    migrate_database(DatabaseLocation(Secret(local), tmp_path_factory.getbasetemp() / "local"), contract=False)
    yield in_schema(server.url, "j")
    server.remove()


@pytest.fixture
def location(waiting_server: str, tmp_path: Path) -> DatabaseLocation:
    return DatabaseLocation(Secret(waiting_server), tmp_path / "local")


class Commit:
    """A call whose COMMIT waits for the standby, in a thread."""

    def __init__(self, url: str, name: str, work: Callable[[], object]) -> None:
        self._url, self._name = url, name
        self._thread = threading.Thread(target=work)
        self._thread.start()

    def waits(self) -> bool:
        """Whether it waits for the standby once it has ended or waits."""
        found: list[object] = []

        def is_decided() -> bool:
            with closing(psycopg.connect(self._url, autocommit=True)) as connection:
                found[:] = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE %s",
                    (f"falco-bridge {self._name} %",),
                ).fetchall()
            return bool(found) or not self._thread.is_alive()

        wait_until(is_decided, "the COMMIT")
        return bool(found)

    def goes_on_for(self, seconds: float) -> bool:
        """Whether it has not ended after that time."""
        self._thread.join(seconds)
        return self._thread.is_alive()

    def end(self) -> None:
        """The server's operator ends the wait."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        self._thread.join(60)
        assert not self._thread.is_alive()


@contextmanager
def committing(url: str, name: str, work: Callable[[], object]) -> Iterator[Commit]:
    commit = Commit(url, name, work)
    try:
        yield commit
    finally:
        commit.end()


def test_a_commit_that_waits_for_its_standby_is_not_ended_by_a_timeout(location: DatabaseLocation) -> None:
    """An operator who cancels it gets the answer that it is made, although no standby has it; a timeout must not."""
    settings = "; SET statement_timeout = 200"
    with closing(Database(connect(location, "timed", settings=settings), partial(connect, location, "x"), "db")) as db:

        def change() -> None:
            with db.transaction() as statements:
                statements.execute("UPDATE counters SET bytes = 1")

        with committing(location.current_url(), "timed", change) as commit:
            assert commit.waits()
            assert commit.goes_on_for(1.0)


def test_what_a_member_registers_once_survives_a_failover(location: DatabaseLocation) -> None:
    """It does not repeat the names of what can be leased; so the standby must have them."""
    settings = "; SET synchronous_commit = off"
    with closing(connect(location, "lease", settings=settings)) as connection:
        leases = PostgresLeases(Database(connection, partial(connect, location, "lease"), "db"), MEMBER)
        leases.join()
        with committing(location.current_url(), "lease", lambda: leases.take(CHANNEL, COURIER, ["a"])) as commit:
            assert commit.waits()


def test_what_was_put_back_survives_a_failover(location: DatabaseLocation) -> None:
    """The courier has it no more; a standby that shows it as claimed would keep it for ever."""
    with closing(connect(location, "test", settings="; SET synchronous_commit = local")) as connection:
        connection.execute(
            "INSERT INTO deliveries (id, alert_seq, channel, notification, state, due_ns, created_ns) "
            "VALUES (1, 1, 'a', '', 'claimed', 0, 0)"
        )
    database = Database(connect(location, "queue"), partial(connect, location, "queue"), "db")
    with closing(database):
        queue = PostgresDeliveryQueue(database, Bodies(database))
        with committing(location.current_url(), "queue", lambda: queue.put_back([1], 0)) as commit:
            assert commit.waits()


def test_a_session_that_ended_before_its_commit_has_stored_nothing(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bridge was frozen in a transaction. It stores the batch again, once."""
    schema = new_schema()
    location = DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path / "local")
    with closing(open_for_router(location, None, MEMBER)) as journal, closing(connect(location, "test")) as observer:
        journal.alerts.append("falco", 0, entries(1))
        commit = Database._commit

        def frozen(database: Database) -> None:
            monkeypatch.setattr(Database, "_commit", commit)
            number = database._connection.info.backend_pid
            is_there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: observer.execute(is_there, (number,)).fetchone() == (0,), "the end of the session")
            commit(database)

        session = journal.alerts._database._connection  # type: ignore[attr-defined]
        session.execute("SET idle_in_transaction_session_timeout = 100")
        monkeypatch.setattr(Database, "_commit", frozen)
        batch = entries(2, 3)
        with pytest.raises(JournalBusyError):
            journal.alerts.append("falco", 0, batch)
        assert journal.history.alert_count() == 1
        assert journal.alerts.append("falco", 0, batch) == 2
        with closing(open_to_read(location)) as reader:
            assert reader.history.alert_count() == 3
            assert len(list(reader.history.deliveries())) == 3
    drop_schema(postgres, schema)


def test_a_frozen_intake_holds_others_up_until_its_session_ends(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has taken numbers for its alerts. Others append and remove meanwhile; it stores its batch once it is back."""
    schema = new_schema()
    url = Secret(in_schema(postgres, schema))
    thawed = threading.Event()
    commit = Database._commit
    members = [Member(name, name, "host", "1.0", 1, (ROUTER,), 60.0) for name in ("one", "two")]
    with (
        closing(open_for_router(DatabaseLocation(url, tmp_path / "one"), None, members[0])) as one,
        closing(open_for_router(DatabaseLocation(url, tmp_path / "two"), None, members[1])) as two,
    ):
        two.alerts.append("falco", 0, entries(1, 2))
        two.alerts._database._connection.execute("DELETE FROM deliveries")  # type: ignore[attr-defined]
        batch = entries(3, 4)
        errors: list[JournalBusyError] = []

        def append() -> None:
            try:
                one.alerts.append("falco", 0, batch)
            except JournalBusyError as error:
                errors.append(error)
                one.alerts.append("falco", 0, batch)

        def freeze(database: Database) -> None:
            if threading.current_thread() is frozen and not thawed.is_set():
                reached.set()
                assert thawed.wait(120)
            commit(database)

        frozen, reached = threading.Thread(target=append), threading.Event()
        one.alerts._database._connection.execute("SET idle_in_transaction_session_timeout = 300")  # type: ignore[attr-defined]
        monkeypatch.setattr(Database, "_commit", freeze)
        frozen.start()
        wait_until(reached.is_set, "the frozen one to have numbers")
        assert two.alerts.append("falco", 0, entries(5)) == 1
        two.maintenance.step(RetentionPolicy(size=1), 10**18)
        assert [each.alert.time_ns for each in two.history.alerts()] == [5]
        thawed.set()
        frozen.join(60)
        assert not frozen.is_alive()
        assert len(errors) == 1
        assert [(each.number, each.alert.time_ns) for each in two.history.alerts()] == [(3, 5), (4, 3), (5, 4)]
    drop_schema(postgres, schema)


def test_a_frozen_reader_of_files_does_not_move_the_checkpoint_back(postgres: str, tmp_path: Path) -> None:
    """Another bridge has read on. What the first one had read is stored once, also what was rejected."""
    schema = new_schema()
    url = Secret(in_schema(postgres, schema))
    members = [Member(name, name, "host", "1.0", 1, (ROUTER,), 60.0) for name in ("one", "two")]
    rejected = [RejectedMessage("no JSON", b"?")]
    with (
        closing(open_for_router(DatabaseLocation(url, tmp_path / "one"), None, members[0])) as one,
        closing(open_for_router(DatabaseLocation(url, tmp_path / "two"), None, members[1])) as two,
        closing(connect(DatabaseLocation(url, tmp_path / "test"), "test")) as connection,
    ):
        connection.execute("INSERT INTO leases VALUES (%s, %s, 'one', 1)", (SOURCE, file_lease("audit")))
        assert one.alerts.append("audit", 0, entries(1), (), {"a.log": "10"}) == 1
        connection.execute("UPDATE leases SET member = 'two', token = 2")
        assert two.alerts.append("audit", 0, entries(2, 3), rejected, {"a.log": "40"}) == 2
        assert one.alerts.append("audit", 0, entries(2), rejected, {"a.log": "20"}) == 0
        assert two.alerts.checkpoint("audit") == {"a.log": "40"}
        assert two.history.alert_count() == 3
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)
        assert one.alerts.append("other", 0, (), (), {"b.log": "7"}) == 0
        assert two.alerts.checkpoint("other") == {"b.log": "7"}
    drop_schema(postgres, schema)
