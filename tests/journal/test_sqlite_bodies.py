"""Stored alerts are compressed with dictionaries that the journal trains itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bridge.journal.opening import open_for_router
from bridge.journal.sql.dictionaries import TRAINED_AT
from tests.support.builders import alert, entry


def test_a_dictionary_makes_bodies_smaller(tmp_path: Path) -> None:
    """It is trained once at each size, and survives a restart."""
    path = tmp_path / "j.db"
    with closing(open_for_router(path)) as journal:
        assert journal.maintenance.prepare() is None
        journal.alerts.append("s", 0, [varied(number) for number in range(TRAINED_AT[0])])
        complete = journal.maintenance.prepare()
        assert complete is not None
        complete()
        assert journal.maintenance.prepare() is None
        journal.alerts.append("s", 0, [varied(number) for number in range(TRAINED_AT[0], TRAINED_AT[0] + 100)])
    with closing(sqlite3.connect(path)) as connection:
        before, after = connection.execute(
            "SELECT avg(length(body)) FILTER (WHERE seq <= 1000), avg(length(body)) FILTER (WHERE seq > 1000) FROM alerts"
        ).fetchone()
    assert after < before * 0.7
    with closing(open_for_router(path)) as journal:
        assert sum(1 for _ in journal.history.alerts()) == TRAINED_AT[0] + 100


def varied(number: int):
    return entry(alert(number, output="o" * 200, fields={"proc.cmdline": f"rm {number}"}), "chat")
