"""The courier with channels that fail, hang, reject and recover."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bridge.courier.courier import MAX_HANGING_THREADS
from bridge.delivery import Circuit, Delivery, DeliveryState, Health, Outcome, Settlement, Verdict
from bridge.delivery.options import ChannelOptions, Rate
from bridge.journal.opening import open_for_router
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.file import connect
from bridge.journal.sqlite.opening import assemble
from tests.courier.working import DELIVERED, Answering, Working, entry, working
from tests.support.waiting import wait_until

DOWN = Outcome(Verdict.RETRY, 503, "HTTP 503: down")
GONE = Outcome(Verdict.CHANNEL_FAULT, 404, "HTTP 404: no such hook")


def await_all_delivered(work: Working, *, but: int = 0) -> None:
    wait_until(lambda: work.undelivered == but, "every delivery to be settled")


def attempts(work: Working, delivery_id: int = 1) -> list[str]:
    """Why each attempt failed."""
    return [each.reason for each in work.journal.dead_letters.attempts(delivery_id)]


def test_a_channel_that_takes_batches_gets_them(tmp_path: Path) -> None:
    """As large as it takes, in order."""
    channel = Answering("c", batch_size=100)
    with working(tmp_path, [channel], entries=[entry(str(n), "c") for n in range(250)]) as work:
        await_all_delivered(work)
    assert [len(each) for each in channel.sent] == [100, 100, 50]
    assert [text for send in channel.sent for text in send] == [str(n) for n in range(250)]


def test_a_rejected_delivery_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    """The batch is split until the delivery that is the cause is alone."""

    def reject_one(sent: Sequence[Delivery]) -> Outcome:
        bad = any(each.alert.output == "37" for each in sent)
        return Outcome(Verdict.REJECTED, 400, "HTTP 400: malformed") if bad else DELIVERED

    channel = Answering("c", reject_one, batch_size=100)
    with working(tmp_path, [channel], entries=[entry(str(n), "c") for n in range(100)]) as work:
        await_all_delivered(work)
        (dead,) = work.journal.history.deliveries(DeliveryState.DEAD)
        assert work.journal.deliveries.health()["c"].dead == 1
    assert (dead.id, dead.status, dead.reason) == (38, 400, "HTTP 400: malformed")
    assert len(channel.sent) < 20


def test_a_delivery_that_always_fails_is_released_from_its_order_key(tmp_path: Path) -> None:
    """It is tried again, alone, while the later ones of its route are delivered."""

    def fail_one(sent: Sequence[Delivery]) -> Outcome:
        return DOWN if any(each.alert.output == "0" for each in sent) else DELIVERED

    channel = Answering("c", fail_one)
    with working(tmp_path, [channel], entries=[entry(str(n), "c", ordered=True) for n in range(20)]) as work:
        await_all_delivered(work, but=1)
        assert work.journal.deliveries.health()["c"].circuit is Circuit.CLOSED
    assert [each for each in channel.sent if each != ["0"]] == [[str(n)] for n in range(1, 20)]


def test_a_rate_is_kept(tmp_path: Path) -> None:
    """The burst at once, the rest as the rate allows."""
    channel = Answering("c")
    slow = {"c": ChannelOptions(rate=Rate(1, 3600, 3))}
    entries = [entry(str(n), "c", route=str(n)) for n in range(10)]
    with working(tmp_path, [channel, Answering("d")], slow, entries=entries) as work:
        work.add(entry("x", "d"))
        await_all_delivered(work, but=7)
    assert len(channel.sent) == 3


def test_an_attempt_that_hangs_times_out_and_others_continue(tmp_path: Path) -> None:
    """Its delivery is tried again, and the attempt is recorded."""
    release = threading.Event()

    def hang_once(sent: Sequence[Delivery]) -> Outcome:
        if sent[0].attempts == 0:
            release.wait(60)
        return DELIVERED

    hanging, healthy = Answering("hangs", hang_once), Answering("works")
    options = {"hangs": ChannelOptions(concurrency=1, attempt_timeout=0.2)}
    with working(tmp_path, [hanging, healthy], options, entries=[entry("a", "hangs", "works")]) as work:
        await_all_delivered(work)
        assert attempts(work) == ["timed out: no answer in 0.2 s"]
        release.set()
    assert (len(hanging.sent), len(healthy.sent)) == (2, 1)


def test_an_attempt_that_succeeds_after_its_timeout_is_not_repeated(tmp_path: Path) -> None:
    """Its thread reports it while the next attempt is still to come."""
    release = threading.Event()

    def slow(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    channel = Answering("c", slow)
    options = {"c": ChannelOptions(attempt_timeout=0.2, concurrency=1)}
    with working(tmp_path, [channel], options, entries=[entry("a", "c")], jitter=1.0) as work:
        wait_until(lambda: attempts(work), "the timeout")
        release.set()
        await_all_delivered(work)
        assert [each.state for each in work.journal.history.deliveries()] == [DeliveryState.DELIVERED]
    assert len(channel.sent) == 1


def test_with_too_many_hanging_threads_the_courier_asks_to_be_replaced(tmp_path: Path) -> None:
    """It ends without being stopped; what was due is still in the journal."""
    release = threading.Event()

    def hang(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    channels = [Answering(f"c{n}", hang) for n in range(MAX_HANGING_THREADS + 1)]
    options = {each.name: ChannelOptions(attempt_timeout=0.1) for each in channels}
    with working(tmp_path, channels, options, entries=[entry("a", *options)]) as work:
        assert work.ends_within(60)
        assert work.courier.is_worn_out
        assert work.undelivered == len(channels)
        release.set()


def test_an_outage_and_its_end_are_reported_once_each(tmp_path: Path) -> None:
    """Through the fallback; both are stored as alerts of the bridge."""
    up = threading.Event()
    channel = Answering("chat", lambda _sent: DELIVERED if up.is_set() else DOWN)
    mail = Answering("mail")
    options = {"chat": ChannelOptions(fallback="mail", notify_after=0.1, digest_after=10)}
    entries = [entry(str(n), "chat") for n in range(30)]
    with working(tmp_path, [channel, mail], options, entries=entries) as work:
        wait_until(lambda: len(mail.sent) == 1, "the health alert")
        assert work.journal.deliveries.health()["chat"].circuit is not Circuit.CLOSED
        work.add(entry("one more", "chat"))
        up.set()
        wait_until(lambda: len(mail.sent) == 2, "the second health alert")
        await_all_delivered(work)
        alerts = [each.alert for each in work.journal.history.alerts() if each.source_name == "courier"]
    assert [alert.rule for alert in alerts] == ["Channel chat fails", "Channel chat works again"]
    assert mail.sent == [[alert.output] for alert in alerts]
    assert {alert.source for alert in alerts} == {"internal"}
    assert "Deliveries waiting: 30" in alerts[0].output
    assert "HTTP 503: down" in alerts[0].output
    assert "Delivered since the health alert: 31" in alerts[1].output


def test_deliveries_for_a_faulty_channel_wait_until_it_is_fixed(tmp_path: Path) -> None:
    """It is probed now and then, and no alert becomes a dead letter; then all are delivered in order."""
    fixed = threading.Event()
    channel = Answering("chat", lambda _sent: DELIVERED if fixed.is_set() else GONE)
    mail = Answering("mail")
    options = {"chat": ChannelOptions(fallback="mail", notify_after=0.1)}
    entries = [entry(str(n), "chat", ordered=True) for n in range(30)]
    with working(tmp_path, [channel, mail], options, entries=entries, jitter=1.0) as work:
        wait_until(lambda: len(mail.sent) == 1, "the health alert")
        health = work.journal.deliveries.health()["chat"]
        assert (health.channel_fault, health.dead, health.circuit is Circuit.CLOSED) == (True, 0, False)
        assert len(channel.sent) < 10
        fixed.set()
        work.courier.try_now("chat")
        wait_until(lambda: len(mail.sent) == 2, "the end of the outage to be reported")
        await_all_delivered(work)
        assert {each.state for each in work.journal.history.deliveries()} == {DeliveryState.DELIVERED}
    assert "HTTP 404: no such hook. Its URL, secret" in mail.sent[0][0]
    assert [each for (each,) in channel.sent[-30:]] == [str(n) for n in range(30)]


def test_a_message_that_looks_like_a_channel_fault_holds_back_no_other(tmp_path: Path) -> None:
    """A 404 that one alert's text causes is tried again alone; batch and channel continue without it."""

    def fail_one(sent: Sequence[Delivery]) -> Outcome:
        return GONE if any(each.alert.output == "0" for each in sent) else DELIVERED

    for batch_size in (1, 10):
        channel = Answering("c", fail_one, batch_size=batch_size)
        entries = [entry(str(n), "c") for n in range(40)]
        (tmp_path / str(batch_size)).mkdir()
        with working(tmp_path / str(batch_size), [channel], entries=entries) as work:
            await_all_delivered(work, but=1)
        assert len(channel.sent) < 80


