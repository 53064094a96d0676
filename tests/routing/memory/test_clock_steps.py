"""What clauses remember is in order after the wall clock was set."""

from __future__ import annotations

from bridge.common.clocks.clock import Step
from bridge.language.program.clauses import After
from bridge.routing.memory.clauses.join import Partners
from bridge.routing.memory.clauses.unless import Sightings
from bridge.routing.memory.clock_steps import follow
from bridge.routing.state import State
from tests.routing.memory.harness import MINUTE, SECOND, START, Bench

NOW = START - 55 * SECOND
STEP = Step(-100 * SECOND, NOW, NOW)
"""By the new clock, an event of ``START + 40`` is in the future and one of ``START`` is not."""


def test_after_counts_from_the_earliest_match() -> None:
    bench = Bench(After("", 3, 2 * MINUTE, ()))
    bench.event(0)
    bench.event(40)
    bench.pass_until(45)
    bench.now = NOW
    follow(bench.state, STEP)
    bench.event(-50)
    ((_, passage),) = bench.sent
    assert (passage.first_ns, passage.last_ns) == (NOW, START)


def test_partners_and_sightings_stay_in_order() -> None:
    """Both forget the first of their list first."""
    state = State()
    later = START + 40 * SECOND
    state.load("join", b"k", Partners(((START, "a", {}), (later, "b", {}))), None)
    state.load("unless", b"k", Sightings(((START, "a"), (later, "b"))), None)
    follow(state, STEP)
    assert state.table("join").rows[b"k"].partners == ((NOW, "b", {}), (START, "a", {}))
    assert state.table("unless").rows[b"k"].times == ((NOW, "b"), (START, "a"))
