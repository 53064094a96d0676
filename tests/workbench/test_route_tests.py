"""Tests of routes: their clock, and what their messages hold."""

from __future__ import annotations

import pytest

from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.routing.router import Router
from bridge.workbench.route_tests import RouteTestRunner

ROUTES = """
schedule office = mon-fri 09:00-18:00 in "Asia/Seoul"
redact proc.cmdline matching "token=\\S+"
route "office" { when rule = a during office to pager  message "%proc.cmdline" }
"""


def failures(steps: str) -> list[str]:
    checked = check([SourceText("t", f'{ROUTES} test "t" {{ {steps} }}')], Known(None, None))
    assert checked.program is not None, checked.diagnostics
    return [each.message for each in RouteTestRunner(Router(checked.program, {}), {}).run(checked.tests[0])]


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


def test_clauses_with_memory_act_in_virtual_time() -> None:
    """Counts, windows, digests, summaries, escalations and silences, with the texts that people read."""
    text = """
route "often" { when rule = a after 3 in 5m by user.name to pager }
route "burst" { when rule = b throttle 1 per 10m to chat }
route "noise" { when rule = c group by k8s.pod.name wait 30s to chat }
route "page"  { when rule = d to pager to boss after 15m throttle 1 per 1h }
route "who"   { when rule = g with audit = source = k8s_audit within 30s by k8s.pod.name = ka.target.name to chat
                title "%audit.ka.user.name in %k8s.pod.name" }
route "quiet" { when rule = h unless rule = i within 5m by user.name to chat }
route "wide"  { when rule in (j, k, l) after 3 distinct rule in 10m by k8s.pod.name to chat }
route "chain" { when rule = m then rule = n within 1m by user.name to chat title "%user.name, then %2.proc.cmdline" }
route "left"  { when rule = e then not rule = f within 1m by user.name to chat }
test "after" {
  event { rule = a user.name = root } event { rule = a user.name = bob } event { rule = a user.name = root }
  expect nothing
  event { rule = a user.name = root }
  expect "often" to pager message contains "(3 alerts since 12:00 UTC)"
}
test "throttle" {
  event { rule = b } event { rule = b } event { rule = b }
  expect "burst" to chat count 1
  after 10m
  expect "burst" to chat count 1 message contains "2 more since 12:00 UTC, the last: b"
}
test "group" {
  event { rule = c k8s.pod.name = api-0 proc.cmdline = "rm 1" }
  event { rule = c k8s.pod.name = api-0 proc.cmdline = "rm 2" }
  event { rule = c k8s.pod.name = api-1 }
  expect nothing
  after 30s
  expect "noise" to chat count 2 message contains "2 alerts: c"
}
test "escalation" {
  event { rule = d }
  expect "page" to pager
  after 15m
  expect "page" to boss message contains "Not acknowledged for 15 min: d"
}
test "acknowledged" { event { rule = d } expect "page" to pager ack "page" after 1h expect nothing }
test "resolved" {
  event { rule = d } expect "page" to pager
  resolve "page" after 1h
  expect nothing
  event { rule = d } expect "page" to pager
  after 15m
  expect "page" to boss
}
test "with" {
  event { rule = g k8s.pod.name = api-0 }
  event { source = k8s_audit rule = audit ka.target.name = api-0 ka.user.name = alice }
  expect "who" to chat message contains "alice in api-0"
}
test "unless" {
  event { rule = i user.name = root } event { rule = h user.name = root } event { rule = h user.name = bob }
  expect "quiet" to chat count 1
}
test "distinct" {
  event { rule = j k8s.pod.name = a } event { rule = j k8s.pod.name = a } event { rule = k k8s.pod.name = a }
  expect nothing
  event { rule = l k8s.pod.name = a }
  expect "wide" to chat
}
test "steps" {
  event { rule = m user.name = root } event { rule = n user.name = root proc.cmdline = "curl x" }
  expect "chain" to chat message contains "root, then curl x"
}
test "then not" {
  event { rule = e user.name = root } event { rule = e user.name = bob } event { rule = f user.name = root }
  expect nothing
  after 2m
  expect "left" to chat count 1
}
test "silence" {
  silence rule = d for 1h
  event { rule = d }
  expect nothing
  after 2h
  event { rule = d }
  expect "page" to pager
}
"""
    assert results(text) == dict.fromkeys(
        (
            "after",
            "throttle",
            "group",
            "escalation",
            "acknowledged",
            "resolved",
            "with",
            "unless",
            "distinct",
            "steps",
            "then not",
            "silence",
        ),
        (),
    )


