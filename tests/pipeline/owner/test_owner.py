"""Owners over a real database decide as one bridge does, and one that has lost a partition writes nothing for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from bridge.alert import Alert
from bridge.journal.location import DatabaseLocation
from bridge.journal.postgres.appending.new_deliveries import MERGE_NS
from bridge.journal.retention import RetentionPolicy
from bridge.routing import Notification, Reason
from bridge.routing.partitions.split import NOT_AT_OWNER
from bridge.routing.router import Router
from bridge.routing.state import KEYS_PER_TABLE, State, Timer
from tests.conftest import FULL
from tests.pipeline.owner.fleet import COUNT, Fleet, fleet_of, migrated
from tests.routing.memory.harness import SECOND, SECRET, START
from tests.routing.partitions.test_split import CHANNELS, PROGRAM, received
from tests.support.builders import program_of

THROTTLED = program_of('route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat }')
ALERT = (0, 0, "a", "p", "u")


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


def line(at: int, notification: Notification, about: str) -> str:
    """What a courier is given."""
    return f"{at - START} {about} {msgspec.structs.replace(notification, about=None, ordered=False)}"


def at_once(history: list[tuple[int, Alert]]) -> tuple[Counter[str], dict[str, list[str]]]:
    """What one bridge sends and decides."""
    router, state = Router(PROGRAM, {}, secret=SECRET, incident_channels=CHANNELS), State()
    lines: Counter[str] = Counter()
    decisions = {}
    router.start(state, START)
    for now, alert in history:
        while (due := state.next_due()) is not None and due <= now:
            lines.update(line(due, each, each.about or "") for each in router.step(state, Timer(), due).notifications)
        routed = router.step(state, alert, now)
        lines.update(line(now, each, each.about or alert.id) for each in routed.notifications)
        decisions[alert.id] = [f"{each.route} {each.reason} {each.detail}" for each in routed.decisions]
    return lines, decisions


def sent(fleet: Fleet) -> Counter[str]:
    records = fleet.journal.history.deliveries_naming({""}, 0, 10_000)
    assert all(each.notification is not None for each in records)
    return Counter(
        line(each.created_ns, each.notification, each.delivery.alert_id)
        for each in records
        if each.notification is not None
    )


def decided(fleet: Fleet) -> dict[str, list[str]]:
    return {
        each.alert.id: [f"{decision.route} {decision.reason} {decision.detail}" for decision in each.decisions]
        for each in fleet.journal.history.alerts()
    }


@pytest.mark.parametrize("seed", range(100 if FULL else 3))
def test_owners_decide_as_one_bridge_does_while_partitions_move(location: DatabaseLocation, seed: int) -> None:
    """The same notifications, merged in the same way, and the same decisions; also those of owners that are late."""
    chance = Random(seed)
    history = [
        (chance.randrange(10), chance.randrange(6), chance.choice("abcdz"), chance.choice("pq"), chance.choice("pqr"))
        for _ in range(50)
    ]
    moves = [(chance.randrange(COUNT), chance.randrange(2), chance.random() < 0.5) for _ in history]
    alerts = received(history)
    with fleet_of(location, PROGRAM, incident_channels=CHANNELS) as fleet:
        for (now, alert), (number, to, noticed) in zip(alerts, moves, strict=True):
            fleet.pass_until(now)
            fleet.receive(alert, now)
            fleet.move(number, to, noticed=noticed)
            fleet.turn()
        lines, decisions = at_once(alerts)
        assert decided(fleet) == decisions
        assert sent(fleet) == lines
        assert not fleet.faults
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (0,)


def test_an_owner_that_lost_its_partition_writes_nothing(location: DatabaseLocation) -> None:
    """It was frozen, and decides about a match that another owner has decided about since."""
    with fleet_of(location, THROTTLED) as fleet:
        ((now, alert),) = received([ALERT])
        fleet.receive(alert, now)
        assert list(fleet.journal.history.decided_span()) == []
        (waiting,) = fleet.owners[0]._partitions.matches(range(COUNT), 10)
        frozen = fleet.has[waiting.partition]
        fleet.move(waiting.partition, 1 - frozen, noticed=False)
        fleet.owners[frozen].turn()
        assert waiting.partition not in fleet.owners[frozen].owned
        assert sum(sent(fleet).values()) == 0
        fleet.owners[1 - frozen].turn()
        assert list(fleet.journal.history.decided_span()) == [1]
        assert sum(sent(fleet).values()) == 1
        fleet.owners[frozen].turn()
        assert sum(sent(fleet).values()) == 1


def test_a_busy_key_does_not_hold_up_others(location: DatabaseLocation) -> None:
    """Of one partition a limited number of matches is decided in a transaction."""
    pods = program_of('route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat }')
    with fleet_of(location, pods, owners=1) as fleet:
        for number in range(250):
            ((_, alert),) = received([(0, 0, "a", "hot", str(number))])
            fleet.receive(alert, START)
        for number in range(4):
            ((_, alert),) = received([(0, 0, "a", f"cold-{number}", "")])
            fleet.receive(alert, START)
        assert fleet.owners[0].turn()
        assert fleet.connection.execute("SELECT count(DISTINCT partition) FROM matches").fetchone() == (1,)
        assert sum(sent(fleet).values()) > 1
        fleet.turn()
        assert fleet.owners[0].counts.decisions == {("r", Reason.SENT): 5, ("r", Reason.THROTTLED): 249}


def test_what_is_too_late_to_merge_is_sent_on_its_own_and_counted(location: DatabaseLocation) -> None:
    """The delivery of the other route was due when the owner decided."""
    two = program_of(
        'route "a" { when rule = a to chat } '
        'route "b" { when rule = a throttle 1 per 10s by k8s.pod.name to chat severity critical }'
    )
    with fleet_of(location, two) as fleet:
        (now, first), (later, second) = received([ALERT, (20, 0, "a", "p", "u")])
        fleet.receive(first, now)
        fleet.turn()
        fleet.receive(second, later)
        fleet.clock.now += SECOND
        fleet.turn()
        records = fleet.journal.history.deliveries_naming({""}, 0, 100)
        routes = [each.notification.routes for each in records if each.notification is not None]
        assert routes == [("a", "b"), ("a",), ("b",)]
        assert [each.due_ns for each in records][:2] == [now, later + MERGE_NS]
        assert sum(each.counts.merged for each in fleet.owners) == 1
        assert sum(each.counts.not_merged for each in fleet.owners) == 1


@pytest.mark.parametrize(("damage", "count"), [("deliveries SET notification", 2), ("alerts SET decisions", 1)])
def test_what_cannot_be_read_of_an_alert_does_not_stop_an_owner(
    location: DatabaseLocation, damage: str, count: int
) -> None:
    """Its own notification is sent: beside the one that cannot be read, or in the other route's."""
    two = program_of(
        'route "a" { when rule = a to chat } route "b" { when rule = a throttle 1 per 10s by k8s.pod.name to chat }'
    )
    with fleet_of(location, two) as fleet:
        ((now, alert),) = received([ALERT])
        fleet.receive(alert, now)
        fleet.connection.execute(f"UPDATE {damage} = 'damaged'")
        fleet.turn()
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (0,)
        bodies = fleet.connection.execute("SELECT notification FROM deliveries ORDER BY id").fetchall()
        assert len(bodies) == count
        assert b'"b"' in bytes(cast("bytes", bodies[-1][0]))


