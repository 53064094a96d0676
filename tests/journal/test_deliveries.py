"""Claims keep the order of each key; settlements keep every failed attempt, within bounds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Priority, make_alert
from bridge.delivery import HEALTH_ALERT_ROUTE, Capacity, DeliveryState, Health, Settlement
from bridge.journal.sqlite import Entry, Journal
from bridge.journal.sqlite.deliveries import MOST_ATTEMPTS
from bridge.routing import Notification, Routed


def entry(number: int, route: str) -> Entry:
    alert = make_alert(time_ns=number, priority=Priority.ERROR, rule="r", source="s", hostname="h", tags=(),
                       output=str(number), fields={})  # fmt: skip
    return Entry(alert, Routed((), (Notification("c", (route,), Priority.ERROR),)))


def journal_of(folder: Path, routes: str) -> Journal:
    """A delivery for each letter, which is its route's name."""
    journal = Journal.open_for_router(folder / "j.db")
    journal.append("s", 0, [entry(number, route) for number, route in enumerate(routes)])
    return journal


def claimed(journal: Journal, room: Capacity, now_ns: int = 0) -> list[list[str]]:
    """What each send of one claim holds, told as route and number."""
    sends = journal.claim(now_ns, 1000, {"c": room})
    return [[each.notification.routes[0] + each.alert.output for each in send] for send in sends]


def later(identity: int, due_ns: int, *, aside: bool = False) -> Settlement:
    return Settlement(identity, DeliveryState.PENDING, 0, due_ns, 503, "busy", aside=aside)


def test_two_sends_never_hold_the_same_key(tmp_path: Path) -> None:
    """However many may be under way; the next of a key comes when the one before it is settled."""
    journal = journal_of(tmp_path, "aabab")
    assert claimed(journal, Capacity(5)) == [["a0"], ["b2"]]
    assert claimed(journal, Capacity(5)) == []
    journal.settle([Settlement(1, DeliveryState.DELIVERED, 0, 0, 200, "")])
    assert claimed(journal, Capacity(5)) == [["a1"]]


def test_what_waits_for_its_next_attempt_holds_back_its_own_key_only(tmp_path: Path) -> None:
    """Until it is due; one that stands aside holds nobody back, and goes alone."""
    journal = journal_of(tmp_path, "aaab")
    assert claimed(journal, Capacity(1)) == [["a0"]]
    journal.settle([later(1, 500)])
    assert claimed(journal, Capacity(1)) == [["b3"]]
    assert claimed(journal, Capacity(1), 400) == []
    assert journal.next_due(["c"]) == 500
    assert claimed(journal, Capacity(1), 500) == [["a0"]]
    journal.settle([later(1, 900, aside=True)])
    assert claimed(journal, Capacity(1, 10), 600) == [["a1", "a2"]]
    journal.settle([later(2, 700), later(3, 700)])
    assert claimed(journal, Capacity(5, 10), 900) == [["a0"], ["a1", "a2"]]


def test_a_batch_takes_runs_of_several_keys_oldest_first(tmp_path: Path) -> None:
    """And a key is in one batch only."""
    journal = journal_of(tmp_path, "abacab")
    assert claimed(journal, Capacity(2, 4)) == [["a0", "a2", "a4", "b1"], ["c3"]]


@given(st.text("abc", min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 7), st.integers())
def test_every_key_comes_in_order_whatever_is_settled_when(
    tmp_path_factory: pytest.TempPathFactory, routes: str, sends: int, batch_size: int, seed: int
) -> None:
    """Deliveries that fail and are tried again included."""
    journal = journal_of(tmp_path_factory.mktemp("order"), routes)
    arrived: dict[str, list[int]] = {}
    now_ns, jitter = 0, random.Random(seed)
    while journal.undelivered():
        now_ns += 1000
        for send in journal.claim(now_ns, 10, {"c": Capacity(sends, batch_size)}):
            if jitter.random() < 0.3:
                journal.settle([later(each.id, now_ns) for each in send])
                continue
            for each in send:
                arrived.setdefault(each.notification.routes[0], []).append(each.id)
            journal.settle([Settlement(each.id, DeliveryState.DELIVERED, 0, 0, 200, "") for each in send])
    assert sum(map(len, arrived.values())) == len(routes)
    assert all(ids == sorted(ids) for ids in arrived.values())


def test_failed_attempts_are_kept_the_first_and_the_last_ones(tmp_path: Path) -> None:
    """Never more than so many of one delivery."""
    journal = journal_of(tmp_path, "a")
    for number in range(1, 51):
        journal.settle([Settlement(1, DeliveryState.PENDING, number, number, 503, f"no {number}")])
    numbers = [number for (number,) in journal.read("SELECT number FROM attempts ORDER BY number")]
    assert numbers == [1, *range(52 - MOST_ATTEMPTS, 51)]


def test_dead_letters_are_sent_again_or_discarded(tmp_path: Path) -> None:
    """Only dead ones; each call tells which it changed."""
    journal = journal_of(tmp_path, "aab")
    dead = [Settlement(identity, DeliveryState.DEAD, 5, 5, 404, "gone") for identity in (1, 3)]
    journal.settle(dead)
    assert journal.retry_dead([1, 2, 9], 7) == [1]
    assert journal.discard_dead([1, 3], 8) == [3]
    assert claimed(journal, Capacity(1), 7) == [["a0"]]


def test_health_is_written_with_the_settlement(tmp_path: Path) -> None:
    """And read back equal, by whoever looks."""
    journal = journal_of(tmp_path, "a")
    health = Health(delivered=1, success_ns=5, reason="busy")
    journal.settle([Settlement(1, DeliveryState.DELIVERED, 5, 5, 200, "")], {"c": health})
    assert journal.health() == {"c": health}
    assert (journal.waiting("c"), journal.undelivered()) == (0, 0)


def test_the_courier_may_append_beside_the_router(tmp_path: Path) -> None:
    """Each continues where the other left off."""
    router = journal_of(tmp_path, "a")
    courier = Journal.open(tmp_path / "j.db")
    courier.append("courier", 0, [entry(50, "x")])
    router.append("s", 0, [entry(51, "a")])
    courier.append("courier", 0, [entry(52, "x")])
    assert router.kept() == 4


def test_news_of_a_channel_go_before_everything_else_and_alone(tmp_path: Path) -> None:
    """The operator reads of an outage first, and not as a line of a digest; two of them keep their order."""
    journal = journal_of(tmp_path, "aabb")
    journal.append("courier", 0, [entry(number, HEALTH_ALERT_ROUTE) for number in (4, 5)])
    assert claimed(journal, Capacity(1, 10)) == [[f"{HEALTH_ALERT_ROUTE}4"]]
    journal.settle([Settlement(5, DeliveryState.DELIVERED, 0, 0, 200, "")])
    assert claimed(journal, Capacity(2, 10)) == [[f"{HEALTH_ALERT_ROUTE}5"], ["a0", "a1", "b2", "b3"]]
