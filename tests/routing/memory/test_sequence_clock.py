"""Sequences wait in the bridge's own time, whatever the wall clock shows."""

from __future__ import annotations

import pytest

from bridge.common.clocks.clock import Step
from bridge.language.program.clauses import Pair, SequenceStep, Then
from bridge.routing.memory.clauses.sequence import Waiting
from bridge.routing.memory.clock_steps import follow
from bridge.routing.memory.rows import decode_row, encode_row
from tests.routing.memory.harness import MINUTE, SECOND, START, Bench, condition

PAIR = (Pair("k8s.pod.name", "k8s.pod.name"),)
OLDER_KEY = bytes.fromhex("00a43bd3c69adc5e0713920fd381e3cad4")
OLDER_ROW = bytes.fromhex(
    "93a757616974696e679183a7706173736167659ed9203938383764336566653137653363303037373530356363303665373266656538cf"
    "1887d3efe17e3c000492c410a43bd3c69adc5e0713920fd381e3cad4c410a43bd3c69adc5e0713920fd381e3cad4a170a673696e676c65"
    "01cf1887d3efe17e3c00cf1887d3efe17e3c000080909090a76c6173745f6e73cf1887d3efe17e3c00a46b65797391c410a43bd3c69adc"
    "5e0713920fd381e3cad49193cf1887d3efa5e37200d9203938383764336566613565333732303063663330613062623162653733333334"
    "80"
)
"""What the version before wrote: a ``b`` at 5 s, then an ``a`` at 6 s. Neither has a deadline of its own."""


def step(bench: Bench, by: int) -> None:
    """The wall clock is set."""
    bench.now += by
    follow(bench.state, Step(by, bench.now, bench.now))


@pytest.mark.parametrize(("by", "ahead"), [(-3600, False), (3600, False), (-3600, True)])
def test_the_third_step_is_missed_after_the_same_time(by: int, ahead: bool) -> None:
    """``then C then not D``: its deadline is D and the lateness after C, although the clock was set meanwhile."""
    second = SequenceStep(condition("rule = b"), MINUTE, PAIR)
    bench = Bench(Then("", (second, SequenceStep(condition("rule = c"), MINUTE, PAIR, negated=True))))
    if ahead:  # the second step is received before the first
        bench.event(20, "b")
        step(bench, by * SECOND)
        bench.event(10 + by, late=15)
    else:
        bench.event(10)
        bench.event(20, "b")
        step(bench, by * SECOND)
    bench.pass_until(by + 109)
    assert bench.lines() == []
    bench.pass_until(by + 200)
    first, named = (2, "2,1") if ahead else (1, "1,2")
    assert bench.lines() == [f"{by + 110:g}s single x1 #{first} names {named}"]


def test_a_row_of_an_older_journal_is_used() -> None:
    """Its deadlines are those of its event times; the attempt is still there when the early step is forgotten."""
    row = decode_row(OLDER_ROW)
    assert isinstance(row, Waiting)
    (attempt,), (early,) = row.attempts, row.early
    assert (attempt.due_ns, early[0], row.early_until_ns) == (0, START + 5 * SECOND, ())
    bench = Bench(Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR, negated=True),)))
    bench.state.load("r\n", OLDER_KEY, row, START + 35 * SECOND)
    bench.numbers[attempt.passage.alert_id] = 1
    bench.pass_until(40)
    (left,) = [decode_row(encode_row(each)) for _, each in bench.state.table("r\n").rows()]
    assert (len(left.attempts), left.early) == (1, ())
    bench.pass_until(100)
    assert bench.lines() == ["96s single x1 #1"]
