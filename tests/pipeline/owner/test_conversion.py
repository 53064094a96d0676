"""What a single bridge remembers is known to a fleet, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.opening import open_for_router
from bridge.journal.postgres.opening import copy_source
from bridge.journal.protocols import Journal
from bridge.journal.records import MemoryWrite
from bridge.pipeline.services.timers import load_state
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.pipeline.owner.fleet import COUNT, fleet_of, migrated
from tests.routing.memory.harness import SECRET, START
from tests.routing.partitions.test_split import PROGRAM, received

HISTORY = received([(1, 0, rule, pod, user) for rule in "abc" for pod in "pq" for user in "qr"])


@pytest.fixture(scope="module")
def location(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLocation]:
    with migrated(postgres, tmp_path_factory.getbasetemp()) as found:
        yield found


def remembered(state: State) -> dict[tuple[str, bytes], Any]:
    return {(table.clause, key): row for table in state.tables.values() for key, row in table.rows()}


def run_alone(journal: Journal) -> State:
    """One bridge decides about all alerts."""
    router, state = Router(PROGRAM, {}, secret=SECRET), State()
    router.start(state, START)
    for now, alert in HISTORY:
        entry = router.route(state, alert, now)
        journal.alerts.append("test", now, [entry], memory=MemoryWrite(state.changes()))
    return state


def test_there_and_back_again(location: DatabaseLocation) -> None:
    """Every row is in the partition in which its key is looked for."""
    with fleet_of(location, PROGRAM) as fleet:
        state = run_alone(fleet.journal)
        shared = fleet.router.shared
        assert shared is not None
        store = fleet.store(0)
        assert store.divide(lambda row: shared.partitions_of(row.clause, row.key, row.row)) >= len(remembered(state))
        assert store.divide(lambda row: shared.partitions_of(row.clause, row.key, row.row)) == 0
        for number in range(COUNT):
            for row in store.load(number):
                assert number in shared.partitions_of(row.clause, row.key, row.row)
        store.close()
        fleet.journal.close()
        copy_source(location).close()
        assert fleet.connection.execute("SELECT count(*) > 0 FROM state").fetchone() == (True,)
        fleet.journal = open_for_router(location)
        assert fleet.connection.execute("SELECT count(*) FROM partition_state").fetchone() == (0,)
        assert remembered(load_state(fleet.journal.memory)) == remembered(state)


def test_a_single_bridge_does_not_start_while_matches_wait(location: DatabaseLocation) -> None:
    with fleet_of(location, PROGRAM) as fleet:
        fleet.receive(HISTORY[0][1], START)
        fleet.journal.close()
        with pytest.raises(JournalError, match="wait for a decision of a bridge of a fleet"):
            open_for_router(location)
        fleet.turn()
        fleet.journal = open_for_router(location)


def test_what_a_fleet_remembers_is_not_replaced_by_what_a_bridge_has_left(location: DatabaseLocation) -> None:
    """Rows of both may exist where a bridge of an older version was a member."""
    with fleet_of(location, PROGRAM, owners=1) as fleet:
        assert remembered(run_alone(fleet.journal))
        fleet.connection.execute("TRUNCATE alerts, deliveries, attempts CASCADE")
        for now, alert in HISTORY:
            fleet.receive(alert, now)
            fleet.turn()
        before = fleet.connection.execute("SELECT * FROM partition_state ORDER BY 1, 2, 3").fetchall()
        shared = fleet.router.shared
        assert shared is not None
        store = fleet.store(0)
        store.divide(lambda row: shared.partitions_of(row.clause, row.key, row.row))
        store.close()
        after = fleet.connection.execute("SELECT * FROM partition_state ORDER BY 1, 2, 3").fetchall()
        assert [each for each in after if each in before] == before
