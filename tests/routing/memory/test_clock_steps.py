"""What clauses remember is in order after the wall clock was set."""

from __future__ import annotations

import pytest

from bridge.alert import Priority
from bridge.common.clocks.clock import Step
from bridge.language.program.clauses import Absent, After, New, Pair, With
from bridge.routing.memory.clauses.join import Partners
from bridge.routing.memory.clauses.unless import Sightings
from bridge.routing.memory.clock_steps import follow
from bridge.routing.state import State
from tests.routing.memory.harness import MINUTE, SECOND, START, Bench, condition

PAIRS = (Pair("k8s.pod.name", "k8s.pod.name"),)
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
    assert state.table("join").get(b"k").partners == ((NOW, "b", {}), (START, "a", {}))
    assert state.table("unless").get(b"k").times == ((NOW, "b"), (START, "a"))


def test_an_alert_that_waits_is_joined_with_one_of_the_same_time() -> None:
    """Both are in the future by the new clock, and count as received now."""
    bench = Bench(With("w", "audit", condition("rule = b"), 5 * SECOND, PAIRS, 10 * SECOND))
    bench.receive(40, "a", Priority.WARNING, {"k8s__pod__name": "p"})
    bench.now = NOW
    follow(bench.state, Step(NOW - START, NOW, NOW))
    bench.receive(40, "b", Priority.WARNING, {"k8s__pod__name": "p"})
    ((_, passage),) = bench.sent
    assert len(passage.alerts) == 2


@pytest.mark.parametrize("hours", [-2, 2])
def test_learning_is_as_long_as_without_the_step(hours: int) -> None:
    """The clock of the bridge was wrong while the route began, and the events have the right time from then on."""
    bench = Bench(New("n", ("k8s.pod.name",), 3600 * SECOND, learn_ns=3600 * SECOND))
    bench.event(0, k8s__pod__name="p")
    step = hours * 3600
    bench.now += step * SECOND
    follow(bench.state, Step(step * SECOND, bench.now, bench.now))
    bench.event(step + 3599, k8s__pod__name="q")
    bench.event(step + 3600, k8s__pod__name="r")
    assert bench.reasons == ["learning", "learning", "sent"]


@pytest.mark.parametrize("by", [-3600, -30, 3600])
def test_evicted_keys_are_let_through_as_often_as_without_the_step(by: int) -> None:
    """One in each window of the bridge's own time."""
    bench = Bench(After("a", 3, MINUTE, ("k8s.pod.name",)), keys_per_table=2)
    bench.event(0, k8s__pod__name="p")
    bench.event(1, k8s__pod__name="q")
    bench.event(2, k8s__pod__name="r")
    bench.now += by * SECOND
    follow(bench.state, Step(by * SECOND, bench.now, bench.now))
    bench.event(by + 61, k8s__pod__name="s")
    assert len(bench.sent) == 1
    bench.event(by + 62, k8s__pod__name="t")
    assert len(bench.sent) == 2


def test_the_return_of_a_key_ends_its_incident_after_a_step_back() -> None:
    """The last alert of the key is in the future, by the new clock."""
    bench = Bench(Absent("a", MINUTE, ("k8s.pod.name",)))
    bench.event(0, k8s__pod__name="p")
    bench.pass_until(100)
    bench.now -= 7200 * SECOND
    follow(bench.state, Step(-7200 * SECOND, bench.now, bench.now))
    bench.event(-7000, k8s__pod__name="p")
    assert [passage.kind.value for _, passage in bench.sent] == ["absent", "resolved"]
