"""Each clause against a naive definition of it, which stores the whole past and evaluates it again every time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.language.program.clauses import After, Group, New, Pair, SequenceStep, Then, Throttle, Unless
from tests.routing.memory.harness import SECOND, Bench, condition

WINDOW = 10
LATENESS = 30
KEYS = ("p", "q")
PAIR = (Pair("k8s.pod.name", "k8s.pod.name"),)
moments = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 6), st.sampled_from(KEYS), st.sampled_from("ab"), st.booleans()),
    max_size=25,
)
"""For each alert: seconds since the one before, how late it is, its key, its rule, and whether a restart follows."""


class Past:
    """The alerts of a history: when each was received, when it occurred, its key and its rule."""

    def __init__(self, history: list[tuple[int, int, str, str, bool]]) -> None:
        self.alerts: list[tuple[int, int, str, str]] = []
        received = 0
        for gap, late, key, rule, _ in history:
            received += gap
            self.alerts.append((received, received - late, key, rule))


def play(bench: Bench, history: list[tuple[int, int, str, str, bool]], *, until: int = 10_000) -> None:
    for (received, occurred, key, rule), (*_, restart) in zip(Past(history).alerts, history, strict=True):
        bench.event(occurred, rule, late=received - occurred, k8s__pod__name=key)
        if restart:
            bench.restart()
    bench.pass_until(until)


def sent(bench: Bench) -> list[tuple[float, int]]:
    """When, and about which alert; resolved incidents are another matter."""
    return [(at, bench.numbers[each.alert_id]) for at, each in bench.sent if each.kind.value != "resolved"]


@given(moments, st.integers(1, 4))
def test_after_is_its_definition(history: list[tuple[int, int, str, str, bool]], count: int) -> None:
    """Of the matches since the last pass, count those in (newest - D, newest]."""
    bench = Bench(After("", count, WINDOW * SECOND, ("k8s.pod.name",)), when="rule exists")
    play(bench, history)
    expected = []
    since: dict[str, list[int]] = {key: [] for key in KEYS}
    for number, (received, occurred, key, _) in enumerate(Past(history).alerts, 1):
        since[key].append(occurred)
        newest = max(since[key])
        if sum(newest - WINDOW < each <= newest for each in since[key]) >= count:
            expected.append((received, number))
            since[key] = []
    assert sent(bench) == expected


@given(moments)
def test_new_is_its_definition(history: list[tuple[int, int, str, str, bool]]) -> None:
    """Nothing that was received before has an event time later than t - D."""
    bench = Bench(New("", ("k8s.pod.name",), WINDOW * SECOND), when="rule exists")
    play(bench, history)
    expected, seen = [], []
    for number, (received, occurred, key, _) in enumerate(Past(history).alerts, 1):
        if not any(each > occurred - WINDOW for other, each in seen if other == key):
            expected.append((received, number))
        seen.append((key, occurred))
    assert sent(bench) == expected


@given(moments, st.integers(1, 3))
def test_throttle_never_sends_more_and_holds_nothing_back_for_ever(
    history: list[tuple[int, int, str, str, bool]], count: int
) -> None:
    """In any window of D at most N; every alert is in exactly one notification; a summary waits for a slot only."""
    bench = Bench(Throttle("", count, WINDOW * SECOND, ("k8s.pod.name",)), when="rule exists")
    play(bench, history)
    alerts = Past(history).alerts
    for key in KEYS:
        about = [(at, each) for at, each in bench.sent if alerts[bench.numbers[each.alert_id] - 1][2] == key]
        times = [at for at, each in about if each.kind.value != "resolved"]
        assert all(later - earlier >= WINDOW for earlier, later in zip(times, times[count:], strict=False))
        named = sum(
            each.count if each.kind.value == "summary" else each.count + each.suppressed
            for _, each in about
            if each.kind.value != "resolved"
        )
        assert named == sum(each[2] == key for each in alerts)
        for at, each in about:
            if each.kind.value == "summary":  # it came as soon as there was room
                assert at - WINDOW in times


@given(moments)
def test_group_names_each_alert_once_and_in_time(history: list[tuple[int, int, str, str, bool]]) -> None:
    """The first digest comes W after the group opened, each further one E after the last, while more came."""
    wait, every = 5, 20
    bench = Bench(Group("", ("k8s.pod.name",), wait * SECOND, every * SECOND), when="rule exists")
    play(bench, history)
    alerts = Past(history).alerts
    for key in KEYS:
        received = [at for at, _, other, _ in alerts if other == key]
        digests = [
            (at, each.count)
            for at, each in bench.sent
            if each.kind.value != "resolved" and alerts[bench.numbers[each.alert_id] - 1][2] == key
        ]
        assert digests == list(_digests(received, wait, every))


def _digests(received: list[int], wait: int, every: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    waiting = sorted(received)
    while waiting:
        due = waiting[0] + wait
        while True:
            # A timer fires before an alert of the same moment is received.
            inside = [at for at in waiting if at < due]
            if not inside:
                break
            found.append((due, len(inside)))
            waiting = waiting[len(inside) :]
            due += every
    return found


@given(moments, st.booleans())
def test_a_sequence_is_its_definition(history: list[tuple[int, int, str, str, bool]], negated: bool) -> None:
    """Every ``a`` is completed by the first ``b`` on its key that is later, by less than D; each once."""
    step = SequenceStep(condition("rule = b"), WINDOW * SECOND, PAIR, negated)
    bench = Bench(Then("", (step,)), when="rule = a")
    play(bench, history)
    alerts = Past(history).alerts
    completed: dict[int, int] = {}
    for second, (_, occurred, key, rule) in enumerate(alerts, 1):
        if rule != "b":
            continue
        for first, (_, begun, other, kind) in enumerate(alerts, 1):
            later = occurred > begun or (occurred == begun and second > first)
            if kind == "a" and other == key and later and occurred < begun + WINDOW:
                completed.setdefault(first, second)
    named = {bench.numbers[each.alert_id] for at, each in bench.sent if each.kind.value != "resolved"}
    if negated:
        assert named == {n for n, each in enumerate(alerts, 1) if each[3] == "a"} - completed.keys()
        return
    counts = sum(each.count for _, each in bench.sent if each.kind.value != "resolved")
    assert counts == len(completed)
    assert named <= completed.keys()


in_disorder = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.just("p"), st.sampled_from("abc"), st.just(False)), max_size=12
)
"""As ``moments``; many occur at the same time, and are received in another order."""


TWO_AT_ONE_TIME = [(0, 0, "p", "b", False), (0, 0, "p", "c", True), (0, 1, "p", "a", False)]


@given(history=in_disorder, negated=st.booleans())
@example(history=TWO_AT_ONE_TIME, negated=False)
@example(history=TWO_AT_ONE_TIME, negated=True)
@example(history=[TWO_AT_ONE_TIME[1], TWO_AT_ONE_TIME[0], TWO_AT_ONE_TIME[2]], negated=False)
def test_a_sequence_of_three_steps_is_its_definition(
    history: list[tuple[int, int, str, str, bool]], *, negated: bool
) -> None:
    """The first ``b`` that is later than the ``a``, then the first ``c`` that is later than this ``b``."""
    steps = (
        SequenceStep(condition("rule = b"), WINDOW * SECOND, PAIR),
        SequenceStep(condition("rule = c"), WINDOW * SECOND, PAIR, negated),
    )
    bench = Bench(Then("", steps), when="rule = a")
    play(bench, history)
    alerts = [(occurred, number, rule) for number, (_, occurred, _, rule) in enumerate(Past(history).alerts, 1)]

    def follower(before: tuple[int, int, str], rule: str) -> tuple[int, int, str] | None:
        inside = (each for each in alerts if before[:2] < each[:2] and each[0] < before[0] + WINDOW)
        return min((each for each in inside if each[2] == rule), key=lambda each: each[1], default=None)

    seconds = [second for each in alerts if each[2] == "a" and (second := follower(each, "b")) is not None]
    expected = [each for each in seconds if (follower(each, "c") is None) is negated]
    assert sum(each.count for _, each in bench.sent if each.kind.value != "resolved") == len(expected)


@given(moments, st.sampled_from((None, 4)))
def test_unless_is_its_definition(history: list[tuple[int, int, str, str, bool]], wait: int | None) -> None:
    """An ``a`` goes out unless a ``b`` on its key is in the D before it, or in the W after it."""
    unless = Unless("", condition("rule = b"), WINDOW * SECOND, PAIR, None if wait is None else wait * SECOND)
    bench = Bench(unless, when="rule = a")
    play(bench, history)
    alerts = Past(history).alerts
    expected = set()
    for number, (_, occurred, key, rule) in enumerate(alerts, 1):
        if rule != "a":
            continue
        known = alerts if wait is not None else alerts[: number - 1]
        if not any(
            kind == "b" and other == key and occurred - WINDOW < at < occurred + (wait or 0) + (at <= occurred)
            for _, at, other, kind in known
            if at <= occurred or wait is not None
        ):
            expected.add(number)
    assert {number for _, number in sent(bench)} == expected


@given(moments)
def test_restarts_change_nothing(history: list[tuple[int, int, str, str, bool]]) -> None:
    """With and without a restart after any alert, the same notifications at the same times."""
    clauses = (
        After("after", 2, WINDOW * SECOND, ("k8s.pod.name",)),
        Group("group", ("k8s.pod.name",), 5 * SECOND, 20 * SECOND),
        Throttle("throttle", 1, 3 * WINDOW * SECOND),
    )
    one, other = Bench(*clauses, when="rule exists"), Bench(*clauses, when="rule exists")
    play(one, history)
    play(other, [(*each[:4], False) for each in history])
    assert one.lines() == other.lines()
    assert all(earlier <= later for (earlier, _), (later, _) in pairwise(one.sent))
