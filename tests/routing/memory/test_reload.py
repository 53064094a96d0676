"""What clauses hold goes on after a reload that gave their route other clauses."""

from __future__ import annotations

import pytest

from bridge.alert import Priority, make_alert
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from tests.routing.memory.harness import SECOND, SECRET, START
from tests.support.builders import program_of

HELD = "unless rule = b within 1m by k8s.pod.name wait 10s"
GROUPED = "group by k8s.pod.name wait 40s every 5m"
THEN = "then rule = b within 1m by k8s.pod.name then rule = c within 1m by k8s.pod.name"
LIMITED = "throttle 1 per 10m by user.name"


def router_of(clauses: str) -> Router:
    return Router(program_of(f'route "r" {{ when rule = a {clauses} to ch }}'), {}, secret=SECRET)


def received(router: Router, state: State, second: int, rule: str = "a") -> list[str]:
    """The channels that are notified when this alert is received."""
    alert = make_alert(
        time_ns=START + second * SECOND, priority=Priority.WARNING, rule=rule, source="syscall", hostname="node-1",
        tags=(), output="", fields={"k8s.pod.name": "p", "user.name": "u"},
    )  # fmt: skip
    routed = router.step(state, alert, alert.time_ns)
    assert not routed.faults
    return [each.channel for each in routed.notifications]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HELD, HELD),
        (HELD, f"{HELD} {LIMITED}"),
        (HELD, f"{HELD} {GROUPED} {LIMITED}"),
        (HELD, f"new proc.name in 1h {HELD} after 3 in 1m"),
        (f"{HELD} {LIMITED}", f"{HELD} {THEN}"),
        (f"{HELD} {LIMITED}", HELD),
        (GROUPED, f"{HELD} {GROUPED} {LIMITED}"),
        (f"{GROUPED} {LIMITED}", GROUPED),
    ],
)
def test_a_held_alert_is_sent_after_a_reload(before: str, after: str) -> None:
    """Without the clauses that it has no keys for."""
    old, new, state = router_of(before), router_of(after), State()
    old.start(state, START)
    assert received(old, state, 0) == []
    new.start(state, START + SECOND)
    routed = new.step(state, Timer(), START + 40 * SECOND)
    assert [each.channel for each in routed.notifications] == ["ch"]
    assert not routed.faults


def test_the_incident_of_a_held_alert_keeps_its_key() -> None:
    """The next alert of the pod belongs to it."""
    old, new, state = router_of(GROUPED), router_of(f"{HELD} {GROUPED}"), State()
    old.start(state, START)
    received(old, state, 0)
    new.start(state, START + SECOND)
    new.step(state, Timer(), START + 40 * SECOND)
    received(new, state, 50)
    for second in (90, 340):
        new.step(state, Timer(), START + second * SECOND)
    (record,) = new.incidents(state)
    assert record.incident.count == 2