def test_a_stop_ends_in_time_although_the_journal_is_blocked(tmp_path: Path) -> None:
    """What could not be written is sent again later. Without the deadline it would wait for the journal for ever."""
    path = tmp_path / "j.db"
    open_for_router(path).close()
    connection = connect(path)
    connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        blocked = threading.Event()

        def block(_sent: Sequence[Delivery]) -> Outcome:
            if not blocked.is_set():
                other.execute("BEGIN IMMEDIATE")
                blocked.set()
            return DELIVERED

        options = {"c": ChannelOptions(concurrency=1)}
        journal = assemble(Database(connection, path))
        with working(
            tmp_path, [Answering("c", block)], options, [entry("a", "c"), entry("b", "c")], courier_journal=journal
        ) as work:
            wait_until(blocked.is_set, "a send")
            work.courier.stop(0.2)
            assert work.ends_within(60)
            assert work.undelivered == 2


def test_a_start_sends_the_next_probe_at_once(tmp_path: Path) -> None:
    """A channel that was fixed in the config does not wait for the probe that the previous courier planned."""
    hour, now = 3600 * 10**9, time.time_ns()
    with closing(open_for_router(tmp_path / "j.db")) as journal:
        journal.alerts.append("s", now, [entry(each, "c", ordered=True) for each in ("first", "second")])
        retry = Settlement(1, DeliveryState.PENDING, now, now + hour, 404, "gone")
        journal.deliveries.settle([retry], {"c": Health(circuit=Circuit.OPEN, failures=9, probe_ns=now + hour)})
    channel = Answering("c")
    with working(tmp_path, [channel]) as work:
        await_all_delivered(work)
    assert channel.sent == [["first"], ["second"]]


