"""The doctor on a fleet and its database: what endangers either is found, and nothing where all is well."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli.verbs.upkeep import doctor
from bridge.common.secret import Secret
from bridge.journal.location import DatabaseLocation
from bridge.journal.members import COURIER, MEMORY, ROUTER, DatabaseFacts, FleetLag, Member, MemberRecord
from bridge.journal.opening import open_for_router
from bridge.operator.inspector import FleetSnapshot
from bridge.operator.operations.fleet import fleet_problems, fleet_status
from bridge.workbench.doctor.finding import Finding, Gravity
from bridge.workbench.doctor.fleet import database, fleet, keys
from tests.support.builders import program_of
from tests.support.postgres import drop_schema, in_schema, new_schema

FACTS = DatabaseFacts(97, 20, "*", 1, "on", autovacuum=True, partitions=4, bridges=("one", "two"))
CHANNELS = ("chat", "pager")


def process(bridge: str, *roles: str, silent: int = 0, **more: Any) -> MemberRecord:
    values = {"host": f"host-{bridge}", "version": "1.2", "active": "d1", "loaded": "d1"} | more
    return MemberRecord(
        f"{bridge}-{roles[0]}", bridge, pid=1, roles=roles, started_ns=1, is_alive=not silent,
        silent_ns=silent * 1_000_000_000, **values,
    )  # fmt: skip


def well(bridge: str, partitions: tuple[str, ...], channel: str, **more: Any) -> tuple[MemberRecord, MemberRecord]:
    return (
        process(bridge, "router", "intake", "memory", leases={"partition": partitions}, **more),
        process(bridge, "courier", leases={"channel": (channel,)}, **more),
    )


ONE, TWO = well("one", ("0", "1"), "chat"), well("two", ("2", "3"), "pager")


def texts(members: tuple[MemberRecord, ...], facts: DatabaseFacts = FACTS) -> list[tuple[Gravity, str]]:
    return [(each.gravity, f"{each.subject}: {each.text}") for each in findings(members, facts)]


def findings(members: tuple[MemberRecord, ...], facts: DatabaseFacts = FACTS) -> list[Finding]:
    """With what the status of the fleet reports."""
    problems = fleet_problems(fleet_status(FleetSnapshot("", members, FleetLag())))
    reported = [Finding(Gravity.PROBLEM, each.subject, each.text, each.remedy) for each in problems]
    return list(fleet(members, CHANNELS, facts, reported))


def test_a_fleet_that_is_well_is_one_finding() -> None:
    """Also one of a single bridge; a fleet of which none is alive says nothing."""
    assert texts((*ONE, *TWO)) == [(Gravity.OK, "fleet: 2 bridges have all roles, channels and partitions")]
    single = well("one", ("0", "1", "2", "3"), "chat")
    both = replace(single[1], leases={"channel": CHANNELS})
    assert texts((single[0], both)) == [(Gravity.OK, "fleet: 1 bridge has all roles, channels and partitions")]
    assert texts((process("one", "router", "intake", silent=3),)) == []


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ((*ONE, *well("two", ("2", "3"), "pager", active="d2")),
         (Gravity.PROBLEM, "fleet: bridges use different routes (d1: one; d2: two)")),
        ((*ONE, *well("two", ("2", "3"), "pager", version="1.3")),
         (Gravity.WARNING, "fleet: bridges have different versions (1.2: one; 1.3: two)")),
        ((*ONE, *well("two", ("2", "3"), "pager", info={"clock_ahead": -300.0})),
         (Gravity.WARNING, "host host-two: its clock is 5 min behind the database's")),
        ((*ONE, *well("two", ("2",), "pager")),
         (Gravity.PROBLEM, "fleet: 1 of 4 partitions of the memory have no owner")),
        ((*ONE, *well("two", ("2", "3"), "old")), (Gravity.PROBLEM, "fleet: no bridge delivers to the channel pager")),
        ((*ONE, *TWO, process("gone", "router", "intake", silent=30)),
         (Gravity.PROBLEM, "bridge gone: vanished 30 s ago")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_fleet_is_found(members: tuple[MemberRecord, ...], found: tuple[Gravity, str]) -> None:
    """Each has one finding, and says what to do."""
    assert texts(members) == [found]
    assert all(each.remedy for each in findings(members))


def test_routes_whose_clauses_have_different_keys_are_named() -> None:
    """One bridge decides about all of their alerts. With one key, or without memory, a route is spread."""
    program = program_of("""
