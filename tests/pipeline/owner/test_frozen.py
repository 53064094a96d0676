"""An owner that is frozen while it changes a delivery, and a courier that has read it: nothing waits, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from bridge.alert import Alert
from bridge.delivery import Delivery
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.appending.new_deliveries import MERGE_NS
from bridge.journal.postgres.database import Database
from bridge.language.program.program import Program
from bridge.routing import Notification
from bridge.routing.state import State
from tests.pipeline.owner.fleet import Courier, Fleet, fleet_of, migrated
from tests.routing.memory.harness import SECOND
from tests.routing.partitions.test_split import received
from tests.support.builders import program_of
from tests.support.waiting import wait_until

MayMerge = Callable[[Notification], bool]
CHANNELS = ("chat", "mail")
TWO = program_of("""
route "plain" { when rule = a to chat }
route "keyed" { when rule in (a, b) throttle 9 per 10s by k8s.pod.name to chat }
route "other" { when rule = c to mail }
""")
BOTH_KEYED = program_of("""
route "users" { when rule = a throttle 9 per 10s by user.name to chat }
route "pods"  { when rule in (a, b) throttle 9 per 10s by k8s.pod.name to chat }
""")


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


@contextmanager
def running(location: DatabaseLocation, program: Program) -> Iterator[tuple[Fleet, Courier]]:
    with fleet_of(location, program) as fleet, closing(Courier(fleet, CHANNELS)) as courier:
        yield fleet, courier


@contextmanager
def frozen_before_its_commit(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The owners decide in a thread, and stand still when they are about to commit. Yields what lets them continue."""
    reached, thawed = threading.Event(), threading.Event()
    commit = Database._commit

    def freeze(database: Database) -> None:
        if threading.current_thread() is thread:
            reached.set()
            assert thawed.wait(120)
        commit(database)

    def decide() -> None:
        with suppress(JournalError):  # its session may have ended
            fleet.turn()

    thread = threading.Thread(target=decide)
    monkeypatch.setattr(Database, "_commit", freeze)
    thread.start()
    wait_until(reached.is_set, "the owner to hold its locks")

    def thaw() -> None:
        thawed.set()
        thread.join(120)
        assert not thread.is_alive()

    try:
        yield thaw
    finally:
        thaw()


def alert_of(rule: str, pod: str = "p", user: str = "u") -> Alert:
    ((_, alert),) = received([(0, 0, rule, pod, user)])
    return alert


def routes(deliveries: list[Delivery]) -> list[tuple[str, ...]]:
    return [each.notification.routes for each in deliveries]


