"""A stored alert that cannot be read: verbs show the others, and say so on standard error only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from bridge.alert import Priority, make_alert
from bridge.journal.opening import open_for_router
from bridge.routing import Entry
from bridge.routing.router import Router
from bridge.routing.state import State
from tests.cli.commands import run
from tests.support.builders import program_of

ROUTES = 'route "a" { when rule exists to chat }\n'


def test_output_that_programs_read_has_no_log_in_it(tmp_path: Path) -> None:
    """Nor does one alert keep `explain` from those whose ids start in the same way."""
    router, state = Router(program_of(ROUTES), {}), State()
    alerts = [
        make_alert(
            time_ns=1_772_600_000_000_000_000 + number, priority=Priority.WARNING, rule="r", source="syscall",
            hostname="n", tags=(), output="o", fields={},
        )
        for number in range(5)
    ]  # fmt: skip
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        journal.alerts.append("http", 1, [Entry(each, router.step(state, each, each.time_ns)) for each in alerts])
    with closing(sqlite3.connect(tmp_path / "j.db")) as database, database:
        database.execute("UPDATE alerts SET body = x'01020304' WHERE seq = 3")
    (tmp_path / "a.route").write_text(ROUTES, encoding="utf-8")

    replayed = run("replay", "a.route", "--from", "j.db", "--json", cwd=tmp_path)
    assert (replayed.returncode, json.loads(replayed.stdout)["alerts"]) == (0, 4)
    assert "alert unreadable; skipped" in replayed.stderr
    shown = run("explain", "a.route", "--alerts", "j.db", "--id", alerts[0].id[:6], "--format", "json", cwd=tmp_path)
    assert [json.loads(line)["id"] for line in shown.stdout.splitlines()] == [
        each.id for number, each in enumerate(alerts) if number != 2
    ]
    alone = run("explain", "a.route", "--alerts", "j.db", "--id", alerts[2].id, cwd=tmp_path)
    assert (alone.returncode, alone.stdout) == (2, "")
    assert f"alert {alerts[2].id} cannot be read" in alone.stderr