def test_a_match_of_the_next_routes_waits_until_the_owner_uses_them(location: DatabaseLocation) -> None:
    """Another bridge uses them a moment earlier. Matches behind it wait too; one whose routes never come does not."""
    both = program_of(
        'route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat } '
        'route "new" { when rule = a throttle 1 per 10s by k8s.pod.name to mail }'
    )
    with fleet_of(location, THROTTLED, owners=1) as fleet:
        fleet.router = fleet.made(both)
        ((now, first),) = received([ALERT])
        fleet.receive(first, now)
        fleet.turn()
        assert fleet.connection.execute("SELECT count(*) > 0 FROM matches").fetchone() == (True,)
        fleet.owners[0].use_router(fleet.made(both))
        fleet.turn()
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (0,)
        assert sum(sent(fleet).values()) == 2
        fleet.router = fleet.made(program_of('route "z" { when rule = a throttle 1 per 10s by user.name to chat }'))
        fleet.receive(received([(1, 0, "a", "p", "v")])[0][1], now + SECOND)
        fleet.turn()
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (1,)
        fleet.clock.now += 20 * SECOND
        fleet.turn()
        assert fleet.connection.execute("SELECT count(*) FROM matches").fetchone() == (0,)


def test_each_partition_has_its_share_of_the_keys_of_the_next_routes(location: DatabaseLocation) -> None:
    """A clause that becomes part of a route with one key, and one whose route gets another key as well."""
    key = "throttle 1 per 10s by k8s.pod.name"
    next_routes = program_of(
        f'route "r" {{ when rule = a new proc.name in 1h {key} to chat }} route "s" {{ {key} to chat }}'
    )
    share = KEYS_PER_TABLE // 2
    with fleet_of(location, program_of(f'route "r" {{ when rule = a {key} to chat }}'), owners=1) as fleet:
        (owner,) = fleet.owners
        states = [part.state for part in owner._owned.values()]
        assert {state.table("r\nincident").limit for state in states} == {share}
        owner.use_router(fleet.made(next_routes))
        fleet.turn()
        states = [part.state for part in owner._owned.values()]
        assert {state.table("r\nincident").limit for state in states} == {KEYS_PER_TABLE}
        assert {state.table("s\nincident").limit for state in states} == {share}


