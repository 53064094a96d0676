"""How often routes have matched is the same with an index, with half of one, and without one."""

from __future__ import annotations

from bridge.history.hits import HitCount, Hits
from bridge.history.index.folder import IndexFolder
from bridge.journal.protocols import Journal
from bridge.routing import Decision, Entry, Reason, Routed
from tests.history.test_index import index_all
from tests.support.builders import alert

ROUTES = ("often", "rare", "never")


def append(journal: Journal, first: int, stop: int) -> None:
    entries = []
    for number in range(first, stop):
        decided = [Decision("often", Reason.SENT, ("chat",))]
        if number % 10 == 0:
            decided += [Decision("rare", Reason.THROTTLED, ()), Decision("rare", Reason.SENT, ())]
        entries.append(Entry(alert(number + 1), Routed(tuple(decided), ())))
    journal.alerts.append("falco", first, entries)


def counted(journal: Journal, index: IndexFolder | None, checks: int = 10_000) -> Hits:
    left = iter(range(checks))
    numbers = journal.history.span()
    return HitCount(journal.history, index, ROUTES, (35, 11, 1)).run(numbers, lambda: next(left, None) is not None)


def shown(hits: Hits) -> dict[str, tuple[list[int], int]]:
    return {route: (found.counts, found.last) for route, found in hits.routes.items()}


def test_hits_are_counted_with_and_without_an_index(journal: Journal) -> None:
    """A route that decides twice about an alert has one hit; the alerts that are not indexed yet count too."""
    append(journal, 0, 32)
    folder = index_all(journal)
    append(journal, 32, 42)
    expected = {"often": ([8, 32, 42], 42), "rare": ([1, 4, 5], 41), "never": ([0, 0, 0], 0)}
    with_index, without = counted(journal, folder), counted(journal, None)
    assert shown(with_index) == shown(without) == expected
    assert with_index.reached == without.reached == 1
    assert (with_index.unindexed, without.unindexed) == (10, 42)


def test_the_last_hit_is_found_in_old_segments(journal: Journal) -> None:
    """Before the first start too, where nothing is counted."""
    append(journal, 0, 32)
    index = index_all(journal)
    hits = HitCount(journal.history, index, ROUTES, (31,)).run(journal.history.span(), lambda: True)
    assert shown(hits) == {"often": ([2], 32), "rare": ([1], 31), "never": ([0], 0)}
    hits = HitCount(journal.history, index, ROUTES, (32,)).run(journal.history.span(), lambda: True)
    assert shown(hits)["rare"] == ([0], 31)


def test_a_count_stops_and_says_how_far_it_came(journal: Journal) -> None:
    """What it has counted is exact for the numbers that it reached."""
    append(journal, 0, 1200)
    hits = counted(journal, None, checks=2)
    assert 1 < hits.reached <= 700
    assert hits.routes["often"].counts[-1] == 1201 - hits.reached
    assert counted(journal, index_all(journal, segment_alerts=500, batch=500), checks=4).reached > 1
