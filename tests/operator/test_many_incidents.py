"""More incidents than an answer can contain."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.operator.actor import Actor
from bridge.operator.model.incidents import ChangeIncidents, ListIncidents
from bridge.operator.operations import incidents as module
from bridge.operator.operations.incidents import IncidentOperations
from tests.pipeline.test_controls import bridge, receive

ALICE = Actor("alice")
ROUTES = """\
route "grave" { when user.name startswith grave throttle 1 per 1h by user.name to chat severity critical }
route "flood" { when user.name startswith flood throttle 1 per 1h by user.name to chat severity notice }
"""


def test_the_most_urgent_incidents_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of others must not hide them, and what was left out is counted. An act on all of them is still done."""
    with bridge(tmp_path / "j.db", ROUTES) as (intake, _, incidents):
        operations = IncidentOperations(incidents)
        for number, user in enumerate(("grave-1", "grave-2", *(f"flood-{each}" for each in range(20))), start=1):
            receive(intake, number, user)
        whole = operations.list_all(ALICE, ListIncidents())
        assert (len(whole.items), whole.more) == (22, 0)

        monkeypatch.setattr(module, "_LARGEST", 3000)
        most = operations.list_all(ALICE, ListIncidents())
        assert len(most.items) + most.more == 22
        assert {"grave-1", "grave-2", "flood-0"} <= {each.key for each in most.items}
        assert [each.matched_ns for each in most.items] == sorted(
            (each.matched_ns for each in most.items), reverse=True
        )

        done = operations.resolve(ALICE, ChangeIncidents("flood"))
        assert len(done.items) + done.more == 20
        left = operations.list_all(ALICE, ListIncidents())
        assert [each.key for each in left.items if each.state == "open"] == ["grave-2", "grave-1"]
