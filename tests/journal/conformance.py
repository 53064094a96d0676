"""The contracts of `bridge/journal/protocols/` as tests. Every engine runs them with its own ``engines`` fixture."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.delivery import HEALTH_ALERT_ROUTE, Capacity, DeliveryState, Health, Settlement
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.protocols import Journal
from bridge.journal.records import DeadLetterAct, MemoryWrite, StateRow
from bridge.journal.retention import RetentionPolicy
from bridge.routing import Entry, Notification, NotificationContext, NotificationKind, Routed
from bridge.routing.memory.clauses.new import Sighting
from bridge.routing.state import Change
from tests.journal.engine import Engine, claimed
from tests.support.builders import alert, entries, entry, notification, settlement

DAY = 86_400 * 10**9
POLICY = RetentionPolicy(alerts_ns=30 * DAY, deliveries_ns=7 * DAY)
Engines = Callable[[], Engine]


def of_incidents(letters: str, first: int = 0) -> list[Entry]:
    """An alert for the channel ``chat`` for each letter, which is its route and its incident; none for a dot."""
    return [
        entry(number, "chat", route=letter, incident=letter.strip(".")) for number, letter in enumerate(letters, first)
    ]


def retry_at(delivery_id: int, due_ns: int, *, released: bool = False) -> Settlement:
    return Settlement(
        delivery_id, DeliveryState.PENDING, 0, due_ns, 503, "HTTP 503: busy", released_from_order=released
    )


def run_to_end(journal: Journal, policy: RetentionPolicy, now_ns: int) -> None:
    """One round of maintenance."""
    while journal.maintenance.step(policy, now_ns):
        pass


def stored(journal: Journal) -> tuple[list[int], list[int]]:
    """The numbers of the stored alerts, and of the alerts of the stored deliveries."""
    numbers = {each.alert.id: each.alert.time_ns for each in journal.history.alerts()}
    return list(numbers.values()), [numbers[each.alert_id] for each in journal.history.deliveries()]


class Base:
    """The fixtures of the suite."""

    @pytest.fixture
    def engine(self, engines: Engines) -> Engine:
        return engines()

    @pytest.fixture
    def journal(self, engine: Engine) -> Iterator[Journal]:
        with closing(engine.open_for_router()) as journal:
            yield journal


class AlertLogConformance(Base):
    def test_an_alert_is_read_as_it_was_written(self, journal: Journal) -> None:
        """With its decisions, its source name and its time."""
        one = entry(alert(1, tags=("a", "b"), fields={"proc.cmdline": "rm -rf /"}), "chat", "pager")
        assert journal.alerts.append("falco", 5, [one]) == 2
        (found,) = journal.history.alerts()
        assert (found.alert, found.source_name, found.received_ns) == (one.alert, "falco", 5)
        assert found.decisions == one.routed.decisions
        assert found.alert.id == one.alert.id

    def test_unknown_alerts_are_those_that_are_not_stored_each_once(self, engine: Engine) -> None:
        """Among the latest ids, long before them, in a batch of thousands, and after a restart."""
        for restart in range(2):
            with closing(engine.open_for_router()) as journal:
                if not restart:
                    journal.alerts.append("falco", 0, entries(*range(0, 4000, 2)))
                unknown = journal.alerts.unknown(alert(number // 2) for number in range(8002))
                assert [each.time_ns for each in unknown] == [*range(1, 4000, 2), 4000]

    def test_a_batch_may_be_appended_again(self, journal: Journal) -> None:
        """Stored alerts are skipped, alone, in a batch with new ones, and twice in one batch; checkpoints still move."""
        assert journal.alerts.append("falco", 0, entries(1, 2), (), {"f": "1"}) == 2
        assert journal.alerts.append("falco", 0, entries(1, 2), (), {"f": "2"}) == 0
        assert journal.alerts.append("falco", 0, entries(2, 3, 3, 1, 4), (), {"f": "3"}) == 2
        assert stored(journal) == ([1, 2, 3, 4], [1, 2, 3, 4])
        assert journal.alerts.checkpoint("falco") == {"f": "3"}

    def test_two_writers_append_beside_each_other(self, engine: Engine, journal: Journal) -> None:
        """Alerts keep the order of the appends, and an alert that the other one has stored is skipped."""
        with closing(engine.open_to_write()) as courier:
            journal.alerts.append("falco", 0, entries(1))
            courier.alerts.append("courier", 0, entries(50))
            journal.alerts.append("falco", 0, entries(2, 50, 51))
            courier.alerts.append("courier", 0, entries(51, 3))
        assert stored(journal) == ([1, 50, 2, 51, 3], [1, 50, 2, 51, 3])

    def test_a_checkpoint_changes_only_in_the_parts_that_are_named(self, journal: Journal) -> None:
        """None removes a part, and sources do not share their checkpoints."""
        journal.alerts.append("file", 0, [], (), {"1": "a", "2": "b", "3": "c"})
        journal.alerts.append("other", 0, [], (), {"1": "theirs"})
        journal.alerts.append("file", 0, [], (), {"2": "further", "3": None, "9": None})
        journal.alerts.append("file", 0, [])
        assert journal.alerts.checkpoint("file") == {"1": "a", "2": "further"}
        assert journal.alerts.checkpoint("other") == {"1": "theirs"}
        assert journal.alerts.checkpoint("none") == {}

    def test_a_failed_append_stores_nothing_and_works_later(self, engine: Engine, journal: Journal) -> None:
        """Neither alerts nor deliveries, rejected messages or the checkpoint."""
        rejected = [RejectedMessage("is not JSON", b"x")]
        batch = entries(*range(2000))
        with engine.full() as full, pytest.raises(JournalBusyError, match="full"):
            full.alerts.append("falco", 0, batch, rejected, {"f": "1"})
        assert stored(journal) == ([], [])
        assert journal.history.quarantined_count() == 0
        assert journal.alerts.checkpoint("falco") == {}
        assert journal.alerts.append("falco", 0, batch, rejected, {"f": "1"}) == 2000

    def test_what_append_has_returned_for_survives_a_kill(self, engine: Engine, journal: Journal) -> None:
        """Killed in the middle of appends, again and again: every batch is stored as a whole or not at all."""
        code = (
            "from pathlib import Path\nfrom bridge.journal.opening import open_to_write\n"
            "from tests.support.builders import entries\n"
            f"journal = {engine.open_code}\n"
            "number = journal.history.alert_count()\n"
            "while True:\n"
            "    journal.alerts.append('falco', 0, entries(number, number + 1), (), {'at': str(number + 2)})\n"
            "    number += 2\n"
            "    print(number, flush=True)\n"
        )
        for wanted in (40, 100, 160):
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
                assert writer.stdout is not None
                acknowledged = 0
                while acknowledged < wanted:
                    acknowledged = int(writer.stdout.readline())
                writer.send_signal(signal.SIGKILL)
            engine.settled()
            alerts, deliveries = stored(journal)
            assert len(alerts) >= acknowledged
            assert alerts == deliveries == list(range(len(alerts)))
            assert len(alerts) % 2 == 0
            assert journal.alerts.checkpoint("falco") == {"at": str(len(alerts))}


class OrderConformance(Base):
    def test_an_order_key_is_in_one_send_at_a_time(self, journal: Journal) -> None:
        """The next of a key may be claimed when the one before it is settled."""
        journal.alerts.append("falco", 0, of_incidents("aabab"))
        assert claimed(journal, Capacity(5)) == [["a0"], ["b2"]]
        assert claimed(journal, Capacity(5)) == []
        journal.deliveries.settle([settlement(1)])
        assert claimed(journal, Capacity(5)) == [["a1"]]

    def test_a_delivery_that_waits_for_its_retry_holds_back_its_own_key_only(self, journal: Journal) -> None:
        """Until it is due."""
        journal.alerts.append("falco", 0, of_incidents("aaab"))
        assert claimed(journal, Capacity(1)) == [["a0"]]
        journal.deliveries.settle([retry_at(1, 500)])
        assert claimed(journal, Capacity(1)) == [["b3"]]
        assert claimed(journal, Capacity(1), 499) == []
        assert journal.deliveries.next_due(["chat"]) == 500
        assert claimed(journal, Capacity(1), 500) == [["a0"]]

    def test_a_delivery_released_from_its_order_key_holds_back_none_and_is_sent_alone(self, journal: Journal) -> None:
        """Although a batch has room for it."""
        journal.alerts.append("falco", 0, of_incidents("aaa"))
        assert claimed(journal, Capacity(1)) == [["a0"]]
        journal.deliveries.settle([retry_at(1, 900, released=True)])
        assert claimed(journal, Capacity(1, 10), 600) == [["a1", "a2"]]
        journal.deliveries.settle([retry_at(2, 700), retry_at(3, 700)])
        assert claimed(journal, Capacity(5, 10), 900) == [["a0"], ["a1", "a2"]]

    def test_a_batch_holds_several_keys_oldest_first_and_each_key_once(self, journal: Journal) -> None:
        """As many as the capacity says, and no more sends than that."""
        journal.alerts.append("falco", 0, of_incidents("abacab"))
        assert claimed(journal, Capacity(0, 4)) == []
        assert claimed(journal, Capacity(2, 4)) == [["a0", "a2", "a4", "b1"], ["c3"]]

    def test_a_batch_ends_before_a_delivery_of_its_key_that_is_not_due(self, journal: Journal) -> None:
        """And before the later ones of that key: a dead letter that is retried does not hurry them."""
        journal.alerts.append("falco", 0, of_incidents("aaab"))
        journal.deliveries.settle([settlement(1, DeliveryState.DEAD), retry_at(2, 900)])
        assert journal.dead_letters.retry([1], 10) == [1]
        assert claimed(journal, Capacity(1, 10), 20) == [["a0", "b3"]]

    def test_health_alerts_are_sent_first_and_each_alone(self, journal: Journal) -> None:
        """In order among themselves."""
        journal.alerts.append("falco", 0, of_incidents("aabb"))
        journal.alerts.append("courier", 0, [entry(number, "chat", route=HEALTH_ALERT_ROUTE) for number in (4, 5)])
        assert claimed(journal, Capacity(1, 10)) == [[f"{HEALTH_ALERT_ROUTE}4"]]
        journal.deliveries.settle([settlement(5)])
        assert claimed(journal, Capacity(2, 10)) == [[f"{HEALTH_ALERT_ROUTE}5"], ["a0", "a1", "b2", "b3"]]

    def test_channels_do_not_hold_each_other_back(self, journal: Journal) -> None:
        """One claim takes what each of them may take."""
        journal.alerts.append("falco", 0, [entry(number, "chat", "pager") for number in range(3)])
        sends = journal.deliveries.claim(0, 10, {"chat": Capacity(1, 2), "pager": Capacity(1), "absent": Capacity(9)})
        assert [[(each.notification.channel, each.id) for each in send] for send in sends] == [
            [("chat", 1), ("chat", 3)],
            [("pager", 2)],
        ]

    def test_released_deliveries_come_last_where_the_capacity_says_so(self, journal: Journal) -> None:
        """Also after newer ones; without it the oldest comes first."""
        journal.alerts.append("falco", 0, of_incidents("abc"))
        assert claimed(journal, Capacity(1)) == [["a0"]]
        journal.deliveries.settle([retry_at(1, 0, released=True)])
        assert claimed(journal, Capacity(1, released_last=True)) == [["b1"]]
        assert claimed(journal, Capacity(1)) == [["a0"]]
        journal.deliveries.release(0)
        assert claimed(journal, Capacity(9, released_last=True)) == [["b1"], ["c2"], ["a0"]]

    def test_what_concerns_an_incident_is_in_no_digest_where_the_capacity_says_so(self, journal: Journal) -> None:
        """The service acknowledges and resolves each under its own key. The others are sent together, as ever."""
        journal.alerts.append("falco", 0, of_incidents(".a.ab."))
        assert claimed(journal, Capacity(5, 9, incidents_apart=True)) == [["a1"], ["b4"], [".0", ".2", ".5"]]
        journal.deliveries.settle([settlement(2)])
        assert claimed(journal, Capacity(5, 9, incidents_apart=True)) == [["a3"]]

    def test_deliveries_without_an_incident_hold_back_none(self, journal: Journal) -> None:
        """They are claimed one by one or in batches, beside those that have one, oldest first."""
        journal.alerts.append("falco", 0, of_incidents("..aa."))
        assert claimed(journal, Capacity(2)) == [[".0"], [".1"]]
        journal.deliveries.settle([retry_at(1, 500)])
        assert claimed(journal, Capacity(1, 2)) == [["a2", "a3"]]
        assert claimed(journal, Capacity(9)) == [[".4"]]
        journal.deliveries.settle([settlement(2), settlement(3)])
        assert claimed(journal, Capacity(9), 499) == []
        assert journal.deliveries.next_due(["chat"]) == 500
        assert claimed(journal, Capacity(9), 500) == [[".0"]]

    def test_a_channel_in_strict_order_has_one_key_for_each_route(self, journal: Journal) -> None:
        """For any incidents."""
        of_two = [entry(number, "chat", route=route, incident=f"i{number}", ordered=True) for number, route in
                  enumerate("aab")]  # fmt: skip
        journal.alerts.append("falco", 0, of_two)
        assert claimed(journal, Capacity(5)) == [["a0"], ["b2"]]
        assert claimed(journal, Capacity(5)) == []
        journal.deliveries.settle([settlement(1)])
        assert claimed(journal, Capacity(5)) == [["a1"]]

    def test_a_key_continues_behind_a_delivery_that_expires_or_is_a_dead_letter(self, journal: Journal) -> None:
        """And a new delivery waits behind what is open, however long ago that was appended."""
        journal.alerts.append("falco", 5, of_incidents("aaa"))
        journal.alerts.append("falco", 6, of_incidents("a", first=3))
        assert journal.deliveries.expire("chat", 5, 7, "too old", 1) == 1
        assert claimed(journal, Capacity(5), 7) == [["a1"]]
        journal.deliveries.settle([settlement(2, DeliveryState.DEAD)])
        assert claimed(journal, Capacity(5), 7) == [["a2"]]
        journal.deliveries.settle([settlement(3), settlement(3)])
        assert claimed(journal, Capacity(5), 7) == [["a3"]]
        journal.deliveries.settle([settlement(4)])
        journal.alerts.append("falco", 8, of_incidents("a", first=4))
        assert claimed(journal, Capacity(5), 8) == [["a4"]]

    def test_a_key_is_in_order_although_the_clock_was_set_back(self, journal: Journal) -> None:
        """Also behind more deliveries than are placed at once."""
        others = [entry(number, "chat", route="other", incident=f"i{number}") for number in range(200)]
        journal.alerts.append("falco", 1000, [*others, *of_incidents("a", first=200)])
        journal.alerts.append("falco", 10, of_incidents("a", first=201))
        sent: list[str] = []
        while sends := claimed(journal, Capacity(70), 1000):
            sent += [each for send in sends for each in send]
        assert sorted(sent) == sorted([*(f"other{number}" for number in range(200)), "a200"])
        journal.deliveries.settle([settlement(201)])
        assert claimed(journal, Capacity(70), 1000) == [["a201"]]

    @pytest.mark.parametrize("ordered", [False, True])
    def test_a_retried_dead_letter_waits_for_its_key(self, journal: Journal, ordered: bool) -> None:
        """It is behind one that is in flight, and before those that wait. The key is the incident, or the route."""
        incidents = ("i", "j", "i", "k") if ordered else ("i",) * 4
        journal.alerts.append(
            "falco", 0, [entry(number, "chat", route="a", incident=each, ordered=ordered)
                         for number, each in enumerate(incidents)]
        )  # fmt: skip
        journal.deliveries.settle([settlement(1, DeliveryState.DEAD)])
        assert claimed(journal, Capacity(5)) == [["a1"]]
        assert journal.dead_letters.retry([1], 1) == [1]
        assert claimed(journal, Capacity(5), 1) == []
        journal.deliveries.settle([settlement(2)])
        assert claimed(journal, Capacity(5), 1) == [["a0"]]
        journal.deliveries.settle([settlement(1, DeliveryState.DEAD)])
        assert journal.dead_letters.retry([1], 2) == [1]
        assert claimed(journal, Capacity(5), 2) == [["a0"]]
        journal.deliveries.settle([settlement(1)])
        assert claimed(journal, Capacity(5), 2) == [["a2"]]

    def test_dead_letters_of_one_key_are_retried_in_order(self, journal: Journal) -> None:
        """Before those that wait, named in any order."""
        journal.alerts.append("falco", 0, [entry(number, "chat", route="a", ordered=True) for number in range(4)])
        journal.deliveries.settle([settlement(number, DeliveryState.DEAD) for number in (1, 2, 3)])
        assert journal.dead_letters.retry([3, 1, 2], 1) == [1, 2, 3]
        for number in range(4):
            assert claimed(journal, Capacity(5, 1), 1) == [[f"a{number}"]]
            journal.deliveries.settle([settlement(number + 1)])

    def test_deliveries_that_were_not_sent_are_put_back(self, journal: Journal) -> None:
        """Due at once, without an attempt; what was settled since stays as it is."""
        journal.alerts.append("falco", 0, of_incidents(".aa."))
        assert claimed(journal, Capacity(5, 2)) == [[".0", "a1"], [".3"]]
        journal.deliveries.settle([settlement(4)])
        journal.deliveries.put_back([1, 2, 4], 9)
        assert claimed(journal, Capacity(9), 8) == []
        sends = journal.deliveries.claim(9, 10, {"chat": Capacity(9)})
        assert [(each.id, each.attempts) for (each,) in sends] == [(1, 0), (2, 0)]

    @settings(
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors]
    )  # one suite, several engines
    @given(st.text("abc..", min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 7), st.integers())
    def test_every_key_is_delivered_in_order(
        self, engines: Engines, routes: str, sends: int, batch_size: int, seed: int
    ) -> None:
        """For any failures and retries."""
        chance, now_ns = random.Random(seed), 0
        arrived: dict[str, list[int]] = {}
        with closing(engines().open_for_router()) as journal:
            journal.alerts.append("falco", 0, of_incidents(routes))
            while journal.deliveries.undelivered():
                now_ns += 1000
                for send in journal.deliveries.claim(now_ns, 10, {"chat": Capacity(sends, batch_size)}):
                    if chance.random() < 0.3:
                        journal.deliveries.settle([retry_at(each.id, now_ns) for each in send])
                        continue
                    if chance.random() < 0.2:
                        journal.deliveries.put_back([each.id for each in send], now_ns)
                        continue
                    for each in send:
                        arrived.setdefault(each.notification.routes[0], []).append(each.id)
                    journal.deliveries.settle([settlement(each.id) for each in send])
        assert sum(map(len, arrived.values())) == len(routes)
        assert all(ids == sorted(ids) for route, ids in arrived.items() if route != ".")


class LeaseConformance(Base):
    def test_a_claim_ends_with_its_lease(self, journal: Journal) -> None:
        """Until then no other claim gets the delivery; afterwards it is sent again."""
        journal.alerts.append("falco", 0, entries(1, channel="chat"))
        ((first,),) = journal.deliveries.claim(0, 100, {"chat": Capacity(5)})
        assert journal.deliveries.claim(99, 100, {"chat": Capacity(5)}) == []
        ((again,),) = journal.deliveries.claim(100, 100, {"chat": Capacity(5)})
        assert (again.id, again.attempts) == (first.id, 0)

    def test_a_settled_delivery_does_not_change_again(self, journal: Journal) -> None:
        """A late result of an earlier claim counts for nothing."""
        journal.alerts.append("falco", 0, entries(1, channel="chat"))
        journal.deliveries.settle([settlement(1, at_ns=201, status=200)])
        journal.deliveries.settle([settlement(1, DeliveryState.DEAD, 202, status=404, reason="late")])
        (record,) = journal.history.deliveries()
        assert (record.state, record.attempts, record.status) == (DeliveryState.DELIVERED, 1, 200)
        assert claimed(journal, Capacity(5), 10**9) == []

    def test_claims_of_a_killed_process_are_released(self, engine: Engine, journal: Journal) -> None:
        """They survive the process that made them, and the next courier takes them over at once."""
        journal.alerts.append("falco", 0, of_incidents("ab"))
        code = (
            "import os, signal\nfrom pathlib import Path\nfrom bridge.delivery import Capacity\n"
            "from bridge.journal.opening import open_to_write\n"
            f"journal = {engine.open_code}\n"
            "assert len(journal.deliveries.claim(0, 10**18, {'chat': Capacity(2)})) == 2\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
        assert [each.state for each in journal.history.deliveries()] == [DeliveryState.CLAIMED] * 2
        assert claimed(journal, Capacity(2), 10**9) == []
        assert journal.deliveries.release(7) == 2
        assert journal.deliveries.next_due(["chat"]) == 7
        assert claimed(journal, Capacity(2), 7) == [["a0"], ["b1"]]

    def test_a_delivery_holds_what_the_channel_needs(self, journal: Journal) -> None:
        """Alert, notification, earlier attempts and age."""
        one = entry(alert(1, fields={"proc.name": "rm"}), "chat", route="r")
        journal.alerts.append("falco", 42, [one])
        journal.deliveries.settle([retry_at(1, 50), retry_at(1, 60)])
        ((delivery,),) = journal.deliveries.claim(60, 10, {"chat": Capacity(1)})
        assert (delivery.alert, delivery.notification) == (one.alert, one.routed.notifications[0])
        assert (delivery.attempts, delivery.created_ns) == (2, 42)


class QueueConformance(Base):
    def test_waiting_deliveries_are_counted(self, journal: Journal) -> None:
        """Pending and claimed ones, by channel, up to a limit; settled ones are not."""
        journal.alerts.append("falco", 0, [entry(1, "chat", "pager"), entry(2, "chat"), entry(3, "chat")])
        claimed(journal, Capacity(1))
        assert (journal.deliveries.waiting("chat"), journal.deliveries.waiting("chat", 2)) == (3, 2)
        journal.deliveries.settle([settlement(1), settlement(3, DeliveryState.DEAD)])
        assert (journal.deliveries.waiting("chat"), journal.deliveries.undelivered()) == (1, 2)
        assert journal.deliveries.waiting_channels() == ["chat", "pager"]
        journal.deliveries.settle([settlement(4)])
        assert journal.deliveries.waiting_channels() == ["pager"]

    def test_the_next_due_time_is_that_of_a_delivery_that_can_be_claimed(self, journal: Journal) -> None:
        """Not of one that waits behind an earlier one of its order key."""
        assert journal.deliveries.next_due(["chat"]) is None
        journal.alerts.append("falco", 5, of_incidents("aab"))
        journal.deliveries.settle([retry_at(1, 900), retry_at(3, 700)])
        assert journal.deliveries.next_due(["chat", "absent"]) == 700
        assert journal.deliveries.next_due([]) is None
        assert journal.deliveries.next_due(["absent"]) is None

    def test_retries_can_be_made_due_at_once(self, journal: Journal) -> None:
        """Those of that channel, whatever their backoff."""
        journal.alerts.append("falco", 0, [entry(1, "chat", "pager")])
        journal.deliveries.settle([retry_at(1, 900), retry_at(2, 900)])
        journal.deliveries.make_due_now("chat", 10)
        assert (journal.deliveries.next_due(["chat"]), journal.deliveries.next_due(["pager"])) == (10, 900)

    def test_deliveries_that_are_too_old_become_dead_letters(self, journal: Journal) -> None:
        """Up to the limit, of that channel, never one that is claimed or was created later."""
        for created_ns in range(5):
            journal.alerts.append("falco", created_ns, [entry(created_ns, "chat", "pager")])
        assert claimed(journal, Capacity(1)) == [["shells0"]]
        assert journal.deliveries.expire("chat", 3, 100, "too old", 2) == 2
        assert journal.deliveries.expire("chat", 3, 100, "too old", 2) == 1
        assert journal.deliveries.expire("chat", 3, 100, "too old", 2) == 0
        dead = list(journal.history.deliveries(DeliveryState.DEAD))
        assert [(each.channel, each.reason) for each in dead] == [("chat", "too old")] * 3
        assert {each.settled_ns for each in journal.dead_letters.letters()} == {100}
        assert (journal.deliveries.waiting("chat"), journal.deliveries.waiting("pager")) == (2, 5)

    def test_health_is_recorded_with_the_settlements(self, journal: Journal) -> None:
        """And read as it was written; health alone can be recorded too."""
        journal.alerts.append("falco", 0, entries(1, channel="chat"))
        health = Health(delivered=1, success_ns=5, reason="busy", before=(1, 2, 3), channel_fault=True, status=503)
        journal.deliveries.settle([settlement(1)], {"chat": health})
        journal.deliveries.settle([], {"pager": Health(failures=2)})
        assert journal.deliveries.health() == {"chat": health, "pager": Health(failures=2)}
        assert journal.deliveries.undelivered() == 0
        journal.deliveries.remove_health_except(["pager", "new"])
        assert journal.deliveries.health() == {"pager": Health(failures=2)}

    def test_a_failed_settlement_changes_nothing(self, engine: Engine, journal: Journal) -> None:
        """Neither deliveries nor health."""
        journal.alerts.append("falco", 0, entries(*range(200), channel="chat"))
        settlements = [retry_at(number, 10) for number in range(1, 201)]
        large = {"chat": Health(reason="x" * 1_000_000)}
        with engine.full() as full, pytest.raises(JournalBusyError):
            full.deliveries.settle(settlements, large)
        assert {(each.state, each.attempts) for each in journal.history.deliveries()} == {(DeliveryState.PENDING, 0)}
        assert journal.deliveries.health() == {}

    def test_failed_attempts_are_stored_the_first_and_the_latest_ones(self, journal: Journal) -> None:
        """However often a delivery is tried; the count is of all of them."""
        journal.alerts.append("falco", 0, entries(1))
        for number in range(1, 51):
            journal.deliveries.settle([settlement(1, DeliveryState.PENDING, number, status=503, reason=f"no {number}")])
        stored_attempts = journal.dead_letters.attempts(1)
        numbers = [each.number for each in stored_attempts]
        assert numbers[0] == 1
        assert numbers[1:] == list(range(51 - len(numbers) + 1, 51))
        assert 2 < len(numbers) < 50
        assert (stored_attempts[-1].attempted_ns, stored_attempts[-1].reason) == (50, "no 50")
        assert next(journal.history.deliveries()).attempts == 50


class DeadLetterConformance(Base):
    @pytest.fixture
    def letters(self, journal: Journal) -> Journal:
        """Five deliveries, of which three are dead letters."""
        journal.alerts.append("falco", 3, [entry(1, "chat", "pager"), entry(2, "chat"), entry(3, "chat", "pager")])
        dead = [settlement(number, DeliveryState.DEAD, 5, status=404, reason="gone") for number in (1, 2, 3)]
        journal.deliveries.settle(dead)
        return journal

    def test_a_dead_letter_is_read_with_its_alert(self, letters: Journal) -> None:
        """And with its reason, its times and its attempts."""
        (letter,) = letters.dead_letters.letters(delivery_id=3)
        assert (letter.id, letter.channel, letter.routes, letter.alert) == (3, "chat", ("shells",), alert(2))
        assert (letter.created_ns, letter.settled_ns, letter.attempts) == (3, 5, 1)
        assert (letter.status, letter.reason) == (404, "gone")
        (attempt,) = letters.dead_letters.attempts(3)
        assert (attempt.number, attempt.attempted_ns, attempt.status, attempt.reason) == (1, 5, 404, "gone")

    def test_dead_letters_are_listed_by_channel(self, letters: Journal) -> None:
        """Oldest first."""
        queue = letters.dead_letters
        assert (queue.counts(), queue.ids(), queue.ids("pager")) == ({"chat": 2, "pager": 1}, [1, 2, 3], [2])
        assert [each.id for each in queue.letters()] == [1, 2, 3]
        assert [each.id for each in queue.letters("pager")] == [2]
        assert list(queue.letters("absent")) == list(queue.letters(delivery_id=4)) == []

    def test_many_dead_letters_are_listed_once_each(self, journal: Journal) -> None:
        """Over all pages."""
        journal.alerts.append("falco", 0, entries(*range(450), channel="chat"))
        assert journal.deliveries.expire("chat", 0, 0, "old", 1000) == 450
        assert [each.id for each in journal.dead_letters.letters()] == journal.dead_letters.ids() == list(range(1, 451))

    def test_dead_letters_are_retried_with_the_age_of_a_new_delivery(self, letters: Journal) -> None:
        """Only those that are dead; the attempts go on counting."""
        assert letters.dead_letters.retry([4, 1, 9], 70, "alice") == [1]
        assert letters.dead_letters.acts(1) == [DeadLetterAct(70, "retry", "alice")]
        ((other,),) = letters.deliveries.claim(69, 100, {"chat": Capacity(5)})
        assert other.id == 4
        ((delivery,),) = letters.deliveries.claim(70, 1, {"chat": Capacity(5)})
        assert (delivery.id, delivery.created_ns, delivery.attempts) == (1, 70, 1)

    def test_dead_letters_are_discarded(self, letters: Journal) -> None:
        """They stay in the history, and are no dead letters any more."""
        assert letters.dead_letters.retry([2], 7, "alice") == [2]
        letters.deliveries.settle([settlement(2, DeliveryState.DEAD, 7, status=404, reason="gone")])
        assert letters.dead_letters.discard([3, 2, 4], 8, "bob") == [2, 3]
        acts = [DeadLetterAct(7, "retry", "alice"), DeadLetterAct(8, "discard", "bob")]
        assert (letters.dead_letters.acts(2), letters.dead_letters.acts(4)) == (acts, [])
        assert letters.dead_letters.ids() == [1]
        assert [each.id for each in letters.history.deliveries(DeliveryState.DISCARDED)] == [2, 3]
        assert letters.dead_letters.retry([2, 3], 9) == []


class HistoryConformance(Base):
    def test_alerts_are_read_in_the_order_of_the_appends(self, journal: Journal) -> None:
        """Over all pages, not in the order of their times."""
        numbers = [*range(1300, 0, -1)]
        journal.alerts.append("falco", 0, entries(*numbers))
        assert [each.alert.time_ns for each in journal.history.alerts()] == numbers
        assert journal.history.alert_count() == 1300

    def test_a_span_is_read_in_both_orders(self, journal: Journal) -> None:
        """Over all pages. A span that holds no alert is empty."""
        for minute in range(3):
            journal.alerts.append("falco", minute * 60, entries(*range(minute * 700, (minute + 1) * 700)))
        span = journal.history.span(60, 120)
        assert [each.alert.time_ns for each in journal.history.read(span)] == list(range(700, 1400))
        newest = list(journal.history.read(span, newest_first=True))
        assert [each.alert.time_ns for each in newest] == list(range(1399, 699, -1))
        assert [each.number for each in newest] == list(reversed(span))
        decided = list(journal.history.decided(span))
        assert decided == [(each.number, each.decisions) for each in newest]
        assert decided[0][1]
        assert len(journal.history.span()) == 2100
        assert not journal.history.span(61, 120)
        assert not journal.history.span(500)
        assert not list(journal.history.read(journal.history.span(120, 60)))

    def test_a_scan_finds_what_a_condition_of_some_fields_wants(self, journal: Journal) -> None:
        """Whole alerts with their decisions, the newest first, although the condition sees only the named fields."""
        made = [entry(alert(n, fields={"a": str(n % 3), "b": "x", 'c"\\': "y"}, tags=("t",))) for n in range(1200)]
        journal.alerts.append("falco", 0, made)
        seen: set[str] = set()
        reached: list[int] = []

        def holds(each: Alert) -> bool:
            seen.update(each.fields)
            return each.get("a") == "1" and each.tags == ("t",) and each.output == f"alert {each.time_ns}"

        found = list(journal.history.scan(range(1, 1201), holds, {"a", "none"}, reached.append))
        assert [each.alert.time_ns for each in found] == list(range(1198, 0, -3))
        assert found[0].alert == made[1198].alert
        assert found[0].decisions == made[1198].routed.decisions
        assert seen == {"a"}
        assert list(journal.history.scan(range(1, 1201), lambda each: each.get('c"\\') == "z", {'c"\\'}, id)) == []
        assert next(journal.history.scan(range(1, 9), lambda each: each.get('c"\\') == "y", {'c"\\'}, id)).number == 8
        assert reached[-1] == 1

    def test_alerts_are_found_by_the_start_of_their_id(self, journal: Journal) -> None:
        """An odd number of digits, upper case, the whole id; nothing for text that is no id."""
        journal.alerts.append("falco", 0, entries(*range(40)))
        ids = sorted(alert(number).id for number in range(40))
        for start in (ids[7][:15], ids[7][:16].upper(), ids[7], ""):
            expected = [each for each in ids if each.startswith(start.lower())][:5]
            assert [each.alert.id for each in journal.history.alerts_with_id(start, 5)] == expected
        assert journal.history.alerts_with_id("zz", 5) == []
        assert journal.history.alerts_with_id("0" * 33, 5) == []

    def test_an_alert_is_found_by_its_id(self, journal: Journal) -> None:
        """None for an id that is not stored, and for text that is no id."""
        journal.alerts.append("falco", 5, entries(1, 2))
        found = journal.history.alert(alert(2).id)
        assert found is not None
        assert (found.alert, found.received_ns) == (alert(2), 5)
        assert journal.history.alert(alert(3).id) is None
        assert journal.history.alert("no id") is None

    def test_alerts_are_found_by_their_ids(self, journal: Journal) -> None:
        """More than a query asks for; those that are not stored are left out."""
        stored = [alert(number) for number in range(600)]
        journal.alerts.append("falco", 5, entries(*range(600)))
        wanted = [*(each.id for each in stored[1:]), alert(700).id]
        assert journal.history.alerts_of(wanted) == {each.id: each for each in stored[1:]}
        assert journal.history.alerts_of(()) == {}
        some = journal.history.alerts_of(wanted, {"proc.name"})
        assert some.keys() == {each.id for each in stored[1:]}
        assert all(set(each.fields) <= {"proc.name"} for each in some.values())

    def test_deliveries_are_read_in_order_and_by_state(self, journal: Journal) -> None:
        """Over all pages; counted by channel and state."""
        journal.alerts.append("falco", 0, [entry(number, "chat", "pager") for number in range(600)])
        digested = Settlement(3, DeliveryState.DELIVERED, 0, 0, 200, "", digest_id=1)
        journal.deliveries.settle([settlement(1), digested])
        assert [each.id for each in journal.history.deliveries()] == list(range(1, 1201))
        delivered = list(journal.history.deliveries(DeliveryState.DELIVERED))
        assert [(each.id, each.channel, each.digest_id) for each in delivered] == [(1, "chat", None), (3, "chat", 1)]
        assert delivered[1].alert_id == alert(1).id
        assert journal.history.delivery_counts() == {
            ("chat", DeliveryState.DELIVERED): 2,
            ("chat", DeliveryState.PENDING): 598,
            ("pager", DeliveryState.PENDING): 600,
        }

    def test_what_clauses_with_memory_sent_is_found_by_channel(self, journal: Journal) -> None:
        """The alert that a notification is about, and those that it names; not what was sent at once."""
        journal.alerts.append("falco", 0, [entry(number, "chat") for number in range(1, 701)])
        context = NotificationContext(NotificationKind.DIGEST, alerts=tuple(alert(n).id for n in (3, 5, 700, 9999)))
        escalation = NotificationContext(NotificationKind.ESCALATION, incident="ab")
        digest = Notification("chat", ("a", "b"), alert().priority, about=alert(3).id, context=context)
        pager = Notification("pager", ("a",), alert().priority, about=alert(7).id, context=escalation)
        journal.alerts.append("timers", 1, [], memory=MemoryWrite((), (digest, pager)))
        assert journal.history.sent_later("chat") == [700, 5, 3]
        assert journal.history.sent_later("chat", "b") == [700, 5, 3]
        assert journal.history.sent_later("chat", "c") == []
        assert (journal.history.sent_later("pager"), journal.history.sent_later("mail")) == ([7], [])

    def test_rejected_messages_are_in_the_quarantine(self, journal: Journal) -> None:
        """Oldest first over all pages, the newest ones, and one by its number."""
        for number in range(120):
            journal.alerts.append("falco", number, [], [RejectedMessage(f"is no {number}", bytes([number, 255]))])
        messages = list(journal.history.quarantine())
        assert [each.received_ns for each in messages] == list(range(120))
        assert (messages[7].source_name, messages[7].reason, messages[7].raw) == ("falco", "is no 7", b"\x07\xff")
        assert journal.history.newest_quarantined(2) == [messages[119], messages[118]]
        assert journal.history.newest_quarantined(0) == []
        assert journal.history.quarantined(messages[5].number) == messages[5]
        assert journal.history.quarantined(10**6) is None
        assert journal.history.quarantined_count() == 120

    def test_the_quarantine_is_bounded(self, journal: Journal) -> None:
        """The oldest messages are removed, and of a long one the beginning is stored."""
        for first in range(0, 3000, 500):
            many = [RejectedMessage("is no alert", b"%d" % number) for number in range(first, first + 500)]
            journal.alerts.append("falco", 0, [], many)
        assert journal.history.quarantined_count() == 1000
        assert [each.raw for each in journal.history.newest_quarantined(1)] == [b"2999"]
        journal.alerts.append("falco", 0, [], [RejectedMessage("is too long", b"ab" * 100_000)])
        assert journal.history.newest_quarantined(1)[0].raw == b"ab" * 32_768

    def test_a_reader_sees_later_commits_and_cannot_write(self, engine: Engine, journal: Journal) -> None:
        """It blocks no writer, even while it is in the middle of reading."""
        journal.alerts.append("falco", 0, entries(*range(600)))
        with closing(engine.open_to_read()) as reader:
            reading = reader.history.alerts()
            assert next(reading).alert.time_ns == 0
            journal.alerts.append("falco", 0, entries(600))
            assert reader.history.alert_count() == 601
            assert [each.alert.time_ns for each in reading] == list(range(1, 601))
            with pytest.raises(JournalError):
                reader.alerts.append("falco", 0, entries(700))
        assert journal.history.alert_count() == 601

    def test_a_reader_of_a_journal_that_does_not_exist_creates_none(self, engines: Engines) -> None:
        """It is an error, the second time too."""
        engine = engines()
        for _ in range(2):
            with pytest.raises(JournalError, match="no bridge has run with it yet"):
                engine.open_to_read()


class MaintenanceConformance(Base):
    def aged(self, journal: Journal, states: list[DeliveryState | None]) -> None:
        """An alert a day with one delivery in that state, settled at once; None is pending."""
        for day, state in enumerate(states):
            journal.alerts.append("falco", day * DAY, [entry(alert(day), "chat")])
            if state is not None:
                journal.deliveries.settle([settlement(day + 1, state, day * DAY)])

    def test_alerts_and_deliveries_are_removed_at_their_age(self, journal: Journal) -> None:
        """Delivered ones after seven days, alerts after thirty."""
        self.aged(journal, [DeliveryState.DELIVERED] * 40)
        run_to_end(journal, POLICY, 40 * DAY)
        assert stored(journal) == (list(range(10, 40)), list(range(33, 40)))

    def test_what_is_not_delivered_is_not_removed(self, journal: Journal) -> None:
        """Nor is its alert; a dead letter is removed at the age of alerts."""
        states = [None, DeliveryState.DEAD, DeliveryState.DELIVERED, DeliveryState.DISCARDED, DeliveryState.DELIVERED]
        self.aged(journal, states)
        run_to_end(journal, POLICY, 20 * DAY)
        assert stored(journal) == ([0, 1, 2, 3, 4], [0, 1, 4])
        run_to_end(journal, POLICY, 300 * DAY)
        assert stored(journal) == ([0, 4], [0, 4])
        journal.deliveries.settle([settlement(1, at_ns=300 * DAY)])
        run_to_end(journal, POLICY, 400 * DAY)
        assert stored(journal) == ([4], [4])
        assert journal.dead_letters.attempts(2) == []

    def test_numbers_are_not_reused(self, journal: Journal) -> None:
        """An alert that is appended after everything was removed comes after all of them."""
        self.aged(journal, [DeliveryState.DELIVERED] * 3)
        last = max(each.id for each in journal.history.deliveries())
        run_to_end(journal, POLICY, 400 * DAY)
        journal.alerts.append("falco", 400 * DAY, [entry(9, "chat")])
        assert max(each.id for each in journal.history.deliveries()) > last

    def test_numbers_have_the_ids_of_their_alerts(self, journal: Journal) -> None:
        """Those that are stored; a number that was never used, or is not any more, has none."""
        self.aged(journal, [DeliveryState.DELIVERED] * 3)
        stored_alerts = list(journal.history.alerts())
        numbers = [each.number for each in stored_alerts]
        assert journal.history.ids([*numbers, max(numbers) + 1]) == {
            each.number: each.alert.id for each in stored_alerts
        }
        run_to_end(journal, POLICY, 400 * DAY)
        left = {each.number for each in journal.history.alerts()}
        assert set(journal.history.ids(numbers)) == left < set(numbers)
        assert journal.history.ids([]) == {}

    def test_above_its_size_the_oldest_are_removed_first(self, journal: Journal) -> None:
        """Down to the size and not further; what is not delivered yet is kept, and reported as too large."""
        for first in range(0, 6000, 100):
            journal.alerts.append("falco", first, entries(*range(first, first + 100)))
        journal.deliveries.settle([settlement(each.id) for each in journal.history.deliveries()])
        full = journal.maintenance.used_bytes()
        policy = RetentionPolicy(size=full * 2 // 3)
        for _ in range(3):
            run_to_end(journal, policy, 7000)
        assert full // 2 < journal.maintenance.used_bytes() <= full * 2 // 3
        alerts, _ = stored(journal)
        assert alerts == list(range(alerts[0], 6000))
        assert not journal.maintenance.over_size
        journal.alerts.append("falco", 8000, entries(*range(6000, 12000)))
        for _ in range(3):
            run_to_end(journal, policy, 9000)
        assert journal.maintenance.over_size
        assert stored(journal)[0][-6000:] == list(range(6000, 12000))

    def test_long_work_is_prepared_beside_the_writers_and_completed_later(
        self, engine: Engine, journal: Journal
    ) -> None:
        """Alerts of before and after are read by every journal, open or not."""
        with closing(engine.open_to_read()) as reader:
            for first in range(0, 3000, 1000):
                journal.alerts.append("falco", 0, entries(*range(first, first + 500)))
                complete = journal.maintenance.prepare()
                journal.alerts.append("falco", 0, entries(*range(first + 500, first + 1000)))
                if complete is not None:
                    complete()
            assert [each.alert for each in reader.history.alerts()] == [alert(number) for number in range(3000)]
        assert journal.maintenance.prepare() is None


class MemoryConformance(Base):
    """The state of clauses with memory is written with its alert, and read back at start."""

    def test_state_is_what_was_last_written(self, engine: Engine) -> None:
        """Rows by clause and key, with their timers; None deletes one."""
        with closing(engine.open_for_router()) as journal:
            write = MemoryWrite((change("a", b"x", 1, 10), change("a", b"y", 2), change("b", b"x", 3, 30)))
            journal.alerts.append("s", 0, entries(1), memory=write)
            journal.alerts.append("s", 0, [], memory=MemoryWrite((change("a", b"x", 4), change("b", b"x", None))))
        with closing(engine.open_for_router()) as journal:
            assert sorted(journal.memory.load(), key=lambda row: row.key) == [
                StateRow("a", b"x", Sighting(4), None), StateRow("a", b"y", Sighting(2), None),
            ]  # fmt: skip

    def test_state_that_cannot_be_written_changes_nothing(self, engine: Engine) -> None:
        """All or nothing, with the alert."""
        with closing(engine.open_for_router()) as journal:
            journal.alerts.append("s", 0, entries(1), memory=MemoryWrite((change("a", b"x", 1),)))
        with engine.full() as journal, pytest.raises(JournalBusyError):
            journal.alerts.append("s", 0, entries(*range(2, 2000)), memory=MemoryWrite((change("a", b"x", 2),)))
        with closing(engine.open_for_router()) as journal:
            assert [row.row for row in journal.memory.load()] == [Sighting(1)]
            assert journal.history.alert_count() == 1

    def test_a_notification_may_be_about_an_earlier_alert(self, engine: Engine) -> None:
        """Of a batch, this one or one before, or of a timer; where that alert is gone, about another one that it names."""
        with closing(engine.open_for_router()) as journal:
            journal.alerts.append("s", 0, [Entry(alert(1), routed_to()), Entry(alert(2), routed_to())])
            digest = structs.replace(
                notification("chat"), about=alert(1).id, context=NotificationContext(NotificationKind.DIGEST, 2)
            )
            gone = structs.replace(
                notification("chat"), about=alert(9).id, context=NotificationContext(alerts=(alert(9).id, alert(2).id))
            )
            lost = structs.replace(notification("chat"), about=alert(9).id)
            assert journal.alerts.append("timers", 5, [], memory=MemoryWrite((), (digest, gone, lost))) == 2
            assert journal.alerts.append("s", 6, [Entry(alert(3), routed_to(digest))]) == 1
            first = structs.replace(notification("chat"), about=alert(4).id)
            batch = [Entry(alert(4), routed_to()), Entry(alert(5), routed_to(gone, first, notification("chat")))]
            assert journal.alerts.append("s", 7, batch) == 3
            (sends,) = journal.deliveries.claim(10, 1000, {"chat": Capacity(1, 10)})
            assert sorted([each.alert.time_ns for each in sends]) == [1, 1, 2, 2, 4, 5]
            assert sends[0].notification.context == digest.context
            shown = [each.others for each in sends if each.notification.context == gone.context]
            assert shown == [(alert(2),)] * 2  # of a sequence, the steps that are stored

    def test_the_secret_of_keys_stays(self, engine: Engine) -> None:
        """It is created once."""
        with closing(engine.open_for_router()) as journal:
            first = journal.memory.secret()
        with closing(engine.open_for_router()) as journal:
            assert journal.memory.secret() == first
        assert len(first) == 32


def change(clause: str, key: bytes, seen_ns: int | None, due_ns: int | None = None) -> Change:
    return Change(clause, [key], [None if seen_ns is None else Sighting(seen_ns)], [due_ns])


def routed_to(*notifications: Notification) -> Routed:
    return Routed((), notifications)
