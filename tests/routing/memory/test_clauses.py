"""Each clause with memory by itself, in virtual time."""

from __future__ import annotations

import pytest

from bridge.alert import Priority
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
from bridge.routing.memory.clauses.stage import SilencedBy, not_silenced
from tests.routing.memory.harness import MINUTE, SECOND, Bench, condition

POD = ("k8s.pod.name",)
PAIR = (Pair("k8s.pod.name", "k8s.pod.name"),)


def events(bench: Bench, *times: float, **fields: str) -> None:
    for at in times:
        bench.event(at, **fields)


def test_after_passes_the_nth_match_in_the_window_and_empties_it() -> None:
    """Three in a minute pass once; the next three pass again."""
    bench = Bench(After("", 3, MINUTE))
    events(bench, 0, 10, 20, 30, 40, 50)
    assert bench.lines() == ["20s single x3 #3", "50s single x3 #6"]
    assert bench.reasons == ["below_threshold", "below_threshold", "sent"] * 2


def test_after_counts_a_half_open_window() -> None:
    """A match exactly D before the newest is outside the window."""
    bench = Bench(After("", 2, MINUTE))
    events(bench, 0, 60)
    assert bench.lines() == []
    bench = Bench(After("", 2, MINUTE))
    events(bench, 0, 59.999)
    assert bench.lines() == ["59.999s single x2 #2"]


def test_after_counts_late_matches_that_lie_in_the_window() -> None:
    """The window ends at the newest event time of the key."""
    bench = Bench(After("", 3, MINUTE))
    events(bench, 100, 110)
    bench.event(60, late=55)
    assert bench.lines() == ["115s single x3 #3"]
    bench = Bench(After("", 3, MINUTE))
    events(bench, 100, 110)
    bench.event(49, late=66)
    assert bench.lines() == []


def test_after_counts_by_key() -> None:
    """Keys do not count for each other, and a missing value is a key of its own."""
    bench = Bench(After("", 2, MINUTE, POD))
    bench.event(0, k8s__pod__name="api-0")
    bench.event(1, k8s__pod__name="api-1")
    bench.event(2)
    bench.event(3)
    bench.event(4, k8s__pod__name="api-1")
    assert bench.lines() == ["3s single x2 #4", "4s single x2 #5"]


def test_after_distinct_counts_values() -> None:
    """Three rules in one pod; repeated ones count once, and renew their time."""
    bench = Bench(After("", 3, MINUTE, POD, "proc.name"), when="k8s.pod.name exists")
    for at, name in ((0, "sh"), (10, "sh"), (20, "curl"), (30, "curl"), (40, "nc")):
        bench.event(at, k8s__pod__name="api-0", proc__name=name)
    assert bench.lines() == ["40s single x3 #5"]
    bench = Bench(After("", 3, MINUTE, POD, "proc.name"), when="k8s.pod.name exists")
    for at, name in ((0, "sh"), (50, "curl"), (60, "nc")):
        bench.event(at, k8s__pod__name="api-0", proc__name=name)
    assert bench.lines() == []


def test_new_passes_a_combination_that_was_not_seen_in_the_window() -> None:
    """Each sighting renews it."""
    bench = Bench(New("", ("user.name",), 10 * MINUTE))
    for at in (0, 300, 840, 1440):
        bench.event(at, user__name="root")
    bench.event(1441, user__name="bob")
    assert bench.lines() == ["0s single x1 #1", "1440s single x1 #4", "1441s single x1 #5"]
    assert bench.reasons == ["sent", "not_new", "not_new", "sent", "sent"]


def test_new_learns_first() -> None:
    """During the learning time nothing passes and everything is remembered."""
    bench = Bench(New("", ("user.name",), 60 * MINUTE, learn_ns=5 * MINUTE))
    bench.event(0, user__name="root")
    bench.event(299, user__name="bob")
    bench.event(301, user__name="root")
    bench.event(302, user__name="eve")
    assert bench.reasons == ["learning", "learning", "not_new", "sent"]


def test_without_learn_an_event_from_before_the_start_is_new() -> None:
    """An alert that was on its way when the route first ran, or of a node whose clock is behind."""
    bench = Bench(New("", ("user.name",), 60 * MINUTE))
    bench.receive(-5, "a", Priority.WARNING, {"user__name": "root"})
    bench.receive(-3600, "a", Priority.WARNING, {"user__name": "bob"})
    bench.receive(-4, "a", Priority.WARNING, {"user__name": "root"})
    assert bench.reasons == ["sent", "sent", "not_new"]


