"""The journal when the wall clock is set."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.common.clocks.clock import Step
from bridge.delivery import Capacity, DeliveryState, Health, Settlement
from bridge.journal.opening import open_for_router
from bridge.journal.retention import RetentionPolicy
from tests.support import builders
from tests.support.clocks import DAY, HOUR, SECOND, STEPS, YEAR

NOW = 20 * YEAR


@pytest.mark.parametrize("by_ns", STEPS.values(), ids=STEPS)
def test_open_deliveries_follow_a_step(tmp_path: Path, by_ns: int) -> None:
    """One that waits, one that was never tried, one that is claimed, and one that was stored after the step."""
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    old_ns = NOW - by_ns
    for number in range(3):
        entry = builders.entry(builders.alert(number), f"c{number}")
        journal.alerts.append("s", old_ns - 2 * HOUR, [entry])
    retry = Settlement(1, DeliveryState.PENDING, old_ns - 60, old_ns + 300 * SECOND, 503, "down")
    journal.deliveries.settle([retry])
    assert journal.deliveries.claim(old_ns, DAY, {"c2": Capacity(1)})
    journal.alerts.append("s", NOW - 5, [builders.entry(builders.alert(3), "c3")])
    journal.deliveries.follow(Step(by_ns, NOW - SECOND, NOW), {"c0": Health(failures=1)})
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT created_ns, due_ns FROM deliveries ORDER BY id").fetchall()
        assert connection.execute("SELECT count(*) FROM channels").fetchone() == (1,)
    assert rows[0] == (NOW - 2 * HOUR, NOW + 300 * SECOND)
    assert rows[1][0] == NOW - 2 * HOUR
    assert rows[1][1] <= NOW
    assert rows[2] == (NOW - 2 * HOUR, NOW + DAY)
    assert rows[3] == (NOW - 5, NOW - 5)


def test_rows_from_the_future_are_removed_in_time(tmp_path: Path) -> None:
    """They count as received when the maintenance meets them, and do not keep it from the rows behind them."""
    journal = open_for_router(tmp_path / "j.db")
    policy = RetentionPolicy()
    for number, received_ns in enumerate((NOW + 10 * YEAR, NOW + 10 * YEAR, NOW, NOW)):
        journal.alerts.append("s", received_ns, [builders.entry(builders.alert(number), "c")])
        done = Settlement(number + 1, DeliveryState.DELIVERED, received_ns, received_ns, 200, "")
        journal.deliveries.settle([done])
    while journal.maintenance.step(policy, NOW):
        pass
    assert journal.history.alert_count() == 4
    assert all(each.received_ns == NOW for each in journal.history.alerts())
    for _ in range(3):
        while journal.maintenance.step(policy, NOW + 31 * DAY):
            pass
    assert journal.history.alert_count() == 1, "the newest row is never removed"
    journal.close()