@pytest.mark.parametrize("has_memory", [True, False], ids=["other routes", "no memory"])
def test_a_route_that_an_owner_never_gets_fails_once_it_has_waited(
    location: DatabaseLocation, has_memory: bool
) -> None:
    """Its decision is not pending for ever, the log says why, and the matches behind it wait once, not each for itself."""
    both = program_of(
        'route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat } '
        'route "z" { when rule in (a, b) throttle 1 per 10s by k8s.pod.name to chat }'
    )
    program = THROTTLED if has_memory else program_of('route "p" { when rule = z to chat }')
    of_r = "sent" if has_memory else f"failed {NOT_AT_OWNER}"
    with fleet_of(location, program, owners=1) as fleet, capture_logs() as logs:
        fleet.router = fleet.made(both)
        fleet.receive(received([ALERT])[0][1], START)
        fleet.turn()
        assert "z pending " in next(iter(decided(fleet).values()))
        fleet.clock.now += 20 * SECOND
        fleet.turn()
        (lines,) = decided(fleet).values()
        assert [line.rstrip() for line in lines] == [f"r {of_r}", f"z failed {NOT_AT_OWNER}"]
        for number in range(3):
            fleet.receive(received([(0, 0, "b", "p", str(number))])[0][1], fleet.clock.now)
        fleet.turn()
        assert not any(" pending" in line for lines in decided(fleet).values() for line in lines)
        assert fleet.owners[0].counts.decisions["z", Reason.FAILED] == 4
        reported = [each["route"] for each in logs if each["event"] == "route unknown; its matches are not decided"]
        assert reported == (["z"] if has_memory else ["r", "z"])


def test_a_failover_that_lost_a_summary_sends_it_again(location: DatabaseLocation) -> None:
    """The owner's memory is ahead of the database, which acknowledged the summary. It is loaded again."""
    with fleet_of(location, THROTTLED, owners=1) as fleet:
        for now, alert in received([ALERT, (1, 0, "a", "p", "v")]):
            fleet.receive(alert, now)
            fleet.turn()
        before = {
            table: fleet.connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("partition_state", "deliveries")
        }
        fleet.pass_until(START + 20 * SECOND)
        assert sum(sent(fleet).values()) == 2
        for table, rows in before.items():  # the other server does not know the last transactions
            fleet.connection.execute(f"DELETE FROM {table}")
            for row in rows:
                marks = ", ".join(["%s"] * len(row))
                fleet.connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        assert sum(sent(fleet).values()) == 1
        fleet.end_sessions()
        fleet.turn()  # it connects again
        fleet.turn()
        kinds = [each.notification.context.kind for each in fleet.journal.history.deliveries_naming({""}, 0, 100)
                 if each.notification is not None and each.notification.context is not None]  # fmt: skip
        assert kinds == ["single", "summary"]


def test_an_alert_that_waits_for_a_decision_is_not_removed(location: DatabaseLocation) -> None:
    """The journal is larger than it may be, and the owner is late."""
    with fleet_of(location, THROTTLED, owners=1) as fleet:
        for now, alert in received([ALERT, (1, 0, "a", "q", "v")]):
            fleet.receive(alert, now)
        policy = RetentionPolicy(size=1)
        for _ in range(3):
            while fleet.journal.maintenance.step(policy, fleet.clock.now + SECOND):
                pass
        fleet.turn()
        assert sum(sent(fleet).values()) == 2
