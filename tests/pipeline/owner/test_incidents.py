"""Any member of a fleet lists incidents, and has them acknowledged and resolved by their owners."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from bridge.journal import JournalBusyError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_requests, open_to_read
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.incidents import ChangeIncidents
from bridge.operator.operations.incidents import IncidentOperations
from bridge.pipeline.owner import incidents as fleet_incidents
from bridge.pipeline.owner.incidents import FleetIncidents
from bridge.pipeline.services.timers import load_state
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.memory.incident import IncidentState
from tests.pipeline.owner.fleet import Fleet, fleet_of, migrated
from tests.routing.memory.harness import SECOND, START
from tests.routing.partitions.test_split import received
from tests.support.builders import program_of

ESCALATING = program_of('route "r" { when rule = a throttle 1 per 10s by k8s.pod.name to chat to boss after 60s }')


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


@contextmanager
def turning(fleet: Fleet) -> Iterator[None]:
    """The owners work meanwhile."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            fleet.turn()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def incidents_of(fleet: Fleet) -> FleetIncidents:
    return FleetIncidents(lambda: open_requests(fleet.location), lambda: fleet.router, lambda: None)


class Asking:
    """As RunningIncidents."""

    def __init__(self, asked: FleetIncidents) -> None:
        self.incidents = asked.incidents
        self.acknowledge = partial(asked.acknowledge, _now_ns=0)
        self.resolve = partial(asked.resolve, _now_ns=0)


def open_some(fleet: Fleet) -> None:
    for _, alert in received([(0, 0, "a", pod, "u") for pod in "pqrst"]):
        fleet.receive(alert, START)
    fleet.turn()


def test_any_member_changes_what_others_own(location: DatabaseLocation) -> None:
    """One by its id, the others by their route. Nothing is escalated then, and each has the person's name."""
    channels = IncidentChannels(acknowledged=frozenset({"chat"}))
    with fleet_of(location, ESCALATING, incident_channels=channels) as fleet:
        open_some(fleet)
        assert all(each.owned for each in fleet.owners)
        asked = incidents_of(fleet)
        first, *others = asked.incidents()
        with turning(fleet):
            assert [each.id for each in asked.acknowledge(first.id, "alice", 0)] == [first.id]
            assert {each.id for each in asked.acknowledge("r", "bob", 0)} == {each.id for each in others}
            assert asked.resolve(first.id, "carol", 0)
            assert asked.acknowledge("r", "bob", 0) == []
            assert asked.acknowledge("unknown", "bob", 0) == []
        found = {each.id: each.incident for each in asked.incidents()}
        assert (found[first.id].state, found[first.id].actor) == (IncidentState.RESOLVED, "carol")
        assert {found[each.id].actor for each in others} == {"bob"}
        fleet.pass_until(START + 100 * SECOND)
        counts = {channel: count for (channel, _), count in fleet.journal.history.delivery_counts().items()}
        assert counts == {"chat": 10}
        assert fleet.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_an_incident_in_two_partitions_is_acknowledged_in_both(location: DatabaseLocation) -> None:
    """A reload gave the route another key: what the key had before stays in its old partition."""
    channels = IncidentChannels(acknowledged=frozenset({"chat"}))
    other_key = program_of(
        'route "r" { when rule = a after 1 in 10s by user.name throttle 1 per 10s by k8s.pod.name '
        "to chat to boss after 60s }"
    )
    with fleet_of(location, ESCALATING, incident_channels=channels) as fleet:
        open_some(fleet)
        fleet.router = fleet.made(other_key)
        for each in fleet.owners:
            each.use_router(fleet.made(other_key))
        for _, alert in received([(1, 0, "a", pod, "u") for pod in "pqrst"]):
            fleet.receive(alert, START + SECOND)
        fleet.turn()
        asked = incidents_of(fleet)
        moved = next(each for each in asked.incidents() if each.incident.opened_ns == START + SECOND)
        assert [each.id for each in asked.incidents()].count(moved.id) == 2
        with turning(fleet):
            (answered,) = asked.acknowledge(moved.id, "alice", 0)
        assert answered.incident.opened_ns == START + SECOND
        assert {each.incident.actor for each in asked.incidents() if each.id == moved.id} == {"alice"}


def test_a_missing_owner_is_reported(location: DatabaseLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_incidents, "_ANSWER_SECONDS", 0.05)
    with fleet_of(location, ESCALATING) as fleet:
        open_some(fleet)
        asked = incidents_of(fleet)
        with pytest.raises(JournalBusyError, match="have no owner at present"):
            asked.acknowledge("r", "alice", 0)
        operations = IncidentOperations(Asking(asked))
        with pytest.raises(OperationError, match="repeat the command") as refused:
            operations.resolve(Actor("alice"), ChangeIncidents(target="r"))
        assert refused.value.status == 503
        assert fleet.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_what_is_remembered_can_be_read(location: DatabaseLocation) -> None:
    """As `explain` does, without the owner."""
    with fleet_of(location, ESCALATING) as fleet:
        open_some(fleet)
        journal = open_to_read(location)
        state = load_state(journal.memory)
        journal.close()
        ((_, alert),) = received([(0, 0, "a", "p", "u")])
        ((word, text), (incident, _)) = fleet.router.remembered(state, "r", alert, START)
        assert (word, text.partition(" since")[0]) == ("throttle", "1 sent")
        assert incident.startswith("incident ")
