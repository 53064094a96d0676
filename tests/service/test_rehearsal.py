"""Tests of routes: their clock, and what their messages hold."""

from __future__ import annotations

import pytest

from bridge.language import Known, Source, check
from bridge.service.rehearsal import Rehearsal

ROUTES = """
schedule office = mon-fri 09:00-18:00 in "Asia/Seoul"
redact proc.cmdline matching "token=\\S+"
route "office" { when rule = a during office to pager  message "%proc.cmdline" }
"""


def failures(steps: str) -> list[str]:
    checked = check([Source("t", f'{ROUTES} test "t" {{ {steps} }}')], Known(None, None))
    assert checked.program is not None, checked.diagnostics
    return [each.message for each in Rehearsal(checked.program, {}).run(checked.tests[0])]


@pytest.mark.parametrize(
    "steps",
    [
        'event { rule = a time = "2026-03-02T03:00:00Z" } expect "office" to pager',
        'event { rule = a time = "2025-03-03T03:00:00Z" } expect "office" to pager',
        'event { rule = a } expect nothing event { rule = a time = "2026-01-06T00:00:00Z" } expect "office" to pager',
        'event { rule = a time = "2026-01-06T00:00:00Z" } expect "office" after 9h event { rule = a } expect nothing',
        'event { rule = a } expect nothing event { rule = a time = "2025-03-03T03:00:00Z" } expect nothing',
    ],
)
def test_an_events_time_sets_the_clock_forward(steps: str) -> None:
    """So a schedule can be tried; only the first event may lie before the clock's start."""
    assert failures(steps) == []


def test_a_message_is_what_would_be_sent() -> None:
    """Redacted as it would be."""
    event = 'event { rule = a time = "2026-03-02T03:00:00Z" proc.cmdline = "x token=abc" }'
    assert failures(f'{event} expect "office" message contains "x ***"') == []
    assert failures(f'{event} expect "office" message contains "abc"') != []
