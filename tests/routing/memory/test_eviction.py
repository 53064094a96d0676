"""What eviction does to each clause, as the page of the language says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.language.program.clauses import (
    Absent,
    After,
    Clause,
    Group,
    New,
    Pair,
    SequenceStep,
    Then,
    Throttle,
    Unless,
    With,
)
from bridge.language.program.program import Escalation
from bridge.routing.memory.clauses.new import LOOKING_BACK, MARKS, Sighting
from bridge.routing.state import KEYS_IN_ALL, KEYS_PER_TABLE
from tests.routing.memory.harness import MINUTE, SECOND, Bench, condition

POD = ("k8s.pod.name",)
PAIRS = (Pair("k8s.pod.name", "k8s.pod.name"),)
LANGUAGE = Path("docs/language.md")


def full(*clauses: Clause, **settings: object) -> Bench:
    """A bench whose tables hold one key."""
    return Bench(*clauses, keys_per_table=1, **settings)  # type: ignore[arg-type]


def event(bench: Bench, at: float, pod: str, rule: str = "a") -> None:
    bench.event(at, rule, k8s__pod__name=pod)


def test_the_page_names_the_limits_and_every_clause() -> None:
    """The limits are those of the state; each clause has a row, and a test below."""
    section = LANGUAGE.read_text(encoding="utf-8").partition("### Too many keys")[2].partition("\n## ")[0]
    assert (f"{KEYS_PER_TABLE:,}", KEYS_IN_ALL) == ("100,000", 1_000_000)
    assert "at most 100,000 keys" in section
    rows = re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)
    assert rows == ["new", "after", "then", "then not", "unless", "absent", "with", "group", "throttle", "to … after"]


def test_a_combination_is_new_again() -> None:
    """``new``: what was evicted passes once more; what was not does not. One place is the start's."""
    bench = Bench(New("n", ("k8s.pod.name",), 3600 * SECOND), keys_per_table=2)
    for at, pod in enumerate(("p", "p", "q", "p")):
        event(bench, at, pod)
    assert bench.lines() == ["0s single x1 #1", "2s single x1 #3", "3s single x1 #4"]


def test_the_longest_unused_combination_goes_first() -> None:
    """``new``: looking for old combinations at each match does not change which one goes."""
    bench = Bench(New("n", ("k8s.pod.name",), 3600 * SECOND), keys_per_table=4)
    for at, pod in enumerate("pqrps"):
        event(bench, at, pod)
    assert bench.lines()[-1] == "4s single x1 #5"
    event(bench, 5, "p")
    event(bench, 6, "r")
    assert bench.reasons[-2:] == ["not_new", "not_new"]
    event(bench, 7, "q")
    assert bench.reasons[-1] == "sent"


@pytest.mark.parametrize("keys_in_all", [0, 1, 2])
def test_eviction_ends_where_only_rows_are_left_that_come_back(keys_in_all: int) -> None:
    """So it is in a partition of a fleet while others have more than all keys."""
    bench = Bench(New("n", ("k8s.pod.name",), 3600 * SECOND), Absent("a", 3600 * SECOND, POD))
    bench.state.table("r\nn").put(LOOKING_BACK, Sighting(0))
    bench.state.keys_in_all = keys_in_all
    for evicted, table in enumerate(bench.state.overflowing()):
        bench.engine.pipelines[0].evict(bench.state, table, bench.now, bench.silenced)
        assert evicted < 20
    event(bench, 0, "p")
    assert bench.state.table("r\nn").entries.keys() >= MARKS


def test_the_latest_match_of_one_key_is_sent_in_each_window_and_counting_starts_from_zero() -> None:
    """``after``: not one notification for each evicted key."""
    bench = Bench(After("a", 3, MINUTE, POD), keys_per_table=2)
    for at, pod in enumerate("ppqrpp"):
        event(bench, at, pod)
    assert bench.lines() == ["3s single x1 #2"]  # the key of the release needs a place too
    event(bench, 6, "p")
    assert bench.lines() == ["3s single x1 #2", "6s single x3 #7"]