def test_learning_is_not_begun_again_by_a_restart() -> None:
    """The start of the route is state."""
    bench = Bench(New("", ("user.name",), 60 * MINUTE, learn_ns=5 * MINUTE))
    bench.event(0, user__name="root")
    bench.pass_until(400)
    bench.restart()
    bench.event(401, user__name="eve")
    assert bench.reasons == ["learning", "sent"]


def test_throttle_sends_n_in_any_window_and_a_summary_when_a_slot_is_free() -> None:
    """What was sent at 0 s with 10 minutes leaves room at exactly 600 s."""
    bench = Bench(Throttle("", 2, 10 * MINUTE))
    events(bench, 0, 100, 200, 300)
    bench.pass_until(599)
    assert bench.lines() == ["0s single x1 #1", "100s single x1 #2"]
    bench.pass_until(600)
    assert bench.lines()[2:] == ["600s summary x2 #4"]
    bench.event(650)
    bench.pass_until(700)
    assert bench.lines()[3:] == ["700s summary x1 #5"]


def test_a_notification_that_takes_the_slot_carries_the_count() -> None:
    """No summary goes out beside it, and nothing is sent if nothing was held back."""
    bench = Bench(Throttle("", 1, 10 * MINUTE))
    events(bench, 0, 10)
    bench.now += 600 * SECOND
    bench.receive(610, "a", Priority.WARNING, {})
    bench.pass_until(700)
    assert bench.lines() == ["0s single x1 #1", "610s single x1 #3 +1 held"]
    bench.pass_until(5000)
    assert len(bench.lines()) == 2
    assert not bench.state.size or all(
        "incident" in each.clause for each in bench.state.tables.values() if each.entries
    )


def test_group_sends_a_digest_after_the_wait_and_then_every_interval() -> None:
    """A group that gathers nothing for an interval is closed; the next alert opens one again."""
    bench = Bench(Group("", POD, 30 * SECOND, 5 * MINUTE))
    events(bench, 0, 10, 20, k8s__pod__name="api-0")
    bench.pass_until(31)
    assert bench.lines() == ["30s digest x3 #1 names 1,2,3"]
    events(bench, 40, 300, k8s__pod__name="api-0")
    bench.pass_until(331)
    assert bench.lines()[1:] == ["330s digest x2 #4 names 4,5"]
    bench.pass_until(700)
    events(bench, 700, k8s__pod__name="api-0")
    bench.pass_until(731)
    assert bench.lines()[2:] == ["730s single x1 #6"]


def test_what_is_alone_in_its_group_stays_what_it_is() -> None:
    """A sequence names its steps, and a key that fell silent is silent."""
    step = SequenceStep(condition("rule = b"), MINUTE, PAIR)
    for clause, line in (
        (Then("", (step,)), "32s single x1 #1 names 1,2"),
        (Absent("", MINUTE, POD), "120s absent x1 #1"),
    ):
        bench = Bench(clause, Group("g", POD))
        bench.event(0)
        bench.event(2, "b")
        bench.pass_until(200)
        assert bench.lines() == [line]


def test_a_digest_names_the_worst() -> None:
    """At most as many as the limit, and it is about the worst of them."""
    bench = Bench(Group("", POD, limit=2))
    bench.event(0, priority=Priority.NOTICE)
    bench.event(1, priority=Priority.CRITICAL)
    bench.event(2, priority=Priority.ERROR)
    bench.pass_until(30)
    assert bench.lines() == ["30s digest x3 #2 names 2,3"]


def test_a_digest_is_one_notification_of_the_throttle() -> None:
    """The summary counts the alerts of the digests that were held back."""
    bench = Bench(Group("group", POD, 30 * SECOND, MINUTE), Throttle("throttle", 1, 60 * MINUTE, POD))
    events(bench, 0, 1, 40, 50)
    bench.pass_until(3631)
    assert bench.lines() == ["30s digest x2 #1 names 1,2", "3630s summary x2 #3"]