def test_deliveries_that_waited_for_a_person_are_sent_as_digests(tmp_path: Path) -> None:
    """Each is in one digest, which its record names, and hardly any is sent alone."""
    up = threading.Event()
    channel = Answering("chat", lambda _sent: DELIVERED if up.is_set() else DOWN, digest_limit=20)
    options = {"chat": ChannelOptions(digest_after=50)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "chat") for n in range(200)]) as work:
        health = work.journal.deliveries.health
        wait_until(lambda: health().get("chat", Health()).circuit is Circuit.OPEN, "the circuit to open")
        up.set()
        await_all_delivered(work)
        records = list(work.journal.history.deliveries())
        digests = Counter(each.digest_id for each in records if each.digest_id is not None)
        last = health()["chat"]
    assert {each.state for each in records} == {DeliveryState.DELIVERED}
    delivered = channel.sent[-(200 - sum(digests.values()) + len(digests)) :]
    assert sorted(int(text) for send in delivered for text in send) == list(range(200))
    assert len(delivered) < 25
    assert sorted(digests.values()) == sorted(len(send) for send in delivered if len(send) > 1)
    assert (last.delivered, last.digested) == (200, sum(len(send) for send in delivered if len(send) > 1))


def test_deliveries_that_are_too_old_become_dead_letters(tmp_path: Path) -> None:
    """Also those that waited behind an open circuit and were never tried; with the channel's last answer."""
    channel = Answering("c", lambda _sent: DOWN)
    options = {"c": ChannelOptions(give_up_after=1.0)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(50)]) as work:
        await_all_delivered(work)
        dead = list(work.journal.history.deliveries(DeliveryState.DEAD))
        wait_until(lambda: work.journal.deliveries.health()["c"].dead == 50, "the count of dead letters")
    assert len(dead) == 50
    assert all("given up after" in each.reason and "HTTP 503: down" in each.reason for each in dead)


def test_a_courier_that_others_replace_ends_only_what_is_in_flight(tmp_path: Path) -> None:
    """It claims nothing more, although deliveries are due and more are added; the rest is for the others."""
    release = threading.Event()
    channel = Answering("c", lambda _sent: DELIVERED if release.wait(60) else DOWN)
    options = {"c": ChannelOptions(concurrency=1)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(20)]) as work:
        wait_until(lambda: bool(channel.sent), "a send")
        work.courier.stop(60, leaves_rest=True)
        work.add(entry("late", "c"))
        assert not work.ends_within(0.2)
        release.set()
        assert work.ends_within(60)
        assert (len(channel.sent), work.undelivered) == (1, 20)
