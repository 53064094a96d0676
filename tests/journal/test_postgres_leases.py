"""Members of a fleet share what there is by leases, and a member that was taken for dead writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import cast

import pytest
from structlog.testing import capture_logs

from bridge.common.clocks.clock import SystemClock
from bridge.common.secret import Secret
from bridge.delivery import Capacity, DeliveryState, Health
from bridge.journal.errors import JournalBusyError, JournalError, LeaseLostError
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import CHANNEL, COURIER, DUTY, MEMORY, ROUTER, Member
from bridge.journal.membership import Membership
from bridge.journal.opening import open_for_courier, open_for_router, open_partitions, open_to_read
from bridge.journal.postgres.appending.alert_log import PostgresAlertLog
from bridge.journal.postgres.connection import connect, settings_of_member
from bridge.journal.postgres.database import Database
from bridge.journal.postgres.leases import PostgresLeases, fence, held
from bridge.journal.postgres.opening import migrate_database
from bridge.journal.postgres.partitions.store import PostgresPartitions
from tests.support.builders import entries, settlement
from tests.support.postgres import drop_schema, in_schema, new_schema
from tests.support.waiting import wait_until

LONG = 100.0
"""Seconds: no test takes so long. A lease is shorter than two minutes."""
NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def migrated(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    schema = new_schema()
    location = DatabaseLocation(Secret(in_schema(postgres, schema)), tmp_path_factory.getbasetemp() / schema)
    migrate_database(location, contract=False)
    yield location
    drop_schema(postgres, schema)


@pytest.fixture
def location(migrated: DatabaseLocation) -> DatabaseLocation:
    with closing(connect(migrated, "test")) as connection:
        connection.execute("DELETE FROM leases; DELETE FROM members; DELETE FROM deliveries; DELETE FROM alerts")
    return migrated


@pytest.fixture
def table(location: DatabaseLocation) -> Iterator[Callable[..., PostgresLeases]]:
    """Makes members that have joined."""
    opened: list[PostgresLeases] = []

    def join(name: str, lease_seconds: float = LONG, roles: tuple[str, ...] = (COURIER,)) -> PostgresLeases:
        settings = settings_of_member(lease_seconds)
        database = Database(
            connect(location, "lease", settings=settings), partial(connect, location, "lease", settings=settings), "db"
        )
        opened.append(PostgresLeases(database, member(name, lease_seconds, roles)))
        opened[-1].join()
        return opened[-1]

    yield join
    for each in opened:
        each.close()


def member(name: str, lease_seconds: float = LONG, roles: tuple[str, ...] = (COURIER,)) -> Member:
    return Member(name, f"bridge-{name}", "host", "1.0", 1, roles, lease_seconds)


@contextmanager
def database(location: DatabaseLocation) -> Iterator[Database]:
    with closing(Database(connect(location, "test"), partial(connect, location, "test"), "db")) as opened:
        yield opened


def die(location: DatabaseLocation, name: str) -> None:
    """The member's last beat was long ago."""
    with closing(connect(location, "test")) as connection:
        connection.execute("UPDATE members SET expires = clock_timestamp() WHERE id = %s", (name,))


def test_members_have_fair_shares(table: Callable[..., PostgresLeases]) -> None:
    """Each takes what is free up to its share; one that has joined gets what another one gives up."""
    one = table("one")
    assert one.take(CHANNEL, COURIER, NAMES).tokens == dict.fromkeys(NAMES, 1)
    two = table("two")
    assert two.take(CHANNEL, COURIER, NAMES).tokens == {}
    assert one.take(CHANNEL, COURIER, NAMES).share == 2
    one.give_up(CHANNEL, ["a", "b"])
    assert two.take(CHANNEL, COURIER, NAMES).tokens == {"a": 3, "b": 3}
    assert one.take(CHANNEL, COURIER, NAMES).tokens == {"c": 1, "d": 1}
    table("other role", roles=(ROUTER,))
    assert one.take(CHANNEL, COURIER, NAMES).share == 2
    assert one.take(CHANNEL, COURIER, NAMES).has_others
    two.leave()
    assert not one.take(CHANNEL, COURIER, NAMES).has_others