def test_a_sequence_passes_when_its_steps_follow() -> None:
    """Exactly D later is too late, and the texts are those of the first step."""
    then = Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR),))
    bench = Bench(then)
    bench.event(0, k8s__pod__name="api-0")
    bench.event(5, "b", k8s__pod__name="api-1")
    bench.event(59.9, "b", k8s__pod__name="api-0")
    assert bench.lines() == ["59.9s single x1 #1 names 1,3"]
    bench = Bench(then)
    bench.event(0)
    bench.event(60, "b")
    assert bench.lines() == []


def test_one_alert_completes_all_open_attempts_with_one_notification() -> None:
    """It names them; none is completed twice."""
    bench = Bench(Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR),)))
    events(bench, 0, 10)
    bench.event(20, "b")
    bench.event(21, "b")
    assert bench.lines() == ["20s single x2 #1 names 1,3,2"]


def test_a_step_that_arrives_before_its_first_step_completes_it() -> None:
    """If its event time is later."""
    then = Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR),))
    bench = Bench(then)
    bench.event(10, "b")
    bench.event(5, late=10)
    assert bench.lines() == ["15s single x1 #2 names 2,1"]
    bench = Bench(then)
    bench.event(5, "b")
    bench.event(5, late=10)
    assert bench.lines() == []


def test_a_sequence_of_three_steps() -> None:
    """Each step has its time from the step before; an alert is one step of an attempt only."""
    steps = (
        SequenceStep(condition("rule in (b, c)"), MINUTE, PAIR),
        SequenceStep(condition("rule in (b, c)"), MINUTE, PAIR),
    )
    bench = Bench(Then("", steps))
    bench.event(0)
    bench.event(50, "b")
    assert bench.lines() == []
    bench.event(100, "c")
    assert bench.lines() == ["100s single x1 #1 names 1,2,3"]


def test_then_not_passes_when_the_step_does_not_come() -> None:
    """Decided at the deadline and the lateness, by timer."""
    bench = Bench(Then("", (SequenceStep(condition("rule = b"), MINUTE, PAIR, negated=True),)))
    bench.event(0, k8s__pod__name="api-0")
    bench.event(1, k8s__pod__name="api-1")
    bench.event(30, "b", k8s__pod__name="api-0")
    bench.pass_until(200)
    assert bench.lines() == ["91s single x1 #2"]


def test_absent_reports_a_silent_key_once() -> None:
    """It is reported again only after it was heard again."""
    bench = Bench(Absent("", 10 * MINUTE, ("hostname",)))
    events(bench, 0, 300)
    bench.pass_until(5000)
    assert bench.lines() == ["930s absent x1 #2"]
    bench.event(5001)
    bench.pass_until(9000)
    assert bench.lines()[1:] == ["5001s resolved x1 #2 to ch", "5631s absent x1 #3"]


@pytest.mark.parametrize("silenced", [None, "s"])
def test_the_return_of_a_key_ends_the_incident_of_its_silence(silenced: str | None) -> None:
    """Its escalation is cancelled, also while the key is silenced."""
    silent: list[str | None] = [None]
    bench = Bench(
        Absent("a", MINUTE, ("hostname",)),
        escalations=(Escalation("boss", 10 * MINUTE),),
        silenced=lambda _: silent[0],
    )
    bench.event(0)
    bench.pass_until(100)
    silent[0] = silenced
    bench.event(200)
    assert bench.lines()[1:] == ["200s resolved x1 #1 to ch"]
    silent[0] = None
    bench.pass_until(2000)
    assert [line for line in bench.lines() if "boss" in line] == ["890s escalation x1 #2 to boss"]


def test_a_late_alert_from_before_the_silence_is_no_return() -> None:
    """The key may still be silent."""
    bench = Bench(Absent("a", MINUTE, ("hostname",)))
    bench.event(0)
    bench.event(-5, late=110)
    assert not any("resolved" in line for line in bench.lines())


def test_a_return_ends_no_incident_that_another_clause_opened() -> None:
    """The key of ``throttle`` may have other silent keys of ``absent``."""
    bench = Bench(Absent("a", MINUTE, ("hostname",)), Throttle("t", 5, MINUTE))
    bench.event(0)
    bench.pass_until(100)
    bench.event(200)
    assert bench.lines() == ["90s absent x1 #1"]