def test_equal_events_of_one_moment_are_different_alerts_at_exactly_that_time() -> None:
    """So a step can follow at once, and the limits of windows are those that the test states."""
    text = """
route "again" { when rule = a then rule = a within 5m by user.name to pager }
route "often" { when rule = b after 3 in 5m to pager  message "from %first to %last" }
test "again" { event { rule = a } expect nothing event { rule = a } expect "again" to pager }
test "again at a stated time" {
  event { rule = a time = "2026-01-05T13:00:00Z" } event { rule = a time = "2026-01-05T13:00:00Z" }
  expect "again" to pager count 1
}
test "often" {
  event { rule = b } event { rule = b } event { rule = b }
  expect "often" to pager message contains "from 2026-01-05T12:00:00.000000000Z to 2026-01-05T12:00:00.000000000Z"
}
"""
    assert results(text) == {"again": (), "again at a stated time": (), "often": ()}


def test_an_event_comes_before_what_is_due_at_its_moment() -> None:
    """So it takes the slot that is free from then on, and carries the count; and it is in the digest."""
    text = """
route "burst" { when rule = b throttle 1 per 10m to chat }
route "noise" { when rule = c group by k8s.pod.name wait 30s to chat }
test "after the window" {
  event { rule = b } event { rule = b } expect "burst" to chat count 1
  after 10m
  event { rule = b } expect "burst" to chat count 1  expect "burst" to chat message contains "(+1 held back)"
  after 10m expect nothing
}
test "at a stated time" {
  event { rule = b time = "2026-01-05T13:00:00Z" } event { rule = b }
  event { rule = b time = "2026-01-05T13:10:00Z" }
  expect "burst" to chat count 2  expect "burst" to chat message contains "(+1 held back)"
}
test "no event" {
  event { rule = b } event { rule = b } expect "burst" to chat count 1
  after 10m expect "burst" to chat message contains "1 more since 12:00 UTC"
}
test "digest" {
  event { rule = c k8s.pod.name = p } after 30s event { rule = c k8s.pod.name = p }
  expect "noise" to chat count 1  expect "noise" to chat message contains "2 alerts"
}
"""
    assert results(text) == {"after the window": (), "at a stated time": (), "no event": (), "digest": ()}


def test_an_events_missing_values_are_those_of_a_real_alert() -> None:
    """``<NA>`` is a missing value, except in the fields of processes; the clock fields follow the time."""
    text = """
route "often" { when rule = a after 2 in 5m by user.name to pager }
route "named" { when rule = b and proc.name exists and not user.name exists to pager }
route "clock" { when rule = c and evt.time.s = "12:00:00" to pager }
test "one key" { event { rule = a } event { rule = a user.name = "<NA>" } expect "often" to pager }
test "process" { event { rule = b proc.name = "<NA>" user.name = "<NA>" } expect "named" to pager }
test "clock" { event { rule = c evt.time.s = "13:00:00" } expect "clock" to pager }
"""
    assert results(text) == {"one key": (), "process": (), "clock": ()}


def test_a_digest_names_the_worst_and_the_command_that_lists_all() -> None:
    """The command quotes the route's name, and contains nothing of an alert."""
    text = """
route "it's noise" { when rule = a group by k8s.pod.name wait 30s limit 2 to pager message "%user.name in %k8s.pod.name" }
test "worst two of three" {
  event { rule = a k8s.pod.name = api user.name = u1 priority = notice }
  event { rule = a k8s.pod.name = api user.name = u2 priority = critical }
  event { rule = a k8s.pod.name = api user.name = u3 priority = error }
  after 30s
  expect "it's noise" to pager count 1 message contains "[CRITICAL] a — u2 in api"
  expect "it's noise" to pager message contains "[ERROR] a — u3 in api"
  expect "it's noise" to pager message contains
    "… and 1 more: falco-bridge history --route 'it'\\"'\\"'s noise' --since 2026-01-05T11:59:00Z --limit 0"
}
"""
    assert results(text) == {"worst two of three": ()}
    one = text.replace("limit 2", "limit 1").replace("1 more", "2 more")
    (message,) = results(one)["worst two of three"]
    assert message.startswith('no message contains "[ERROR] a — u3 in api"')


def test_the_reason_of_a_clause_with_memory_is_given() -> None:
    """With its numbers."""
    text = """
route "often" { when rule = a after 3 in 5m to pager }
test "one of three" { event { rule = a } expect "often" to pager }
"""
    (message,) = results(text)["one of three"]
    assert message == (
        'route "often" sent nothing: the route had not yet matched as often as its `after` requires (1 of 3 since 12:00)'
    )


def results(text: str) -> dict[str, tuple[str, ...]]:
    """The failures of each test of a route file."""
    checked = check([SourceText("t", text)], Known(None, None))
    assert checked.program is not None, checked.diagnostics
    runner = RouteTestRunner(Router(checked.program, {}), {})
    return {case.name: tuple(each.message for each in runner.run(case)) for case in checked.tests}


def test_a_count_of_zero_names_the_negative_expectation() -> None:
    """`from 1 to 1000000` did not say how to expect nothing."""
    steps = 'event { rule = a } expect "office" count 0'
    (problem,) = check([SourceText("t", f'{ROUTES} test "t" {{ {steps} }}')], Known(None, None)).diagnostics
    assert problem.hint == 'write `expect not "office"`'