route "spread" { after 3 in 1m by user.name  throttle 1 per 1h by user.name  to chat }
route "together" { after 3 in 1m by user.name  throttle 1 per 1h by k8s.pod.name  to chat }
route "plain" { to chat }
""")
    assert [(each.gravity, each.subject) for each in keys(program)] == [(Gravity.OK, 'route "together"')]


def test_roles_that_no_bridge_or_only_one_has_are_found() -> None:
    """A role that no bridge has is not also reported as partitions without an owner."""
    found = texts((ONE[0], TWO[1]))
    assert (Gravity.WARNING, "fleet: only bridge two has the role `courier`; no other one replaces it") in found
    found = texts((process("one", "router", "intake"), process("two", "router", "intake")))
    assert [text for _, text in found] == [
        f"fleet: no living bridge has the role `{role}`" for role in (MEMORY, COURIER)
    ]


@pytest.mark.parametrize(
    ("changed", "gravity", "words"),
    [
        ({}, Gravity.OK, "77 more connections"),
        ({"used_connections": 90}, Gravity.WARNING, "90 of 97 connections are in use"),
        ({"standby_names": "", "standbys": 0}, Gravity.WARNING, "no synchronous standby"),
        ({"standbys": 0}, Gravity.PROBLEM, "none is connected"),
        ({"synchronous_commit": "off"}, Gravity.PROBLEM, "synchronous_commit is off"),
        ({"synchronous_commit": "local"}, Gravity.WARNING, "synchronous_commit is local"),
        ({"autovacuum": False}, Gravity.PROBLEM, "autovacuum is off"),
    ],
)
def test_settings_of_the_database_that_endanger_the_journal_are_found(
    changed: dict[str, Any], gravity: Gravity, words: str
) -> None:
    """Durability, connections, vacuum."""
    (found,) = database(replace(FACTS, **changed))
    assert found.gravity is gravity
    assert words in found.text
    assert bool(found.remedy) is (gravity is not Gravity.OK)


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    schema = new_schema()
    yield in_schema(postgres, schema)
    drop_schema(postgres, schema)


def test_the_command_reads_the_database(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether a bridge answers on this machine or not: the fleet's other bridges may live."""
    config = {
        "sources": [{"http": "127.0.0.1:2801"}], "channels": {"chat": "json://127.0.0.1:1/"}, "routes": ["a.route"],
        "journal": {"url": url, "path": str(tmp_path / "local")},
    }  # fmt: skip
    (tmp_path / "falco-bridge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (tmp_path / "a.route").write_text('route "all" { to chat }\n', encoding="utf-8")
    member = Member("r", "far-away", "far", "9.9", 1, (ROUTER, "intake", "memory"), lease_seconds=60)
    args = Namespace(config=tmp_path / "falco-bridge.yaml", json=True, since=None, until=None, verb="doctor")
    with closing(open_for_router(DatabaseLocation(Secret(url), tmp_path / "far"), None, member)):
        assert doctor.run(args) == 1
    found = [Finding(**each | {"lines": ()}) for each in json.loads(capsys.readouterr().out)]
    shown = [(each.subject, each.text) for each in found]
    assert ("fleet", "no living bridge has the role `courier`") in shown
    assert any("no synchronous standby" in text for subject, text in shown if subject == "database")