def test_an_end_is_reported_while_its_alerts_are_silenced() -> None:
    """Otherwise a service that knows incidents would have it open for ever."""
    bench = Bench(Throttle("t", 5, MINUTE), silenced=lambda _: silent[0])
    silent: list[str | None] = [None]
    bench.event(0)
    silent[0] = "s"
    bench.pass_until(25 * 3600)
    assert bench.lines() == ["0s single x1 #1", "86400s resolved x1 #1 to ch"]


def test_unless_ends_the_way_of_an_alert_that_follows_the_other() -> None:
    """Within D, on the same key, half-open."""
    unless = Unless("", condition("rule = b"), MINUTE, PAIR)
    bench = Bench(unless)
    bench.event(0, "b", k8s__pod__name="api-0")
    bench.event(59, k8s__pod__name="api-0")
    bench.event(59.5, k8s__pod__name="api-1")
    bench.event(60, k8s__pod__name="api-0")
    assert bench.lines() == ["59.5s single x1 #3", "60s single x1 #4"]
    assert bench.reasons == ["suppressed_by_unless", "sent", "sent"]


def test_unless_waits() -> None:
    """The alert is held; it goes on at the deadline and the lateness."""
    bench = Bench(Unless("", condition("rule = b"), MINUTE, PAIR, wait_ns=10 * SECOND))
    bench.event(0)
    bench.pass_until(100)
    assert bench.lines() == ["40s single x1 #1"]
    bench.event(100)
    bench.event(109.9, "b")
    bench.pass_until(300)
    assert len(bench.lines()) == 1


def test_an_alert_does_not_suppress_itself() -> None:
    """The condition is about other alerts."""
    bench = Bench(Unless("", condition("rule exists"), MINUTE, PAIR))
    events(bench, 0, 30)
    assert bench.lines() == ["0s single x1 #1"]


def test_with_joins_the_other_alert() -> None:
    """Its fields are in the texts under the name of the join."""
    join = With("", "audit", condition("rule = b"), 30 * SECOND, (Pair("k8s.pod.name", "ka.target.name"),))
    bench = Bench(join, title="%audit.ka.user.name opened a shell")
    bench.event(0, "b", ka__target__name="api-0", ka__user__name="alice")
    bench.event(5, k8s__pod__name="api-0")
    assert bench.lines() == ["5s single x1 #2 names 2,1"]
    assert bench.sent[0][1].values == {"audit.ka.user.name": "alice"}


def test_with_joins_the_later_arrival_of_one_time() -> None:
    """At equal event times it is the later one."""
    bench = Bench(With("", "audit", condition("rule = b"), MINUTE, PAIR), title="%audit.ka.user.name opened a shell")
    for name in ("alice", "bob"):
        bench.event(0, "b", k8s__pod__name="p", ka__user__name=name)
    bench.event(1, k8s__pod__name="p")
    assert bench.sent[0][1].values == {"audit.ka.user.name": "bob"}


def test_what_a_join_remembers_of_a_value_is_bounded() -> None:
    """The sender of an alert chooses how long its values are."""
    bench = Bench(With("", "audit", condition("rule = b"), MINUTE, PAIR, 10 * SECOND), title="%audit.ka.user.name")
    bench.event(0, "b", k8s__pod__name="p", ka__user__name="u" * 10_000)
    bench.event(1, k8s__pod__name="p")
    ((_, passage),) = bench.sent
    assert passage.values == {"audit.ka.user.name": "u" * 4095 + "…"}


def test_with_waits_for_its_partner_and_passes_without_it() -> None:
    """Ten seconds by default."""
    join = With("", "audit", condition("rule = b"), 30 * SECOND, (Pair("k8s.pod.name", "ka.target.name"),))
    bench = Bench(join, title="%audit.ka.user.name opened a shell")
    bench.event(0, k8s__pod__name="api-0")
    bench.event(4, "b", ka__target__name="api-0", ka__user__name="alice")
    bench.event(60, k8s__pod__name="api-0")
    bench.pass_until(100)
    assert bench.lines() == ["4s single x1 #1 names 1,2", "70s single x1 #3"]


