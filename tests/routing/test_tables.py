"""Tables: which row fits an alert, and the channels that it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.language.checker.check import Checked, check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.matching.glob import glob_test
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.route_tests import RouteTestRunner
from tests.support.builders import alert

CSV = """k8s.ns.name,proc.name,team,channel
payments,*,Payments,pay
payments,bash,"Payments, shells",pay
pay*,*,Prefix,prefix
payments-*,*,Longer prefix,
*,nginx,Web,web
*,*,Platform,triage
"""
CHANNELS = frozenset({"pay", "prefix", "web", "triage", "oncall", "secops"})


def checked(routes: str, table: str = CSV) -> Checked:
    text = f'table owners = "owners.csv" by k8s.ns.name, proc.name\n{routes}'
    found = check([SourceText("r.route", text)], Known(CHANNELS, None), lambda _from, name: SourceText(name, table))
    assert found.program is not None, found.diagnostics
    return found


def router(routes: str, table: str = CSV) -> Router:
    program = checked(routes, table).program
    assert program is not None
    return Router(program, {})


def team_of(to: Router, **fields: str) -> str | None:
    return to.complete(alert(fields={name.replace("__", "."): value for name, value in fields.items()})).get(
        "owners.team"
    )


@pytest.mark.parametrize(
    ("namespace", "process", "team"),
    [
        ("payments", "bash", "Payments, shells"),
        ("payments", "sh", "Payments"),
        ("payments", "nginx", "Payments"),
        ("payments-eu", "sh", "Longer prefix"),
        ("pay", "sh", "Prefix"),
        ("web", "nginx", "Web"),
        ("Payments", "bash", "Platform"),
        ("payments ", "bash", "Prefix"),
    ],
)
def test_the_most_specific_row_fits(namespace: str, process: str, team: str) -> None:
    """Exact values, then the glob with more letters, then ``*``."""
    assert team_of(router('route "r" { to secops }'), k8s__ns__name=namespace, proc__name=process) == team


def test_only_a_star_fits_a_missing_value() -> None:
    """A glob that matches everything does not."""
    assert team_of(router('route "r" { to secops }')) == "Platform"
    table = "k8s.ns.name,proc.name,team\n?*,*,Some\n"
    assert team_of(router('route "r" { to secops }', table)) is None
    assert team_of(router('route "r" { to secops }', table), k8s__ns__name="x") == "Some"


@given(st.lists(st.text("ab*?", min_size=1, max_size=4), unique=True, max_size=8), st.text("ab", max_size=4))
def test_the_row_is_that_of_the_naive_definition(patterns: list[str], value: str) -> None:
    """The exact one; else, of those that match, the one with the most letters, the first of equals; ``*`` last."""
    table = "k8s.ns.name,proc.name,team\n" + "".join(f"{each},*,t{at}\n" for at, each in enumerate(patterns))
    found = team_of(router('route "r" { to secops }', table), k8s__ns__name=value)
    fitting = [each for each in patterns if glob_test(each, fold=False)(value)]
    exact = [each for each in fitting if each == value]
    letters = {each: sum(sign in "ab" for sign in each) for each in fitting}
    best = exact[:1] or sorted(fitting, key=lambda each: -letters[each])[:1]
    assert found == (f"t{patterns.index(best[0])}" if best else None)


def test_a_sender_cannot_choose_a_column() -> None:
    """A field that is named like a column is removed, also where no row fits."""
    routes = router('route "r" { to owners.channel else secops }', "k8s.ns.name,proc.name,channel\na,b,pay\n")
    forged = alert(fields={"owners.channel": "oncall", "owners.other": "x", "k8s.ns.name": "z"})
    completed = routes.complete(forged)
    assert completed.id == forged.id
    assert dict(completed.fields) == {"k8s.ns.name": "z"}
    assert [each.channel for each in routes.step(State(), completed, 0).notifications] == ["secops"]
    assert [each.channel for each in routes.step(State(), forged, 0).notifications] == ["secops"]


@given(st.dictionaries(st.sampled_from(["k8s.ns.name", "proc.name", "owners.channel"]), st.text(max_size=8)))
def test_only_channels_of_the_table_and_of_else_are_chosen(fields: dict[str, str]) -> None:
    """For any alert, also one that was not completed."""
    routes = router('route "r" { to owners.channel else secops }')
    for each in (alert(fields=fields), routes.complete(alert(fields=fields))):
        chosen = {notification.channel for notification in routes.step(State(), each, 0).notifications}
        assert len(chosen) == 1
        assert chosen <= {"pay", "prefix", "web", "triage", "secops"}


def test_completing_twice_changes_nothing() -> None:
    """History is matched again with the same result."""
    routes = router('route "r" { when owners.team = Web to secops }')
    once = routes.complete(alert(fields={"proc.name": "nginx"}))
    assert routes.complete(once) == once


TESTS = """
route "shell" {
  when      proc.name = bash
  to        owners.channel else secops
  to        owners.channel else oncall after 15m
  title     "%owners.team"
}
route "digest" { when proc.name = sh  group by rule wait 30s  to owners.channel else secops }
route "limited" { when proc.name = dd  throttle 1 per 10m by rule  to owners.channel else secops }
route "pair" { when proc.name = curl  then proc.name = wget within 5m by user.name  to owners.channel else secops }
otherwise { to owners.channel }

test "each alert goes to its owner, and so does its escalation" {
  event { proc.name = bash  k8s.ns.name = payments }
  expect "shell" to pay
  event { proc.name = bash  k8s.ns.name = payments-eu }
  expect "shell" to secops
  event { proc.name = ls  k8s.ns.name = pays }
  expect "otherwise" to prefix
  event { proc.name = nginx }
  expect "otherwise" to web
  after 15m
  expect "shell" to pay count 1
  expect "shell" to oncall count 1
}

test "a digest has the alerts of one destination" {
  event { proc.name = sh  k8s.ns.name = payments }
  event { proc.name = sh  k8s.ns.name = payments  user.name = a }
  event { proc.name = sh  k8s.ns.name = other }
  after 30s
  expect "digest" to pay count 1 message contains "2 alerts"
  expect "digest" to triage count 1
}

test "a summary goes to the owner of what it is about" {
  event { proc.name = dd  k8s.ns.name = payments }
  expect "limited" to pay
  event { proc.name = dd  k8s.ns.name = other }
  expect nothing
  after 10m
  expect "limited" to triage count 1
}

test "a sequence goes to the owner of its first step" {
  event { proc.name = curl  k8s.ns.name = payments  user.name = a }
  event { proc.name = wget  k8s.ns.name = other  user.name = a }
  expect "pair" to pay
  expect "otherwise" to triage
}
"""


@pytest.mark.parametrize("name", [case.name for case in checked(TESTS).tests])
def test_destinations_with_memory(name: str) -> None:
    """Held alerts, digests, summaries and escalations keep the destination of their alert."""
    found = checked(TESTS)
    (case,) = [each for each in found.tests if each.name == name]
    assert found.program is not None
    assert not RouteTestRunner(Router(found.program, {}), {}).run(case)
