"""The clock of the database is set while owners remember, and partitions move before all of them have noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.alert import Alert, Priority, make_alert
from bridge.journal.location import DatabaseLocation
from bridge.routing.state import State
from tests.pipeline.owner.fleet import COUNT, Fleet, fleet_of, migrated
from tests.routing.memory.harness import SECOND
from tests.support.builders import program_of

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
PROGRAM = program_of("""
route "limited" { when rule = a throttle 1 per 10m by k8s.pod.name to chat to boss after 15m }
route "grouped" { when rule = a group by k8s.pod.name wait 10m every 10m to mail }
""")
_STATE = State()
PODS = [f"pod-{number}" for number in range(8)]
STEPS = pytest.mark.parametrize("by_ns", [5 * MINUTE, -5 * MINUTE, HOUR, -HOUR], ids=["5m", "-5m", "1h", "-1h"])


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


def alert(fleet: Fleet, pod: str) -> Alert:
    return make_alert(
        time_ns=fleet.clock.wall_ns(), priority=Priority.NOTICE, rule="a", source="syscall", hostname="n", tags=(),
        output="", fields={"k8s.pod.name": pod, "evt.num": str(fleet.clock.now)},
    )  # fmt: skip


def receive(fleet: Fleet, *, by_old_clock: int = 0) -> None:
    """One alert of each pod, by an intake that may not know yet that the clock was set."""
    at_ns = fleet.clock.wall_ns() - by_old_clock
    entries = [fleet.router.route(_STATE, alert(fleet, pod), at_ns, fleet.silences) for pod in PODS]
    fleet.journal.alerts.append("test", at_ns, entries)
    fleet.clock.now += SECOND


def sent(fleet: Fleet, channel: str) -> list[tuple[str, int]]:
    """Kind and count of what goes to a channel."""
    found = fleet.journal.history.deliveries_naming({""}, -(1 << 62), 10_000)
    contexts = [
        each.notification.context for each in found if each.notification and each.notification.channel == channel
    ]
    return sorted((each.kind.value, each.count) for each in contexts if each is not None)


def wait(fleet: Fleet, minutes: int) -> None:
    for _ in range(minutes):
        fleet.clock.now += MINUTE
        fleet.turn()


@STEPS
def test_windows_and_timers_are_as_long_as_they_were(location: DatabaseLocation, by_ns: int) -> None:
    """One owner notices the step first, and takes half of the other one's partitions before that one has."""
    with fleet_of(location, PROGRAM) as fleet:
        receive(fleet)
        fleet.turn()
        wait(fleet, 2)
        fleet.clock.set_by += by_ns
        fleet.owners[0].turn()
        for number in range(1, COUNT, 4):
            fleet.move(number, 0)
        fleet.owners[0].turn()
        receive(fleet, by_old_clock=by_ns)
        receive(fleet)
        fleet.turn()
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS), "no window was forgotten"
        assert sent(fleet, "boss") == sent(fleet, "mail") == [], "nothing came too early"
        wait(fleet, 9)
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS) + [("summary", 2)] * len(PODS)
        assert sent(fleet, "mail") == [("digest", 3)] * len(PODS)
        wait(fleet, 5)
        assert sent(fleet, "boss") == [("escalation", 3)] * len(PODS)
        assert not fleet.faults


@STEPS
def test_an_owner_that_starts_after_a_step_loads_what_it_did_not_see(location: DatabaseLocation, by_ns: int) -> None:
    """The one that noticed the step dies with some partitions loaded, and others that no owner had."""
    with fleet_of(location, PROGRAM) as fleet:
        receive(fleet)
        fleet.turn()
        wait(fleet, 2)
        fleet.move(0, 2)
        fleet.clock.set_by += by_ns
        fleet.owners[0].turn()
        fleet.owners.append(fleet.owner(2, PROGRAM))
        for number in range(COUNT):
            fleet.move(number, 2)
        receive(fleet)
        fleet.turn()
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS)
        assert sent(fleet, "boss") == sent(fleet, "mail") == []
        wait(fleet, 9)
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS) + [("summary", 1)] * len(PODS)
        wait(fleet, 5)
        assert sent(fleet, "boss") == [("escalation", 2)] * len(PODS)


def test_a_step_back_that_no_member_saw_is_known_by_the_last_sign_of_life(location: DatabaseLocation) -> None:
    """All bridges were down. Nothing waits for an hour, and no dead member keeps its leases for as long."""
    with fleet_of(location, PROGRAM, owners=1) as fleet:
        receive(fleet)
        fleet.turn()
        wait(fleet, 2)
        fleet.connection.execute(
            "INSERT INTO members (id, bridge, host, version, pid, roles, expires) "
            "VALUES ('dead', 'b', 'h', '1', 1, '{router}', clock_timestamp() + interval '1 hour 1.5 seconds')"
        )
        fleet.clock.set_by -= HOUR
        fleet.owners[0]._partitions.close()
        fleet.leases[0].tokens, fleet.owners[0] = {}, fleet.owner(0, PROGRAM)
        for number in range(COUNT):
            fleet.move(number, 0, noticed=False)
        receive(fleet)
        fleet.turn()
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS)
        wait(fleet, 9)
        assert sent(fleet, "chat") == [("single", 1)] * len(PODS) + [("summary", 1)] * len(PODS)
        alive = fleet.connection.execute("SELECT count(*) FROM members WHERE expires > clock_timestamp()").fetchone()
        assert alive == (0,)
