"""Deciding in halves has the same result as deciding at once."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.alert import Alert, Priority, make_alert
from bridge.routing import Routed
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.partitions.matches import decode_match
from bridge.routing.partitions.placement import RoutePartitions, key_fields
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.state import State, Timer
from tests.conftest import FULL
from tests.routing.memory.harness import SECOND, SECRET, START, condition
from tests.routing.partitions.divided import COUNT, DividedRouter, DividedState
from tests.support.builders import program_of

PROGRAM = program_of("""
route "quiet" { when rule = c throttle 1 per 20s by k8s.pod.name to chat, pages severity critical }
route "plain" { when rule in (a, b, c, d) to chat }
route "keyed" { when rule = a throttle 2 per 10s by k8s.pod.name to chat, pages title "%rule in %k8s.pod.name" }
route "other" { when rule = a throttle 1 per 5s by user.name to chat, mail }
route "seen" { when rule = b new user.name in 30s to mail, chat }
route "mixed" { when rule = a after 2 in 10s by user.name throttle 1 per 9s by k8s.pod.name to mail }
route "chain" { when rule = a then rule = b within 8s by k8s.pod.name = user.name to chat message "%2.user.name" }
route "joined" { when rule = b with who = rule = c within 5s by user.name wait 3s to mail title "%who.k8s.pod.name" }
route "ended" { when rule = d drop }
otherwise { to mail }
""")
CHANNELS = IncidentChannels(known=frozenset({"pages"}), resolved=frozenset({"mail"}))
ALERTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.sampled_from("abcdz"), st.sampled_from("pq"), st.sampled_from("pqr")),
    max_size=30,
)  # fmt: skip
SILENCES = Silences([Silence("s1", condition("user.name = r"), 0, 1 << 62)], {})


def received(history: list[tuple[int, int, str, str, str]]) -> list[tuple[int, Alert]]:
    found, now = [], START
    for number, (gap, late, rule, pod, user) in enumerate(history):
        now += gap * SECOND
        alert = make_alert(
            time_ns=now - late * SECOND, priority=Priority.NOTICE, rule=rule, source="syscall", hostname="n", tags=(),
            output="", fields={"k8s.pod.name": pod, "user.name": user, "evt.num": str(number)},
        )  # fmt: skip
        found.append((now, alert))
    return found


def outcome(at: int, routed: Routed) -> list[str]:
    """What was decided and what is sent, in no order."""
    return [f"{at} {each}" for each in routed.decisions] + sorted(f"{at} {each}" for each in routed.notifications)


def run(router: Router, state: State, history: list[tuple[int, Alert]], silences: Silences) -> list[str]:
    lines: list[str] = []
    alerts = {alert.id: alert for _, alert in history}
    router.start(state, START)
    for now, alert in [*history, (START + 10_000 * SECOND, None)]:
        while (due := state.next_due()) is not None and due <= now:
            lines += outcome(due, router.step(state, Timer(alerts), due, silences))
        if alert is not None:
            lines += outcome(now, router.step(state, alert, now, silences, alerts.get))
    return lines


@pytest.mark.parametrize("silences", [Silences((), {}), SILENCES], ids=["loud", "silenced"])
@settings(max_examples=1000 if FULL else 40, deadline=None)
@given(ALERTS)
def test_the_same_alerts_have_the_same_result(
    silences: Silences, history: list[tuple[int, int, str, str, str]]
) -> None:
    """Decisions, merged notifications, digests, summaries and resolves, whatever the partitions of the keys are."""
    state = DividedState()
    state.router = DividedRouter(PROGRAM, SECRET, CHANNELS)
    at_once = run(Router(PROGRAM, {}, secret=SECRET, incident_channels=CHANNELS), State(), received(history), silences)
    assert run(state.router, cast("State", state), received(history), silences) == at_once


def test_a_route_with_one_key_is_spread_and_one_with_several_is_not() -> None:
    routes = {route.name: route for route in PROGRAM.routes}
    assert key_fields(routes["keyed"]) == ("k8s.pod.name",)
    assert key_fields(routes["chain"]) == ("k8s.pod.name",)
    assert key_fields(routes["mixed"]) == ()
    assert key_fields(routes["plain"]) is None
    spread = {RoutePartitions(routes["keyed"], 32).of_key(bytes([each]) * 16) for each in range(200)}
    assert spread == set(range(32))
    assert len({RoutePartitions(routes["mixed"], 32).of_key(bytes([each]) * 16) for each in range(200)}) == 1


def test_a_match_under_other_routes_is_found_by_the_identity_of_its_clauses() -> None:
    """The route has another place and one clause less; the clause that it still has knows the key."""
    before = program_of('route "r" { when rule = a after 1 in 9s by user.name throttle 1 per 9s by user.name to chat }')
    after = program_of(
        'route "q" { when rule = z to chat } route "r" { when rule = a throttle 1 per 9s by user.name to chat }'
    )
    one, other = DividedRouter(before, SECRET), DividedRouter(after, SECRET)
    (first, second) = received([(0, 0, "a", "p", "u"), (1, 0, "a", "p", "u")])
    state = State()
    for router, (now, alert) in ((one, first), (other, second)):
        ((_, body),) = Router.route(one, State(), alert, now).matches
        (decision,) = router.take(state, decode_match(body)).decisions
        assert decision.route == "r"
        assert decision.reason == ("sent" if router is one else "throttled")


def test_a_partition_holds_its_share_of_the_keys() -> None:
    """Of a route whose keys are in one partition, all; of the others a part, with room for an uneven spread."""
    shared = DividedRouter(PROGRAM, SECRET).shared
    assert shared is not None
    state = shared.state()
    assert shared.count == COUNT
    tables = {each.partition("\n")[0]: state.table(each) for each in shared.engine.clauses}
    assert tables["mixed"].limit == state.keys_per_table
    assert tables["keyed"].limit == state.keys_per_table * 2 // COUNT
