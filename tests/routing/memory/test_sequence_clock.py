"""Sequences wait in the bridge's own time, whatever the wall clock shows."""

from __future__ import annotations

import pytest

from bridge.common.clock import Step
from bridge.language.program.clauses import Pair, SequenceStep, Then
from bridge.routing.memory.clock_steps import follow
from bridge.routing.memory.rows import decode_row, encode_row
from bridge.routing.memory.sequence import Waiting
from tests.routing.memory.harness import MINUTE, SECOND, START, Bench, condition

PAIR = (Pair("k8s.pod.name", "k8s.pod.name"),)
OLDER_ROW = bytes.fromhex(
    "93a757616974696e679183a7706173736167659ea26131cf1887d3ee7bdd80000491c4106b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6ba170a6"
    "73696e676c6501cf1887d3ee7bdd8000cf1887d3ee7bdd80000080909090a76c6173745f6e73cf1887d3ee7bdd8000a46b65797391c410"
    "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b9193cf1887d3efa5e37200a2623181a166a178"
)
"""A row that was written before attempts had a deadline of their own: an ``a`` at the start, a ``b`` 5 s later."""


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


def test_a_row_of_an_older_journal_is_read() -> None:
    """Its deadlines are those of its event times, also after it was written again."""
    row = decode_row(OLDER_ROW)
    assert isinstance(row, Waiting)
    (attempt,), (early,) = row.attempts, row.early
    assert (attempt.last_ns, attempt.due_ns, early[0], row.early_until_ns) == (START, 0, START + 5 * SECOND, ())
    bench = Bench(Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR, negated=True),)))
    bench.event(0)
    (table,) = [each for each in bench.state.tables.values() if each.rows]
    (key,) = table.rows
    table.put(key, row, START + 35 * SECOND)
    bench.numbers["a1"] = 1
    bench.pass_until(40)
    (kept,) = [decode_row(encode_row(each)) for each in table.rows.values()]
    assert (len(kept.attempts), kept.early) == (1, ())
    bench.pass_until(100)
    assert bench.lines() == ["90s single x1 #1"]
