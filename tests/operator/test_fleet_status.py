"""A fleet as status shows it: processes as one bridge, what each has, what needs an operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.cli.printing.fleet import fleet_lines
from bridge.journal.members import FleetLag, MemberRecord
from bridge.journal.opening import open_for_router
from bridge.operator.inspector import FleetSnapshot
from bridge.operator.operations.fleet import fleet_problems, fleet_status, read_by, readers
from bridge.operator.operations.status import read_status
from tests.operator.state import NoReload, an_inspector

SECOND = 1_000_000_000


def member(bridge: str, *roles: str, silent: int = 0, **more: Any) -> MemberRecord:
    return MemberRecord(
        f"{bridge}-{roles[0]}",
        bridge,
        "host",
        "1.2",
        1,
        roles,
        SECOND,
        not silent,
        silent * SECOND,
        **({"ended_ns": 100 * SECOND} if silent else {}) | more,
    )


FLEET = FleetSnapshot(
    "one",
    (
        member("one", "router", "intake", "memory", loaded="new", active="old",
               leases={"partition": ["0", "1"], "source": ["file node"], "duty": ["maintenance"]}),
        member("one", "courier", leases={"channel": ["pager", "chat"]}),
        member("two", "router", "memory", loaded="old", active="old", info={"reload": "it has errors"}),
        member("gone", "router", "intake", silent=30),
        member("long-gone", "router", "intake", silent=3000),
        member("ended", "router", "intake", silent=40, has_left=True),
        member("half", "router", "intake", info={"roles": ["intake", "courier"]}),
        member("half", "courier", silent=20),
    ),
    FleetLag(5, SECOND, 1, None),
)  # fmt: skip


def test_the_fleet_is_shown() -> None:
    """The processes of a bridge are one row."""
    fleet = fleet_status(FLEET)
    assert [each.bridge for each in fleet.bridges] == ["one", "two", "gone", "long-gone", "ended", "half"]
    one = fleet.bridges[0]
    assert (one.roles, one.partitions, one.channels) == (["intake", "memory", "courier"], 2, ["chat", "pager"])
    assert (one.sources, one.duties, one.program, one.loaded) == (["file node"], ["maintenance"], "old", "new")
    text = "\n".join(fleet_lines(fleet))
    for words in ("5 matches waiting for memory, the oldest", "1 delivery waiting for couriers", "one (this)",
                  "old, new loaded", "GONE for 30 s", "GONE for 50 min", "stopped 40 s ago",
                  "intake, courier DOWN", "2 partitions; chat; pager; file node; duty maintenance"):  # fmt: skip
        assert words in text


def test_what_needs_an_operator_is_a_problem() -> None:
    """A bridge that vanished a moment ago, one that rejects the routes, a role that no living bridge has."""
    problems = [(each.subject, each.text) for each in fleet_problems(fleet_status(FLEET))]
    assert problems == [
        ("bridge two", "it has errors"),
        ("bridge gone", "vanished 30 s ago"),
        ("bridge half", "its process for courier has not run for 20 s"),
    ]
    only = FleetSnapshot("two", FLEET.members[2:5], FleetLag())
    texts = [each.text for each in fleet_problems(fleet_status(only))]
    assert texts[:2] == ["no living bridge has the role `intake`", "no living bridge has the role `courier`"]


def test_a_bridge_that_was_replaced_is_no_problem() -> None:
    """Its host has a newer one: it was started again. Of many that ended, the latest are listed."""
    ended = tuple(member(f"old-{number}", "router", "intake", silent=30 + number) for number in range(30))
    new = MemberRecord("new", "new", "host", "1.2", 1, ("router", "intake", "memory", "courier"), 101 * SECOND, True, 0)
    fleet = fleet_status(FleetSnapshot("new", (*ended, new), FleetLag()))
    assert list(fleet_problems(fleet)) == []
    assert [each.bridge for each in fleet.bridges] == [f"old-{number}" for number in range(20)] + ["new"]


def test_a_source_names_its_reader() -> None:
    """A lease that no bridge has yet is shown as that."""
    found = readers(FLEET)
    assert [read_by(each, found) for each in ("", "file node", "file other")] == ["", "one", "no bridge yet"]


def test_files_that_wait_for_other_bridges_have_a_remedy_of_their_own(tmp_path: Path) -> None:
    """The files are correct; the other bridges do not have them."""
    path = tmp_path / "journal.db"
    open_for_router(path).close()
    remedies = [
        read_status(an_inspector(path), [], NoReload("waits for two", waits=waits)).problems[0].remedy
        for waits in (False, True)
    ]
    assert ["correct the file" in each for each in remedies] == [True, False]
    assert "other bridges" in remedies[1]
