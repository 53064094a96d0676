"""Explanations: what each route did with an alert, by the router that decides, compiled once."""

from __future__ import annotations

import pytest

from bridge.matching import matcher
from bridge.routing.router import Router
from bridge.workbench.explanation import Explainer, MatchResult
from tests.support.builders import alert, program_of

TEXT = """
schedule office = mon-fri 09:00-18:00 in "Asia/Seoul"
route "day" { when rule = a during office to x }
route "first" { when rule = a to x stop }
route "later" { when rule = a to y }
route "quiet" { when rule = b drop }
route "all" { to z }
"""
MONDAY_NIGHT = 1_767_614_400_000_000_000


def results(rule: str, source: str = "syscall") -> list[tuple[str, MatchResult, str]]:
    explainer = Explainer(Router(program_of(TEXT), {}), {})
    explained = explainer.explain(alert(rule=rule, source=source), MONDAY_NIGHT)
    return [(each.route.name, each.result, each.detail) for each in explained.routes]


def test_each_route_has_its_result_and_why() -> None:
    """Outside its schedule, stopped by an earlier route, or no match."""
    assert results("a") == [
        ("day", MatchResult.NO_MATCH, "schedule `office` does not hold at this time"),
        ("first", MatchResult.MATCHED, ""),
        ("later", MatchResult.STOPPED, '"first" stopped the alert'),
        ("quiet", MatchResult.STOPPED, '"first" stopped the alert'),
        ("all", MatchResult.STOPPED, '"first" stopped the alert'),
    ]
    assert [result for _, result, _ in results("b")][3:] == [MatchResult.DROPPED, MatchResult.STOPPED]


def test_an_internal_alert_is_explained() -> None:
    """A route without a condition does not get it."""
    assert results("c", "internal")[4] == (
        "all", MatchResult.NO_MATCH, "internal alerts reach only routes that test `source`",
    )  # fmt: skip


def test_notifications_are_those_of_the_router() -> None:
    """One for each channel."""
    explained = Explainer(Router(program_of(TEXT), {}), {}).explain(alert(rule="a"), MONDAY_NIGHT)
    assert [(each.channel, each.routes) for each in explained.notified] == [("x", ("first",))]
    assert explained.routes[1].condition is not None
    assert explained.routes[1].condition.holds


def test_the_routes_are_compiled_once_for_many_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling a thousand routes takes a tenth of a second; an alert must not pay for it."""
    compiled = 0

    class Counting(matcher.Index):
        def __init__(self, *arguments: object) -> None:
            nonlocal compiled
            compiled += 1
            super().__init__(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(matcher, "Index", Counting)
    explainer = Explainer(Router(program_of(TEXT), {}), {})
    for number in range(5):
        explainer.explain(alert(number, rule="a"), MONDAY_NIGHT)
    assert compiled == 1
