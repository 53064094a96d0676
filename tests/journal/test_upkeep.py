"""What is old goes, what is not delivered stays, and nobody waits for it."""

from __future__ import annotations

from pathlib import Path

from bridge.delivery import DeliveryState, Settlement
from bridge.journal.sqlite import Journal
from bridge.journal.sqlite.history import deliveries, recorded
from bridge.journal.sqlite.upkeep import RetentionPolicy, Upkeep, dictionary_due, learned
from tests.journal.test_journal import alert, entries

DAY = 86_400 * 10**9
KEEP = RetentionPolicy(alerts_ns=30 * DAY, deliveries_ns=7 * DAY)


def journal_of(tmp_path: Path, states: list[DeliveryState | None]) -> Journal:
    """An alert a day, from the first day on, each with one delivery in that state; settled at once."""
    journal = Journal.open_for_router(tmp_path / "j.db")
    for day, state in enumerate(states):
        journal.append("s", day * DAY, entries(day))
        if state is not None:
            journal.settle([Settlement(day + 1, state, day * DAY, day * DAY, None, "")])
    return journal


def one_round(upkeep: Upkeep, now_ns: int) -> None:
    while upkeep.step(now_ns):
        pass


def kept(journal: Journal) -> tuple[list[int], list[int]]:
    """The days of the alerts and of the deliveries that are left."""
    return [each.alert.time_ns for each in recorded(journal)], [each.id - 1 for each in deliveries(journal)]


def test_alerts_and_deliveries_are_forgotten_each_at_their_age(tmp_path: Path) -> None:
    """Delivered ones after seven days, alerts after thirty."""
    journal = journal_of(tmp_path, [DeliveryState.DELIVERED] * 40)
    one_round(Upkeep(journal, KEEP), 40 * DAY)
    assert kept(journal) == (list(range(10, 40)), list(range(33, 40)))


def test_what_is_not_delivered_stays_with_its_alert_and_a_dead_letter_as_long_as_alerts(tmp_path: Path) -> None:
    """However old the one; the other until its alert would go."""
    states = [None, DeliveryState.DEAD, DeliveryState.DELIVERED, DeliveryState.DISCARDED]
    journal = journal_of(tmp_path, [*states, DeliveryState.DELIVERED])
    upkeep = Upkeep(journal, KEEP)
    one_round(upkeep, 20 * DAY)
    assert kept(journal) == ([0, 1, 2, 3, 4], [0, 1, 4])
    one_round(upkeep, 300 * DAY)
    assert kept(journal) == ([0, 4], [0, 4])
    journal.settle([Settlement(1, DeliveryState.DELIVERED, 300 * DAY, 300 * DAY, None, "")])
    one_round(upkeep, 400 * DAY)
    assert kept(journal) == ([4], [4])


def test_past_its_size_the_oldest_go_first_and_what_cannot_go_is_told(tmp_path: Path) -> None:
    """Down to the size, not further; a journal full of waiting deliveries stays whole, and says so."""
    journal = journal_of(tmp_path, [])
    for first in range(0, 6000, 100):
        journal.append("s", first, entries(*range(first, first + 100)))
    journal.settle([Settlement(each.id, DeliveryState.DELIVERED, 0, 0, None, "") for each in deliveries(journal)])
    full = journal.used()
    upkeep = Upkeep(journal, RetentionPolicy(size=full * 2 // 3))
    for _ in range(3):
        one_round(upkeep, 7000)
    assert full // 2 < journal.used() <= full * 2 // 3
    alerts, _ = kept(journal)
    assert alerts == list(range(alerts[0], 6000))
    assert not upkeep.stuck
    journal.append("s", 8000, entries(*range(6000, 12000)))
    for _ in range(3):
        one_round(upkeep, 9000)
    assert upkeep.stuck
    assert kept(journal)[0][-6000:] == list(range(6000, 12000))


def test_a_dictionary_is_learned_once_and_old_and_new_bodies_are_read_by_everyone(tmp_path: Path) -> None:
    """Bodies get smaller; a connection that was open before learns of it by itself."""
    journal = journal_of(tmp_path, [])
    reader = Journal.open_to_read(tmp_path / "j.db")
    assert dictionary_due(journal) is None
    journal.append("s", 0, entries(*range(1000)))
    number = dictionary_due(reader)
    assert number == 1
    journal.add_dictionary(number, learned(reader, number))
    assert dictionary_due(journal) is None
    journal.append("s", 0, entries(*range(1000, 1100)))
    assert [each.alert for each in recorded(reader)] == [alert(number) for number in range(1100)]
    ((before, after),) = journal.read(
        "SELECT avg(length(body)) FILTER (WHERE seq <= 1000), avg(length(body)) FILTER (WHERE seq > 1000) FROM alerts"
    )
    assert after < before * 0.7  # type: ignore[operator]
    reader.close()
    journal.close()
    journal = Journal.open_for_router(tmp_path / "j.db")
    assert sum(1 for _ in recorded(journal)) == 1100