def test_an_escalation_goes_out_unless_somebody_acknowledges() -> None:
    """Once an incident, however often it matches."""
    bench = Bench(Throttle("", 1, MINUTE, POD), escalations=(Escalation("oncall", 15 * MINUTE),))
    bench.event(0)
    bench.event(300)
    bench.pass_until(1000)
    assert bench.lines() == ["0s single x1 #1", "300s single x1 #2", "900s escalation x2 #2 to oncall"]
    pipeline = bench.engine.pipelines[0]
    bench = Bench(Throttle("", 1, MINUTE, POD), escalations=(Escalation("oncall", 15 * MINUTE),))
    bench.event(0)
    table = bench.state.table(pipeline.incident_table)
    assert pipeline.incidents.acknowledge(table, next(iter(table.entries)), "alice", bench.now)
    bench.pass_until(1000)
    assert bench.lines() == ["0s single x1 #1"]


@pytest.mark.parametrize("clause", [Throttle("", 1, 10 * MINUTE, POD), Group("", POD, 10 * SECOND, 10 * MINUTE)])
@pytest.mark.parametrize("loud", [not_silenced, lambda _alert_id: None])
def test_a_silenced_escalation_is_due_at_the_next_match(clause: Clause, loud: SilencedBy) -> None:
    """Also at one that ``throttle`` or ``group`` holds back."""
    bench = Bench(clause, escalations=(Escalation("oncall", MINUTE),))
    bench.event(0)
    bench.pass_until(20)
    bench.silenced = lambda _alert_id: "maintenance"
    bench.pass_until(100)
    bench.silenced = loud
    bench.pass_until(200)
    bench.event(250)
    bench.pass_until(260)
    (_, escalation) = bench.lines()
    assert escalation == "250s escalation x1 #1 to oncall"


def test_an_incident_resolves_after_a_quiet_day() -> None:
    """A later match opens it again."""
    bench = Bench(Throttle("", 1, MINUTE, POD))
    bench.event(0)
    bench.pass_until(86_400)
    assert bench.lines() == ["0s single x1 #1", "86400s resolved x1 #1 to ch"]
    bench.event(86_500)
    assert bench.lines()[2:] == ["86500s single x1 #2"]


def test_state_survives_a_restart() -> None:
    """Throttle windows, groups, sequences and their timers."""
    bench = Bench(Throttle("", 1, 10 * MINUTE))
    events(bench, 0, 10)
    bench.restart()
    bench.event(20)
    bench.pass_until(600)
    assert bench.lines() == ["0s single x1 #1", "600s summary x2 #3"]


def test_evicted_groups_are_sent_not_lost() -> None:
    """A full table evicts its longest unused key."""
    bench = Bench(Group("", POD), keys_per_table=2)
    for number in range(4):
        bench.event(number, k8s__pod__name=f"api-{number}")
    assert [line.split()[1] for line in bench.lines()] == ["single", "single"]
    assert sum(bench.state.evicted.values()) == 2


@pytest.mark.parametrize("clause", [Group("", POD), Throttle("", 1, MINUTE, POD)])
def test_what_an_evicted_key_held_is_not_sent_while_it_is_silenced(clause: Clause) -> None:
    """As when its timer fires."""
    silent: set[str] = set()
    bench = Bench(clause, keys_per_table=1, silenced=lambda alert_id: "s" if alert_id in silent else None)
    held = {bench.event(second, k8s__pod__name="api-0") for second in (0, 1)}
    silent |= held
    before = bench.lines()
    bench.event(2, k8s__pod__name="api-1")
    assert sum(bench.state.evicted.values()) >= 1
    assert [line for line in bench.lines() if line not in before and "#3" not in line] == []


def test_a_flood_of_keys_lets_one_match_a_window_through() -> None:
    """``after`` fails open, without one notification for each evicted key."""
    bench = Bench(After("", 5, MINUTE, ("user.name",)), keys_per_table=10)
    for number in range(200):
        bench.event(number / 10, user__name=f"u{number}")
    assert 1 <= len(bench.lines()) <= 2


def test_a_flood_of_keys_lets_one_first_step_a_window_through() -> None:
    """``then`` fails open in the same way: a flood of keys cannot silence the route."""
    step = SequenceStep(condition("rule = b"), MINUTE, (Pair("user.name", "user.name"),))
    bench = Bench(Then("", (step,)), keys_per_table=10)
    for number in range(200):
        bench.event(number / 10, user__name=f"u{number}")
    assert [at for at, _ in bench.sent] == [1]
    bench.event(20, "b", user__name="u199")
    assert [at for at, _ in bench.sent] == [1, 20]