def test_what_a_dead_member_had_is_taken_over(table: Callable[..., PostgresLeases], location: DatabaseLocation) -> None:
    """With a new token. One that has left has nothing at once."""
    one, two = table("one"), table("two")
    assert len(one.take(CHANNEL, COURIER, NAMES).tokens) == 4
    die(location, "one")
    assert two.left(CHANNEL, NAMES) == list(NAMES)
    assert two.take(CHANNEL, COURIER, NAMES).tokens == dict.fromkeys(NAMES, 2)
    one.beat()
    assert one.take(CHANNEL, COURIER, NAMES).tokens == {}
    two.leave()
    assert one.take(CHANNEL, COURIER, NAMES).tokens == dict.fromkeys(NAMES, 4)
    with closing(open_to_read(location)) as journal:
        assert [(each.id, each.is_alive, each.has_left) for each in journal.members()] == [
            ("one", True, False), ("two", False, True),
        ]  # fmt: skip


def test_a_member_that_was_taken_for_dead_writes_nothing(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """Its transaction is rolled back. What it still has, it may use, however late it is."""
    one = table("one")
    tokens = one.take(CHANNEL, COURIER, NAMES).tokens
    die(location, "one")
    with database(location) as writer:
        with writer.transaction() as statements:
            fence(statements, CHANNEL, tokens, "one")
        table("two").take(CHANNEL, COURIER, ["b"])
        with (  # noqa: PT012  # one transaction
            pytest.raises(LeaseLostError, match="taken over channel b") as caught,
            writer.transaction() as statements,
        ):
            statements.execute("UPDATE counters SET bytes = -1")
            fence(statements, CHANNEL, tokens, "one")
        assert caught.value.names == {"b"}
        assert writer.number("SELECT bytes FROM counters") != -1
        with writer.transaction() as statements:
            assert held(statements, CHANNEL, tokens, "one") == {"a", "c", "d"}
            assert held(statements, CHANNEL, {}, "one") == frozenset()


def test_what_a_transaction_depends_on_is_not_taken_over_before_it_ends(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """No other member waits: it is skipped meanwhile, and its member renews its lease beside the transaction."""
    one, two = table("one"), table("two")
    tokens = one.take(CHANNEL, COURIER, ["a"]).tokens
    with database(location) as writer:
        with writer.transaction() as statements:
            fence(statements, CHANNEL, tokens, "one")
            one.beat()
            die(location, "one")
            assert two.take(CHANNEL, COURIER, ["a"]).tokens == {}
        assert two.take(CHANNEL, COURIER, ["a"]).tokens == {"a": 2}


def test_a_member_that_is_frozen_in_a_transaction_blocks_others_only_for_a_short_time(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """The database ends its session. Its call may be repeated, and is refused then."""
    one, two = table("one"), table("two")
    tokens = one.take(CHANNEL, COURIER, ["a"]).tokens
    settings = "; SET idle_in_transaction_session_timeout = 100"
    frozen = Database(connect(location, "test", settings=settings), partial(connect, location, "test"), "db")
    with pytest.raises(JournalBusyError), frozen.transaction() as statements:  # noqa: PT012  # one transaction
        fence(statements, CHANNEL, tokens, "one")
        die(location, "one")
        wait_until(lambda: two.take(CHANNEL, COURIER, ["a"]).tokens == {"a": 2}, "the take-over")
        statements.execute("UPDATE counters SET bytes = -1")
    with closing(frozen), pytest.raises(LeaseLostError), frozen.transaction() as statements:
        fence(statements, CHANNEL, tokens, "one")


def test_a_member_that_was_forgotten_joins_again(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """A machine that slept for days. Members that vanished long ago are not listed."""
    one = table("one")
    with closing(connect(location, "test")) as connection:
        connection.execute("UPDATE members SET expires = clock_timestamp() - interval '2 hours'")
    two = table("two")
    two.take(DUTY, COURIER, ["sweep"])
    two.note(loaded="digest", active=None, info={"lag": 3})
    with closing(open_to_read(location)) as journal:
        (found,) = journal.members()
    assert (found.id, found.is_alive, found.loaded, found.active) == ("two", True, "digest", "")
    assert (found.info, found.leases) == ({"lag": 3}, {DUTY: ("sweep",)})
    assert one.beat() > 0
    with closing(open_to_read(location)) as journal:
        assert [each.id for each in journal.members()] == ["two", "one"]


def test_a_host_may_have_any_name(location: DatabaseLocation) -> None:
    """It is a part of the member's id."""
    with closing(open_for_router(location, None, member("o'brien", roles=(ROUTER,)))) as journal:
        assert journal.alerts.append("falco", 0, entries(1)) == 1


@pytest.mark.parametrize("has_sessions", [True, False])
def test_a_member_that_was_forgotten_stores_again(location: DatabaseLocation, *, has_sessions: bool) -> None:
    """A machine that was cut off for hours, while another bridge started; its intake and its owner write."""
    one = member("one", roles=(ROUTER, MEMORY))
    with closing(open_for_router(location, None, one)) as journal, closing(open_partitions(location, one)) as store:
        parts = cast("PostgresPartitions", store)
        assert parts.number(4) == 4
        with database(location) as other, other.transaction() as statements:
            statements.execute("UPDATE members SET expires = clock_timestamp() - interval '2 hours'")
        two = member("two")
        with closing(open_for_courier(location, two)), database(location) as other:
            assert other.rows(str, "SELECT role FROM owners") == ["courier two"]
        assert journal.membership is not None
        journal.membership.join()
        if not has_sessions:
            for each in (parts._database, cast("PostgresAlertLog", journal.alerts)._database):
                each._connection.close()
        assert journal.alerts.append("falco", 0, entries(1)) == 1
        assert parts.number(4) == 4


def lose(location: DatabaseLocation, statements: str) -> None:
    with closing(connect(location, "test")) as connection:
        connection.execute(statements)


@pytest.mark.parametrize("event", ["session", "failover", "forgotten"])
def test_what_a_member_shows_is_stored_although_it_was_lost(
    table: Callable[..., PostgresLeases], location: DatabaseLocation, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """Once only, and others wait until they see it: a reload would never be used."""
    leases = table("one")
    one = Membership(leases, member("one"))
    one.join()
    one.note(loaded="digest", reload="wrong")
    if event == "session":
        begin = Database._begin

        def ends(opened: Database, *, durable: bool) -> None:
            begin(opened, durable=durable)
            lose(location, f"SELECT pg_terminate_backend({opened._connection.info.backend_pid}, 10000)")

        monkeypatch.setattr(Database, "_begin", ends)
        with pytest.raises(JournalBusyError):
            one._beat()
        monkeypatch.undo()
    else:
        one._beat()
        gone = "DELETE FROM members" if event == "forgotten" else "UPDATE members SET loaded = '', info = '{}'"
        lose(location, gone)
        if event == "failover":
            leases._database._connection.close()
    one._beat()
    with closing(open_to_read(location)) as journal:
        (found,) = journal.members()
    assert (found.loaded, found.info) == ("digest", {"reload": "wrong"})
    one.close()


def test_a_member_shows_what_the_database_cannot_store(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """A route file with a NUL, whose name is not UTF-8."""
    one = Membership(table("one"), member("one"))
    one.join()
    one.note(loaded="digest", reload="found `\0` in \udcff.route")
    one._beat()
    with closing(open_to_read(location)) as journal:
        (found,) = journal.members()
    assert (found.loaded, found.info) == ("digest", {"reload": "found `\ufffd` in ?.route"})
    one.close()


def test_a_machine_whose_clock_is_wrong_is_shown(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """By the clock of the database; one that agrees is not."""
    ahead = 300 * 1_000_000_000

    class Ahead(SystemClock):
        def wall_ns(self) -> int:
            return super().wall_ns() + ahead

    Membership(table("one"), member("one"), Ahead()).join()
    Membership(table("two"), member("two")).join()
    with closing(open_to_read(location)) as journal:
        one, two = journal.members()
    assert one.info["clock_ahead"] == pytest.approx(300, abs=5)
    assert two.info == {}


def test_a_membership_takes_gives_up_and_leaves(table: Callable[..., PostgresLeases]) -> None:
    """What it has to finish first is given up when it says so; when it leaves, others have everything at once."""
    changes: list[str] = []
    first = Membership(table("one", 1.0), member("one", 1.0))
    channels = first.hold(CHANNEL, COURIER, lambda: NAMES, lambda: changes.append("first"))
    first.join()
    first.start()
    wait_until(lambda: len(channels.tokens) == 4 and channels.has("a"), "the first member")
    second = Membership(table("two", 1.0), member("two", 1.0))
    others = second.hold(CHANNEL, COURIER, lambda: NAMES, hands_over=True)
    second.join()
    second.start()
    wait_until(lambda: len(channels.surplus) == 2, "the surplus")
    given, changes[:] = channels.surplus, []
    channels.give_up(given)
    wait_until(lambda: others.tokens.keys() == given, "the second member")
    wait_until(lambda: channels.surplus == frozenset(), "no surplus")
    assert len(channels.tokens) == 2
    assert changes
    first.close()
    assert channels.tokens == {}
    assert not channels.has("c")
    wait_until(lambda: len(others.tokens) == 4, "everything")
    second.close()


def test_what_was_given_up_is_given_up_again_where_a_failover_lost_it(
    table: Callable[..., PostgresLeases], location: DatabaseLocation
) -> None:
    """The database shows the lease with the token of before. Its owner has finished with it."""
    one = Membership(table("one"), member("one"))
    channels = one.hold(CHANNEL, COURIER, lambda: NAMES)
    one.join()
    table("two").take(CHANNEL, COURIER, NAMES)
    one.join()
    given = sorted(channels.surplus)
    channels.give_up(given)
    one.join()
    assert len(channels.tokens) == 2
    with closing(connect(location, "test")) as connection:
        connection.execute("UPDATE leases SET member = 'one', token = token - 1 WHERE name = ANY(%s)", (given,))
    one.join()
    one.join()
    assert len(channels.tokens) == 2
    one.close()


def test_an_error_ends_neither_the_beats_nor_what_follows_from_a_change(table: Callable[..., PostgresLeases]) -> None:
    """A fault in what wants or follows leases is logged. The member stays alive, and the change is reported again."""
    one = Membership(table("one", 1.0), member("one", 1.0))
    faults = ["names", "change"]
    known: list[frozenset[str]] = []

    def names() -> tuple[str, ...]:
        if threading.current_thread() is one._thread and "names" in faults:
            faults.remove("names")
            raise RuntimeError("in the test")
        return NAMES

    def follow() -> None:
        if threading.current_thread() is one._thread and "change" in faults:
            faults.remove("change")
            raise RuntimeError("in the test")
        known.append(frozenset(channels.tokens))

    with capture_logs() as logs:
        one.join()
        channels = one.hold(CHANNEL, COURIER, names, follow)
        one.start()
        wait_until(lambda: known, "the change to be reported")
    assert known[0] == frozenset(NAMES)
    assert not faults
    assert [each["event"] for each in logs] == ["lease not renewed after an internal error"] * 2
    assert channels.has("a")
    one.close()


def test_what_others_do_not_take_is_taken_beyond_the_share(table: Callable[..., PostgresLeases]) -> None:
    """Another member may not know a name. It is not given up again and again."""
    one = Membership(table("one"), member("one"))
    table("two").take(CHANNEL, COURIER, ["another"])
    channels = one.hold(CHANNEL, COURIER, lambda: NAMES)
    for _ in range(8):
        one.join()
    assert len(channels.tokens) == 4
    assert channels.surplus == frozenset()
    one.close()


def test_a_duty_is_done_by_one(table: Callable[..., PostgresLeases]) -> None:
    """Another member does it once that one has left."""
    members = [Membership(table(name, roles=(ROUTER,)), member(name, roles=(ROUTER,))) for name in ("one", "two")]
    for each in members:
        assert not each.is_duty("sweep")
    for each in members * 2:
        each.join()
    assert [each.is_duty("sweep") for each in members] == [True, False]
    members[0].close()
    members[1].join()
    assert members[1].is_duty("sweep")
    members[1].close()


def test_members_share_a_journal_and_keep_out_a_bridge_without_roles(
    location: DatabaseLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And such a bridge keeps out members."""
    monkeypatch.setattr("bridge.journal.postgres.opening._ROUTER_SECONDS", 0.1)
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(closing(open_for_router(
                DatabaseLocation(location.url, location.files / name), None, member(name, roles=(ROUTER,))
            )))
            for name in ("one", "two")
        )  # fmt: skip
        assert one.alerts.append("falco", 0, entries(1, 7)) == 2
        assert two.alerts.append("falco", 0, entries(2, 7, 3)) == 2
        assert one.history.alert_count() == 4
        with pytest.raises(JournalError, match=r"a fleet of bridges \(2, one of them .+\) is using .+ to join it"):
            open_for_router(location)
    with closing(open_for_router(location)), pytest.raises(JournalError, match="outside of the fleet"):
        open_for_router(DatabaseLocation(location.url, location.files / "one"), None, member("one", roles=(ROUTER,)))


def test_two_couriers_deliver_their_own_channels(location: DatabaseLocation) -> None:
    """A claim, a result and a health of a channel that another one has taken over changes nothing."""
    everything = {name: Capacity(9) for name in ("x", "y")}
    with (
        closing(open_for_router(location)) as router,
        closing(open_for_courier(location, member("one"))) as one,
        closing(open_for_courier(location, member("two"))) as two,
    ):
        assert one.membership is not None
        assert two.membership is not None
        router.alerts.append("falco", 0, entries(1, 2, channel="x"))
        router.alerts.append("falco", 0, entries(3, channel="y"))
        names = ["y"]
        mine = one.membership.hold(CHANNEL, COURIER, lambda: ["x"])
        its = two.membership.hold(CHANNEL, COURIER, lambda: names)
        for each in (one.membership, two.membership):
            each.join()
        assert (mine.tokens, its.tokens) == ({"x": 1}, {"y": 1})
        assert one.deliveries.claim(0, 1000, everything) == []
        one.deliveries.own_channels(mine.tokens, 0)
        two.deliveries.own_channels(its.tokens, 0)
        (send,) = one.deliveries.claim(0, 1000, everything)[:1]
        assert [each[0].notification.channel for each in two.deliveries.claim(0, 1000, everything)] == ["y"]
        assert one.deliveries.due_times(["x", "y"]).keys() == {"x"}
        die(location, "one")
        names.append("x")
        two.membership.join()
        assert two.deliveries.own_channels(its.tokens, 0) == 2
        assert len(two.deliveries.claim(0, 1000, everything)) == 2
        one.deliveries.settle([settlement(send[0].id)], {"x": Health(delivered=5)})
        one.deliveries.put_back([send[0].id], 0)
        one.deliveries.make_due_now("x", 0)
        assert one.deliveries.expire("x", 10**18, 10**18, "old", 9) == 0
        assert one.deliveries.release(0) == 0
        assert one.deliveries.claim(0, 1000, everything) == []
        assert (two.deliveries.undelivered(), two.deliveries.health()) == (3, {})
        two.deliveries.settle([settlement(send[0].id)], {"x": Health(delivered=1)})
        assert (two.deliveries.undelivered(), two.deliveries.health()) == (2, {"x": Health(delivered=1)})


def test_a_dead_letter_that_is_retried_is_due_by_the_clock_of_the_database(location: DatabaseLocation) -> None:
    """The clock of the machine on which it is retried may be hours ahead."""
    with (
        closing(open_for_router(location)) as router,
        closing(open_for_courier(location, member("one"))) as courier,
    ):
        assert courier.membership is not None
        router.alerts.append("falco", 0, entries(1, channel="x"))
        channels = courier.membership.hold(CHANNEL, COURIER, lambda: ["x"])
        courier.membership.join()
        courier.deliveries.own_channels(channels.tokens, 0)
        ((delivery,),) = courier.deliveries.claim(0, 1000, {"x": Capacity(1)})
        courier.deliveries.settle([settlement(delivery.id, DeliveryState.DEAD)])
        now_ns = courier.membership.clock.wall_ns()
        assert router.dead_letters.retry([delivery.id], now_ns + 3600 * 10**9) == [delivery.id]
        assert abs(courier.deliveries.due_times(["x"])["x"] - now_ns) < 600 * 10**9
