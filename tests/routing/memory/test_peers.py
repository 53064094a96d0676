"""The clauses with memory against recorded results of ElastAlert2 and Alertmanager (tests/data/peers)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.language.program.clauses import Absent, After, Group, New
from bridge.routing.notification import NotificationKind
from tests.routing.memory.harness import SECOND, Bench

PEERS = Path(__file__).parents[2] / "data" / "peers"
USER = ("user.name",)


def recorded(file: str, rule: str | None = None) -> list[dict]:
    cases = [json.loads(line) for line in (PEERS / file).read_text(encoding="utf-8").splitlines()]
    return [case for case in cases if case.get("rule") == rule]


def matched(bench: Bench) -> list[int]:
    """The indexes of the events at which an immediate notification was sent."""
    return [bench.numbers[passage.alert_id] - 1 for _, passage in bench.sent]


@pytest.mark.parametrize("case", recorded("elastalert.jsonl", "frequency"))
def test_after_is_elastalerts_frequency(case: dict) -> None:
    """Both pass at the N-th event of a key in a half-open window and count from zero again."""
    bench = Bench(After("", case["num_events"], case["timeframe_s"] * SECOND, USER))
    for at, user in case["events"]:
        bench.event(at, user__name=user)
    assert matched(bench) == case["matched"]


@pytest.mark.parametrize("case", recorded("elastalert.jsonl", "cardinality"))
def test_after_distinct_is_elastalerts_cardinality_without_its_repeats(case: dict) -> None:
    """Both pass first at the same event; ElastAlert then passes every event, ``after`` counts values from zero again."""
    bench = Bench(After("", case["max_cardinality"] + 1, case["timeframe_s"] * SECOND, USER, distinct="evt.type"))
    for at, user, value in case["events"]:
        bench.event(at, user__name=user, evt__type=value)
    assert set(matched(bench)) <= set(case["matched"])
    users = [user for _, user, _ in case["events"]]
    assert first_by_user(matched(bench), users) == first_by_user(case["matched"], users)


def first_by_user(indexes: list[int], users: list[str]) -> dict[str, int]:
    """The first of the events for each user."""
    return {user: min(index for index in indexes if users[index] == user) for user in {users[each] for each in indexes}}


@pytest.mark.parametrize("case", recorded("elastalert.jsonl", "new_term"))
def test_new_is_elastalerts_new_term(case: dict) -> None:
    """Both pass the first event of each value, in a window longer than the timeline."""
    bench = Bench(New("", ("evt.type",), 30 * 86_400 * SECOND))
    for at, value in case["events"]:
        bench.event(at, evt__type=value)
    assert matched(bench) == case["matched"]


@pytest.mark.parametrize("case", recorded("elastalert.jsonl", "flatline"))
def test_absent_is_elastalerts_flatline_but_for_keys_that_return_at_once(case: dict) -> None:
    """Both find the same silences. ``absent`` waits 30 s for late events and then reports only a key that is still silent."""
    bench = Bench(Absent("", case["timeframe_s"] * SECOND, ("k8s.pod.name",)))
    for at, host in case["events"]:
        bench.event(at, k8s__pod__name=host)
    bench.pass_until(case["events"][-1][0] + 2 * case["timeframe_s"])
    bench.sent = [(at, each) for at, each in bench.sent if each.kind is not NotificationKind.RESOLVED]
    found = [(at, *case["events"][number][::-1]) for (at, _), number in zip(bench.sent, matched(bench), strict=True)]
    still = case["timeframe_s"] + 30
    expected = [
        (last + still, key, last) for key, last, _ in case["silences"] if returned(case, key, last) >= last + still
    ]
    assert sorted(found) == sorted(expected)


def returned(case: dict, host: str, after: float) -> float:
    """When the host was seen next."""
    return min((at for at, each in case["events"] if each == host and at > after), default=float("inf"))


def digests(bench: Bench) -> Iterator[tuple[float, list[int]]]:
    """When each digest was sent, and of which alerts."""
    for at, passage in bench.sent:
        yield at, sorted(bench.numbers[each] - 1 for each in passage.alerts or (passage.alert_id,))


def grouped(case: dict) -> Bench:
    """The alerts of the case under ``group``."""
    bench = Bench(Group("", ("k8s.pod.name",), case["wait_s"] * SECOND, case["every_s"] * SECOND, 100))
    for at, _ in case["alerts"]:
        bench.event(at, k8s__pod__name="api-0")
    bench.pass_until(case["alerts"][-1][0] + 3 * case["every_s"])
    return bench


GROUPS = recorded("alertmanager.jsonl")


def is_dense(case: dict) -> bool:
    """Whether the next alert always came before the group closed."""
    times = [at for at, _ in case["notifications"]]
    return all(later - earlier < case["every_s"] + 1 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("case", [case for case in GROUPS if is_dense(case)])
def test_group_is_alertmanagers_group_wait_and_group_interval(case: dict) -> None:
    """The same notifications, with the same new alerts, up to the two seconds by which Alertmanager's timers ran late."""
    ours = list(digests(grouped(case)))
    assert [numbers for _, numbers in ours] == [numbers for _, numbers in case["notifications"]]
    assert all(abs(at - theirs) < 2 for (at, _), (theirs, _) in zip(ours, case["notifications"], strict=True))


@pytest.mark.parametrize("case", [case for case in GROUPS if not is_dense(case)])
def test_a_closed_group_notifies_within_its_wait(case: dict) -> None:
    """Alertmanager keeps the group and its timer while alerts fire; here the group closes, and the next alert waits ``wait`` only."""
    received = {number: at for at, number in case["alerts"]}
    for at, numbers in digests(grouped(case)):
        assert at - received[numbers[0]] <= case["every_s"]
    assert {each for _, numbers in digests(grouped(case)) for each in numbers} == set(received)


def test_both_kinds_of_groups_were_recorded() -> None:
    """Neither test above is empty."""
    assert 0 < sum(is_dense(case) for case in GROUPS) < len(GROUPS)