def test_silenced_matches_count_but_spend_no_slot() -> None:
    """Silences act before ``with``, ``group`` and ``throttle``, and after the counting clauses."""
    silent = [True]
    bench = Bench(
        After("after", 2, MINUTE), Throttle("throttle", 1, 60 * MINUTE), silenced=lambda _: "s" if silent[0] else None
    )
    events(bench, 0, 1)
    silent[0] = False
    events(bench, 2, 3)
    assert bench.reasons == ["below_threshold", "silenced", "below_threshold", "sent"]
    assert bench.lines() == ["3s single x2 #4"]


def test_silenced_first_steps_are_left_out_of_a_notification_of_several() -> None:
    """One alert completes all attempts; the silence of one of them covers no other."""
    step = SequenceStep(condition("rule = b"), MINUTE, PAIR)
    silent: set[str] = set()
    bench = Bench(Then("then", (step,)), silenced=lambda alert_id: "s" if alert_id in silent else None)
    firsts = [bench.event(at, k8s__pod__name="p") for at in range(3)]
    silent.add(firsts[0])
    bench.event(3, "b", k8s__pod__name="p")
    assert bench.lines() == ["3s single x2 #2 names 2,4,3"]
    silenced = bench.event(4, k8s__pod__name="p")
    silent.add(silenced)
    silent.add(bench.event(5, k8s__pod__name="p"))
    bench.event(6, "b", k8s__pod__name="p")
    assert len(bench.sent) == 1


JOINED = With("w", "audit", condition("rule = b"), MINUTE, PAIR)


def _shells(bench: Bench) -> list[str]:
    """A shell in each of two pods, the first one worse, and who opened it."""
    bench.event(0, "b", k8s__pod__name="p", ka__user__name="alice")
    bench.event(0, "b", k8s__pod__name="q", ka__user__name="bob")
    worst = bench.event(1, priority=Priority.CRITICAL, k8s__pod__name="p")
    return [worst, bench.event(2, k8s__pod__name="q")]


def test_what_was_joined_with_the_worst_alert_is_in_its_digest() -> None:
    """The escalation is about that alert as well."""
    bench = Bench(JOINED, Group("g", ("rule",)), title="%audit.ka.user.name", escalations=(Escalation("boss", MINUTE),))
    worst, _ = _shells(bench)
    bench.pass_until(200)
    assert [(each.kind.value, each.alert_id) for _, each in bench.sent] == [("digest", worst), ("escalation", worst)]
    assert [each.values["audit.ka.user.name"] for _, each in bench.sent] == ["alice", "alice"]


def test_what_was_joined_with_a_silenced_alert_is_not_said_of_another() -> None:
    """The digest is about another alert then."""
    silent: set[str] = set()
    bench = Bench(
        JOINED,
        Group("g", ("rule",)),
        title="%audit.ka.user.name",
        silenced=lambda alert_id: "s" if alert_id in silent else None,
    )
    worst, other = _shells(bench)
    silent.add(worst)
    bench.pass_until(100)
    ((_, digest),) = bench.sent
    assert (digest.alert_id, digest.values) == (other, {})


HOUR = 60 * MINUTE
HOLDING = pytest.mark.parametrize("clause", [Throttle("t", 1, 72 * HOUR, POD), Group("g", POD, 0, 72 * HOUR)])


@HOLDING
def test_an_incident_is_open_while_its_alerts_are_held_back(clause: Clause) -> None:
    """They are matches as well: it is not resolved after a day, and escalates."""
    bench = Bench(clause, escalations=(Escalation("boss", 48 * HOUR),))
    events(bench, *range(0, 60 * 3600, 6 * 3600), k8s__pod__name="p")
    bench.pass_until(70 * 3600)
    assert [(at // 3600, each.kind.value) for at, each in bench.sent] == [(0, "single"), (48, "escalation")]


@HOLDING
def test_an_incident_is_resolved_a_day_after_its_latest_alert(clause: Clause) -> None:
    """Also where that one is held back still."""
    bench = Bench(clause)
    events(bench, 0, 3600, k8s__pod__name="p")
    bench.pass_until(70 * 3600)
    assert [(at // 3600, each.kind.value) for at, each in bench.sent] == [(0, "single"), (25, "resolved")]
