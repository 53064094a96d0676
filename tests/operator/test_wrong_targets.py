"""What ``ack`` and ``resolve`` say of a target that leaves nothing to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.incidents import ChangeIncidents
from bridge.operator.operations.incidents import IncidentOperations
from tests.pipeline.test_controls import bridge, receive

ALICE = Actor("alice")


def refusal(operations: IncidentOperations, action: str, target: str) -> tuple[int, str]:
    with pytest.raises(OperationError) as refused:
        getattr(operations, action)(ALICE, ChangeIncidents(target))
    return refused.value.status, str(refused.value)


def test_the_refusal_says_what_the_target_is_and_what_to_do(tmp_path: Path) -> None:
    """Done already and by whom, only the beginning of an id, a misspelt route, unknown; with a command."""
    with bridge(tmp_path / "j.db") as (intake, _, incidents):
        operations = IncidentOperations(incidents)
        assert refusal(operations, "acknowledge", "shells") == (
            404, "no incident has the id or the route `shells`; `falco-bridge incidents` lists them",
        )  # fmt: skip
        receive(intake, 1)
        (incident,) = operations.acknowledge(ALICE, ChangeIncidents("shells")).items
        status, said = refusal(operations, "acknowledge", incident.id)
        assert (status, said.startswith(f"the incident {incident.id} is acknowledged already, by alice at 2")) == (
            409,
            True,
        )
        assert said.endswith(f"Z; `falco-bridge resolve {incident.id}` ends it")
        assert refusal(operations, "acknowledge", "shells") == (
            409, "no incident of the route `shells` is open, but 1 acknowledged; `falco-bridge incidents` lists them",
        )  # fmt: skip
        operations.resolve(ALICE, ChangeIncidents(incident.id))
        for action in ("acknowledge", "resolve"):
            status, said = refusal(operations, action, incident.id)
            assert (status, "is resolved already, by alice at 2" in said) == (409, True)
            assert said.endswith("its next notification opens it again")
        receive(intake, 2, "bob")
        other = next(each.id for each in incidents.incidents() if each.id != incident.id)
        assert refusal(operations, "resolve", other[:6]) == (
            404, f"`{other[:6]}` is only the beginning of an id; write all of it: {other}",
        )  # fmt: skip
        assert refusal(operations, "resolve", "shels")[1].endswith("`shels`; did you mean `shells`?")
        assert "`a\\u202eb`" in refusal(operations, "resolve", "a\u202eb")[1]
        assert [each.id for each in operations.resolve(ALICE, ChangeIncidents("shells")).items] == [other]