def test_a_courier_does_not_wait_for_a_frozen_owner(
    location: DatabaseLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other deliveries are claimed meanwhile. The one that it changes is sent once, with both routes."""
    with running(location, TWO) as (fleet, courier):
        fleet.receive(alert_of("a"), fleet.clock.now)
        with frozen_before_its_commit(fleet, monkeypatch) as thaw:
            fleet.receive(alert_of("c"), fleet.clock.now)
            fleet.clock.now += 2 * MERGE_NS
            assert routes(courier.claim()) == [("other",)]
            due = courier.queue.due_times(CHANNELS)
            assert due["chat"] > fleet.clock.now  # it does not try again at once
            thaw()
        fleet.clock.now += SECOND
        assert routes(courier.claim()) == [("plain", "keyed")]
        assert sum(each.counts.merged for each in fleet.owners) == 1


def test_a_frozen_owner_whose_session_ended_sends_on_its_own(
    location: DatabaseLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database ends a session that is idle in a transaction. What was changed in it is not sent, and is counted."""
    with running(location, TWO) as (fleet, courier):
        fleet.receive(alert_of("a"), fleet.clock.now)
        with frozen_before_its_commit(fleet, monkeypatch) as thaw:
            fleet.clock.now += 2 * MERGE_NS
            assert courier.claim() == []
            fleet.connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE state = 'idle in transaction' AND pid IN (SELECT pid FROM pg_locks WHERE relation = "
                "'partition_state'::regclass)"
            )
            assert routes(courier.claim()) == [("plain",)]
            thaw()
        with suppress(JournalError):
            fleet.turn()  # it connects again
        fleet.turn()
        assert routes(courier.claim()) == [("keyed",)]
        assert sum(each.counts.merged for each in fleet.owners) == 0
        assert sum(each.counts.not_merged for each in fleet.owners) == 1


def test_a_delivery_that_got_an_order_key_since_it_was_read_waits_its_turn(location: DatabaseLocation) -> None:
    """The delivery of another alert of that key is in flight; so one more behind it is not claimed either."""
    with running(location, TWO) as (fleet, courier):
        fleet.receive(alert_of("b", user="1"), fleet.clock.now)
        fleet.turn()
        (first,) = courier.claim()
        fleet.receive(alert_of("a", user="2"), fleet.clock.now)
        read = courier.queue._claims._sends

        def read_before_the_owner(*arguments: object) -> list[object]:
            found = list(read(*arguments))  # type: ignore[arg-type]
            assert [len(each) for each in found] == [1]
            fleet.clock.now -= 2 * MERGE_NS  # the owner was frozen, and believes that it is early
            fleet.turn()
            fleet.clock.now += 2 * MERGE_NS
            return list(found)

        fleet.clock.now += 2 * MERGE_NS
        courier.queue._claims._sends = read_before_the_owner  # type: ignore[method-assign,assignment]
        assert courier.claim() == []
        courier.queue._claims._sends = read  # type: ignore[method-assign]
        assert courier.claim() == []
        courier.settle(first)
        assert routes(courier.claim()) == [("plain", "keyed")]


def test_what_waits_behind_a_merged_delivery_is_sent(location: DatabaseLocation) -> None:
    """It stays in its order key, although the first of its routes is another one now."""
    with running(location, BOTH_KEYED) as (fleet, courier):
        pods = fleet.router.route
        both = next(
            each for each in (alert_of("a", str(number)) for number in range(99))
            if len({fleet.has[partition] for partition, _ in pods(State(), each, fleet.clock.now).matches}) == 2
        )  # fmt: skip
        (partition,) = (number for number, _ in pods(State(), alert_of("b", both.fields["k8s.pod.name"]), 0).matches)
        of_pods = fleet.owners[fleet.has[partition]]
        fleet.receive(both, fleet.clock.now)
        fleet.receive(alert_of("b", both.fields["k8s.pod.name"]), fleet.clock.now)
        of_pods.turn()
        assert courier.claim() == []  # it places both in their order key
        fleet.turn()
        (first,) = courier.claim()
        assert first.notification.routes == ("users", "pods")
        assert courier.claim() == []
        courier.settle(first)
        assert routes(courier.claim()) == [("pods",)]


def test_a_delivery_that_is_claimed_meanwhile_is_not_changed(location: DatabaseLocation) -> None:
    """The owner has read it; then the courier claims it. The owner sends a second message, and counts that."""
    with running(location, TWO) as (fleet, courier):
        fleet.receive(alert_of("a"), fleet.clock.now)
        claimed: list[Delivery] = []
        for owner in fleet.owners:
            may_merge = owner._router.may_merge

            def claim_first(notification: Notification, may_merge: MayMerge = may_merge) -> bool:
                if notification.routes == ("plain",) and not claimed:  # as it was read from the table
                    fleet.clock.now += 2 * MERGE_NS
                    claimed.extend(courier.claim())
                    fleet.clock.now -= 2 * MERGE_NS
                return may_merge(notification)

            owner._router.may_merge = claim_first  # type: ignore[method-assign]
        fleet.turn()
        assert routes(claimed) == [("plain",)]
        courier.settle(claimed[0])
        assert routes(courier.claim()) == [("keyed",)]
        assert sum(each.counts.merged for each in fleet.owners) == 0
        assert sum(each.counts.not_merged for each in fleet.owners) == 1