def test_the_latest_first_step_of_one_key_is_sent_in_each_window() -> None:
    """``then``: the first eviction sends, the next ones in the window do not."""
    bench = Bench(Then("t", (SequenceStep(condition("rule = b"), MINUTE, PAIRS),)), keys_per_table=2)
    for at, pod in enumerate("ppqrs"):
        event(bench, at, pod)
    assert bench.lines() == ["3s single x1 #2"]


def test_the_latest_first_step_is_sent_at_once() -> None:
    """``then not``: for every evicted key."""
    bench = full(Then("t", (SequenceStep(condition("rule = b"), MINUTE, PAIRS, negated=True),)))
    for at, pod in enumerate("ppqr"):
        event(bench, at, pod)
    assert bench.lines() == ["2s single x1 #2", "3s single x1 #3"]


def test_alerts_that_wait_are_sent_at_once_and_later_ones_are_not_held_back() -> None:
    """``unless``: what was received before is not known any more."""
    bench = full(Unless("u", condition("rule = b"), MINUTE, PAIRS, 10 * SECOND))
    event(bench, 0, "p")
    event(bench, 1, "p")
    event(bench, 2, "q")
    assert bench.lines() == ["2s single x1 #1", "2s single x1 #2"]
    bench = full(Unless("u", condition("rule = b"), MINUTE, PAIRS))
    event(bench, 0, "p", "b")
    event(bench, 1, "p")
    event(bench, 2, "q", "b")
    event(bench, 3, "p")
    assert bench.lines() == ["3s single x1 #4"]


def test_the_last_alert_of_a_key_is_sent_at_once_and_the_key_is_known_again() -> None:
    """``absent``: by its next alert."""
    bench = full(Absent("a", MINUTE, POD))
    for at, pod in enumerate("ppq"):
        event(bench, at, pod)
    assert bench.lines() == ["2s single x1 #2"]
    event(bench, 3, "p")
    bench.pass_until(300)
    assert bench.lines()[1:] == ["3s resolved x1 #2 to ch", "3s single x1 #3", "93s absent x1 #4"]


def test_alerts_that_wait_for_another_are_sent_without_it() -> None:
    """``with``: at once, and the other alert is not used later."""
    bench = full(With("w", "audit", condition("rule = b"), MINUTE, PAIRS))
    event(bench, 0, "p")
    event(bench, 1, "q")
    event(bench, 2, "p", "b")
    assert bench.lines()[0] == "1s single x1 #1"
    assert all(not line.startswith("2s single x1 #1") for line in bench.lines())


def test_the_digest_is_sent_at_once_and_the_next_alert_opens_a_new_group() -> None:
    """``group``: no alert is lost."""
    bench = full(Group("g", POD, 30 * SECOND))
    for at, pod in enumerate("ppqp"):
        event(bench, at, pod)
    bench.pass_until(33)
    assert bench.lines() == ["2s digest x2 #1 names 1,2", "3s single x1 #3", "33s single x1 #4"]


def test_the_summary_is_sent_at_once_and_all_slots_are_free() -> None:
    """``throttle``: what was held back is counted."""
    bench = full(Throttle("t", 1, 3600 * SECOND, POD))
    for at, pod in enumerate("pppqp"):
        event(bench, at, pod)
    assert bench.lines() == ["0s single x1 #1", "3s single x1 #4", "3s summary x2 #3", "4s single x1 #5"]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_an_incident_is_escalated_at_once_and_opens_again(acknowledged: bool) -> None:
    """``to … after``: unless it was acknowledged."""
    bench = full(Throttle("t", 9, MINUTE, POD), escalations=(Escalation("boss", 15 * MINUTE),))
    event(bench, 0, "p")
    if acknowledged:
        bench.engine.acknowledge(bench.state, "r", "alice", bench.now)
    event(bench, 1, "q")
    escalated = [] if acknowledged else ["1s escalation x1 #1 to boss"]
    assert bench.lines() == ["0s single x1 #1", "1s single x1 #2", *escalated]
    event(bench, 2, "p")
    assert bench.lines()[-1] == "2s escalation x1 #2 to boss"
    (record,) = bench.engine.incidents(bench.state)
    assert (record.incident.state.value, record.incident.count) == ("open", 1)
