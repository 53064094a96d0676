"""Clauses behind one that holds alerts: they compare the times of events, however late an alert reaches them."""

from __future__ import annotations

import pytest

from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.routing.router import Router
from bridge.workbench.route_tests import RouteTestRunner

UNLESS = "unless rule = planned within 10m by user.name wait 30s"
WITH = "with audit = rule = audit within 30s by user.name"
AUDIT = "event { rule = audit  user.name = u  ka.user.name = alice }"
NAMED = 'expect "r" to pager count 1 message contains "by alice"'


def failures(clauses: str, steps: str) -> list[str]:
    text = 'message "by %audit.ka.user.name"' if WITH in clauses else ""
    route = f'route "r" {{ when rule = a  {clauses}  to pager  {text} }}'
    steps = steps.replace("A;", "event { rule = a  user.name = u }").replace("B;", "event { rule = b  user.name = u }")
    checked = check([SourceText("t", f'{route} test "t" {{ {steps} }}')], Known(None, None))
    assert checked.program is not None, checked.diagnostics
    return [each.message for each in RouteTestRunner(Router(checked.program, {}), {}).run(checked.tests[0])]


@pytest.mark.parametrize(
    ("clauses", "steps"),
    [
        (f"{UNLESS} then rule = b within 5m by user.name", 'A; after 5s B; after 10m expect "r" to pager count 1'),
        (f"{UNLESS} then rule = b within 5m by user.name", 'A; after 65s B; expect "r" to pager count 1'),
        (f"{UNLESS} then rule = b within 10s by user.name", "A; after 11s B; after 10m expect nothing"),
        (f"{UNLESS} then not rule = b within 5m by user.name", "A; after 5s B; after 10m expect nothing"),
        (f"{UNLESS} then not rule = b within 5s by user.name", 'A; after 5s B; after 2m expect "r" to pager count 1'),
        (f"{UNLESS} after 2 in 10s by user.name", 'A; after 9s A; after 2m expect "r" to pager count 1'),
        (f"{UNLESS} after 2 in 10s by user.name", "A; after 10s A; after 2m expect nothing"),
        (f"{UNLESS} absent 20s by user.name", 'A; after 5s A; after 5s A; after 10m expect "r" to pager count 1'),
        (f"{UNLESS} {WITH}", f"{AUDIT} after 29s A; after 2m {NAMED}"),
        (f"{UNLESS} {WITH}", f"A; after 9s {AUDIT} after 2m {NAMED}"),
        (f"then rule = b within 5m by user.name {WITH}", f"{AUDIT} A; after 4m B; {NAMED}"),
        (f"then rule = b within 5m by user.name {WITH}", f"A; after 9s {AUDIT} after 4m B; {NAMED}"),
        (f"then not rule = b within 5m by user.name {WITH}", f"{AUDIT} A; after 6m {NAMED}"),
        (f"absent 5m by user.name {WITH}", f"{AUDIT} A; after 6m {NAMED}"),
    ],
)  # fmt: skip
def test_what_came_while_an_alert_was_held_counts(clauses: str, steps: str) -> None:
    """It was received long before the held alert arrived at the clause, and is neither forgotten nor out of time."""
    assert failures(clauses, steps) == []


def test_of_two_partners_at_one_moment_the_later_arrival_is_joined() -> None:
    """Later means a greater time, or at equal times a later arrival."""
    other = AUDIT.replace("alice", "bob")
    assert failures(WITH, f"{other} {AUDIT} A; {NAMED}") == []
