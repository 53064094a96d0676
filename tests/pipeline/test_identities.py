"""What a clause remembers does not depend on how its durations are written, in any version."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bridge.journal.opening import open_for_router
from bridge.language.program.clauses import canonical_text, clause_label
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import load_state
from bridge.routing.router import Router
from bridge.sources.contract import Batch
from tests.support.builders import alert, program_of

ROUTE = 'route "r" {{ when rule = shell {} to chat }}'


def run(path: Path, clause: str, number: int) -> int:
    """Start a bridge with this route, receive one alert, stop. Returns how many keys were forgotten at the start."""
    with closing(open_for_router(path)) as journal:
        router = Router(program_of(ROUTE.format(clause)), {}, secret=journal.memory.secret())
        state = load_state(journal.memory)
        forgotten = router.start(state, time.time_ns())
        intake = Intake(journal.alerts, router, on_deliveries=lambda: None, on_fault=lambda _fault: None, state=state)
        intake.accept(Batch("s", time.time_ns(), (alert(number, rule="shell"),)))
    return sum(forgotten.values())


def identities(path: Path) -> list[str]:
    """Those of the clauses that have state."""
    with closing(open_for_router(path)) as journal:
        return sorted({each.clause for each in journal.memory.load()} - {"r\nincident"})


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("throttle 2 60m - - - by user.name", "throttle 2 per 1h by user.name"),
        ("throttle 2 1m30s - - - by user.name", "throttle 2 per 90s by user.name"),
        ("group - - - 30s 5m by user.name", "group by user.name"),
        ("new rule - 24h 120m - -", "new rule in 1d learn 2h"),
    ],
)
def test_state_that_an_earlier_version_stored_is_used(tmp_path: Path, stored: str, written: str) -> None:
    """Also where the spelling was changed at the same time."""
    path = tmp_path / "j.db"
    run(path, written, 1)
    (today,) = identities(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE clauses SET identity = ? WHERE identity = ?", (f"r\n{stored}", today))
        connection.commit()
    assert identities(path) == [f"r\n{stored}"]
    assert run(path, written, 2) == 0
    assert identities(path) == [today]


def test_another_spelling_keeps_the_state_and_another_duration_does_not(tmp_path: Path) -> None:
    """A reload compares what durations mean."""
    path = tmp_path / "j.db"
    run(path, "throttle 2 per 60m by user.name", 1)
    assert run(path, "throttle 2 per 1h by user.name", 2) == 0
    assert run(path, "throttle 2 per 61m by user.name", 3) == 1


def test_a_text_that_is_no_duration_is_not_changed() -> None:
    """Words, numbers, and the digest of a condition, even if it looks like a duration."""
    assert canonical_text("unless - 60m - - - 0000060m") == "unless - 1h - - - 0000060m"
    assert canonical_text("throttle 60 1000ms - - - by a.b") == "throttle 60 1s - - - by a.b"
    assert canonical_text("with k - 30s - 10s - 1234abcd") == "with k - 30s - - - 1234abcd"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("throttle 1 per 20s by proc.name, user.name", ""),
        ("throttle 1 per 20s", ""),
        ("after 5 in 5m", ""),
        ("after 3 distinct rule in 5m by k8s.pod.name", ""),
        ("new proc.name, rule in 1d by k8s.ns.name learn 2h", ""),
        ("new rule in 1d", ""),
        ("absent 10m by hostname", ""),
        ("group by rule, hostname wait 1m every 10m limit 5", ""),
        ("group by rule wait 30s every 10m limit 100", "group by rule every 10m"),
        ("unless rule = x within 5m by user.name wait 3s", "unless … within 5m by … wait 3s"),
        ("with pod = rule = x within 5m by user.name", "with pod = … within 5m by …"),
        ("then rule = x within 5m by user.name", "then …"),
    ],
)
def test_a_clause_is_shown_as_it_is_written(written: str, shown: str) -> None:
    """What is its default is left out, and conditions are not stored."""
    (clause,) = program_of(ROUTE.format(written)).routes[0].clauses
    assert clause_label(clause.text) == (shown or written)
    assert clause_label("incident") == "incident"
