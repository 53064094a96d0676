"""What recorded alerts say to ``new`` and ``absent`` at their first run."""

from __future__ import annotations

from bridge.alert import Alert
from bridge.matching import Matcher
from bridge.routing import Reason
from bridge.routing.memory.look_back import LookBack, pending
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from tests.routing.memory.harness import MINUTE, SECOND, START
from tests.support.builders import alert, program_of

NEW = 'route "new" { when rule = exec new proc.name in 10m to chat }'
ABSENT = 'route "absent" { when rule = exec absent 5m by hostname to chat }'


def event(at_ns: int, name: str = "a", hostname: str = "h", rule: str = "exec") -> Alert:
    return alert(at_ns, rule=rule, hostname=hostname, fields={"proc.name": name})


def started(routes: str, state: State | None = None) -> tuple[Router, State]:
    router = Router(program_of(routes), {})
    state = state or State()
    router.prepare_look_back(state, START)
    router.start(state, START)
    return router, state


def begun(router: Router, state: State) -> LookBack:
    found = router.look_back(state, START)
    assert found is not None
    return found


def reason(router: Router, state: State, received: Alert) -> Reason:
    return router.step(state, received, received.time_ns).decisions[0].reason


def test_only_what_the_route_matches_counts_and_nothing_is_decided() -> None:
    router, state = started(NEW)
    found = begun(router, state)
    found.collect(state, [(event(START - MINUTE, "x", rule="other"), START), (event(START - MINUTE, "y"), START)])
    assert found.apply(state, START, 100)
    assert reason(router, state, event(START + 1, "x")) is Reason.SENT
    assert reason(router, state, event(START + 2, "y")) is Reason.NOT_NEW
    assert router.look_back(state, START) is None


def test_a_recorded_alert_does_not_replace_a_later_one() -> None:
    router, state = started(NEW)
    assert reason(router, state, event(START + 5 * MINUTE)) is Reason.LEARNING
    found = begun(router, state)
    found.collect(state, [(event(START - 9 * MINUTE), START), (event(START - MINUTE), START)])
    assert found.apply(state, START, 100)
    assert reason(router, state, event(START + 14 * MINUTE)) is Reason.NOT_NEW


def test_what_is_found_is_used_in_steps() -> None:
    router, state = started(NEW + ABSENT)
    found = begun(router, state)
    assert found.routes == ("new", "absent")
    found.collect(state, [(event(START - MINUTE, str(n), f"h{n}"), START) for n in range(10)])
    steps = 0
    while not found.apply(state, START, 3):
        steps += 1
        assert router.look_back(state, START) is not None
    assert steps == 6
    assert router.look_back(state, START) is None


def test_more_keys_than_there_is_room_for_do_not_push_out_any() -> None:
    """The latest are used. ``absent`` reports no key because of it."""
    router, state = started(ABSENT, State(keys_per_table=10))
    found = begun(router, state)
    found.collect(state, [(event(START - MINUTE + n, hostname=f"h{n}"), START) for n in range(50)])
    assert found.apply(state, START, 100)
    assert not state.is_too_large
    hosts = {row.passage.event_ns - START + MINUTE for _, row in state.tables[next(iter(state.tables))].rows()
             if hasattr(row, "passage")}  # fmt: skip
    assert hosts
    assert hosts <= set(range(40, 50))


def test_a_clause_that_gave_up_passes_what_is_unknown() -> None:
    router, state = started(NEW)
    found = begun(router, state)
    found.give_up(state)
    assert router.look_back(state, START) is None
    assert reason(router, state, event(START + SECOND)) is Reason.SENT


def test_an_alert_that_cannot_be_read_concerns_no_other() -> None:
    """The alerts before and after it are used."""
    router, state = started(NEW)
    assert router.engine is not None

    def complete(recorded: Alert) -> Alert:
        if recorded.fields["proc.name"] == "bad":
            raise ValueError
        return recorded

    clauses = pending(router.engine, state, START)
    found = LookBack(router.engine, Matcher(router.program, {}), complete, clauses)
    found.collect(state, [(event(START - MINUTE, name), START) for name in ("x", "bad", "y")])
    assert found.apply(state, START, 100)
    reasons = [reason(router, state, event(START + n, name)) for n, name in enumerate(("x", "bad", "y"))]
    assert reasons == [Reason.NOT_NEW, Reason.SENT, Reason.NOT_NEW]


def test_a_key_is_not_silent_while_a_clause_holds_its_latest_alert() -> None:
    """The alert was received in time, and reaches ``absent`` after its wait."""
    held = ABSENT.replace("absent 5m", "unless rule = planned within 10m by hostname wait 1m absent 5m")
    router, state = started(held)
    found = begun(router, state)
    found.collect(state, [(event(START - 4 * MINUTE), START)])
    assert found.apply(state, START, 100)
    assert reason(router, state, event(START + 10 * SECOND)) is Reason.WAITING
    reported = []
    while (due_ns := state.next_due()) is not None:
        reported += [due_ns - START for _ in router.step(state, Timer(), due_ns).notifications]
    assert reported == [(10 + 300 + 60 + 30 + 30) * SECOND]
