"""What the courier makes of channels that fail, hang, refuse and come back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bridge.courier.courier import MOST_WRITTEN_OFF
from bridge.delivery import Circuit, Delivery, DeliveryState, Health, Settlement
from bridge.delivery.options import ChannelOptions, Rate
from bridge.delivery.outcome import Outcome, Verdict
from bridge.journal.sqlite import Journal
from bridge.journal.sqlite.history import deliveries, recorded
from tests.courier.working import GOOD, Answering, entry, working
from tests.support.waiting import wait_until

DOWN = Outcome(Verdict.RETRY, 503, "HTTP 503: down")
GONE = Outcome(Verdict.CHANNEL_FAULT, 404, "HTTP 404: no such hook")


def test_a_channel_that_takes_batches_gets_them(tmp_path: Path) -> None:
    """As many together as it takes, in order."""
    channel = Answering("c", batch_size=100)
    with working(tmp_path, [channel], entries=[entry(str(n), "c") for n in range(250)]) as work:
        wait_until(lambda: work.journal.undelivered() == 0, "the deliveries")
    assert [len(each) for each in channel.sent] == [100, 100, 50]
    assert [text for send in channel.sent for text in send] == [str(n) for n in range(250)]


def test_one_poisoned_delivery_condemns_no_neighbour(tmp_path: Path) -> None:
    """The batch that was refused for its sake is halved until it stands alone."""

    def refuse_poison(sent: Sequence[Delivery]) -> Outcome:
        bad = any(each.alert.output == "37" for each in sent)
        return Outcome(Verdict.REJECTED, 400, "HTTP 400: malformed") if bad else GOOD

    channel = Answering("c", refuse_poison, batch_size=100)
    with working(tmp_path, [channel], entries=[entry(str(n), "c") for n in range(100)]) as work:
        wait_until(lambda: work.journal.undelivered() == 0, "the deliveries")
        (dead,) = deliveries(work.journal, DeliveryState.DEAD)
        assert work.journal.health()["c"].dead == 1
    assert (dead.id, dead.status, dead.reason) == (38, 400, "HTTP 400: malformed")
    assert len(channel.sent) < 20


def test_a_delivery_that_always_fails_steps_aside_and_the_others_pass(tmp_path: Path) -> None:
    """It goes on being tried, alone, while its channel works for everybody else."""

    def fail_poison(sent: Sequence[Delivery]) -> Outcome:
        return DOWN if any(each.alert.output == "0" for each in sent) else GOOD

    channel = Answering("c", fail_poison)
    with working(tmp_path, [channel], entries=[entry(str(n), "c") for n in range(20)]) as work:
        wait_until(lambda: work.journal.undelivered() == 1, "all but one", seconds=60)
        assert work.journal.health()["c"].circuit is Circuit.CLOSED
    assert [each for each in channel.sent if each != ["0"]] == [[str(n)] for n in range(1, 20)]


def test_a_rate_is_kept(tmp_path: Path) -> None:
    """The burst at once, the rest as the rate allows."""
    channel = Answering("c")
    slow = {"c": ChannelOptions(rate=Rate(1, 3600, 3))}
    entries = [entry(str(n), "c", route=str(n)) for n in range(10)]
    with working(tmp_path, [channel, Answering("d")], slow, entries=entries) as work:
        work.add(entry("x", "d"))
        wait_until(lambda: work.journal.undelivered() == 7, "the burst")
    assert len(channel.sent) == 3


def test_an_attempt_that_hangs_is_written_off_and_others_go_on(tmp_path: Path) -> None:
    """Its delivery is tried again, and the attempt is on record."""
    release = threading.Event()

    def hang_once(sent: Sequence[Delivery]) -> Outcome:
        if sent[0].attempts == 0:
            release.wait(60)
        return GOOD

    hanging, healthy = Answering("hangs", hang_once), Answering("works")
    options = {"hangs": ChannelOptions(concurrency=1, attempt_timeout=0.2)}
    with working(tmp_path, [hanging, healthy], options, entries=[entry("a", "hangs", "works")]) as work:
        wait_until(lambda: work.journal.undelivered() == 0, "both")
        assert work.journal.read("SELECT reason FROM attempts") == [("no answer in 0.2 s: written off",)]
        release.set()
    assert (len(hanging.sent), len(healthy.sent)) == (2, 1)


def test_what_was_written_off_and_went_through_after_all_is_not_sent_again(tmp_path: Path) -> None:
    """Its thread says so when it comes back, while the next attempt is still to come."""
    release = threading.Event()

    def slow(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return GOOD

    channel = Answering("c", slow)
    options = {"c": ChannelOptions(attempt_timeout=0.2, concurrency=1)}
    with working(tmp_path, [channel], options, entries=[entry("a", "c")], jitter=1.0) as work:
        wait_until(lambda: work.journal.read("SELECT 1 FROM attempts"), "the attempt to be written off")
        release.set()
        wait_until(lambda: work.journal.undelivered() == 0, "the late answer")
        assert [each.state for each in deliveries(work.journal)] == [DeliveryState.DELIVERED]
    assert len(channel.sent) == 1


def test_with_too_many_hanging_threads_the_courier_asks_to_be_replaced(tmp_path: Path) -> None:
    """Bounded: it leaves by itself, and says so; what was due is still in the journal."""
    release = threading.Event()
    channels = [Answering(f"c{n}", lambda _sent: Outcome(GOOD.verdict) if release.wait(60) else GOOD)
                for n in range(MOST_WRITTEN_OFF + 1)]  # fmt: skip
    options = {each.name: ChannelOptions(attempt_timeout=0.1) for each in channels}
    with working(tmp_path, channels, options, entries=[entry("a", *options)]) as work:
        assert work.await_end(20)
        assert work.courier.is_worn_out
        assert work.journal.undelivered() == len(channels)
        release.set()


def test_the_operator_hears_of_an_outage_and_of_its_end_once_each(tmp_path: Path) -> None:
    """Through the fallback; both are recorded as alerts of the bridge's own."""
    down = threading.Event()
    channel = Answering("chat", lambda _sent: GOOD if down.is_set() else DOWN)
    mail = Answering("mail")
    options = {"chat": ChannelOptions(fallback="mail", notify_after=0.1, digest_after=10)}
    entries = [entry(str(n), "chat") for n in range(30)]
    with working(tmp_path, [channel, mail], options, entries=entries) as work:
        wait_until(lambda: len(mail.sent) == 1, "the news", seconds=60)
        assert work.journal.health()["chat"].circuit is not Circuit.CLOSED
        work.add(entry("one more", "chat"))
        down.set()
        wait_until(lambda: len(mail.sent) == 2, "the good news", seconds=60)
        wait_until(lambda: work.journal.undelivered() == 0, "the last settlement")
        told = [each.alert for each in recorded(work.journal) if each.road == "courier"]
    assert [alert.rule for alert in told] == ["Channel chat fails", "Channel chat works again"]
    assert mail.sent == [[alert.output] for alert in told]
    assert {alert.source for alert in told} == {"internal"}
    assert "Waiting for it: 30" in told[0].output
    assert "HTTP 503: down" in told[0].output
    assert "Delivered since it was told: 31" in told[1].output


def test_what_a_channel_that_takes_us_no_more_is_sent_waits_until_it_is_mended(tmp_path: Path) -> None:
    """Asked now and then, no dead letter for an alert; the operator hears of it; then all of it arrives, in order."""
    mended = threading.Event()
    channel = Answering("chat", lambda _sent: GOOD if mended.is_set() else GONE)
    mail = Answering("mail")
    options = {"chat": ChannelOptions(fallback="mail", notify_after=0.1)}
    entries = [entry(str(n), "chat") for n in range(30)]
    with working(tmp_path, [channel, mail], options, entries=entries, jitter=1.0) as work:
        wait_until(lambda: len(mail.sent) == 1, "the news", seconds=60)
        health = work.journal.health()["chat"]
        assert (health.broken, health.dead, health.circuit is Circuit.CLOSED) == (True, 0, False)
        assert len(channel.sent) < 10
        mended.set()
        work.courier.try_now("chat")
        wait_until(lambda: work.journal.undelivered() == 0, "what waited", seconds=60)
        assert {each.state for each in deliveries(work.journal)} == {DeliveryState.DELIVERED}
    assert "HTTP 404: no such hook. Its URL, its secret" in mail.sent[0][0]
    assert [each for (each,) in channel.sent[-30:]] == [str(n) for n in range(30)]


def test_a_message_that_a_far_side_takes_for_a_wrong_address_holds_back_nobody(tmp_path: Path) -> None:
    """A 404 that one alert's text brings about is asked again alone; batch and channel go on without it."""

    def lose_poison(sent: Sequence[Delivery]) -> Outcome:
        return GONE if any(each.alert.output == "0" for each in sent) else GOOD

    for batch_size in (1, 10):
        channel = Answering("c", lose_poison, batch_size=batch_size)
        entries = [entry(str(n), "c") for n in range(40)]
        (tmp_path / str(batch_size)).mkdir()
        with working(tmp_path / str(batch_size), [channel], entries=entries) as work:
            wait_until(lambda work=work: work.journal.undelivered() == 1, "all but one", seconds=60)  # type: ignore[misc]
        assert len(channel.sent) < 80


def test_a_drain_ends_in_time_though_the_journal_takes_nothing(tmp_path: Path) -> None:
    """A full disk holds a courier up, and not whoever wants to stop it; what it could not write is sent again."""
    channel = Answering("c")
    with working(tmp_path, [channel]) as work:
        work.courier_journal._connection.execute("PRAGMA max_page_count = 1")  # as if the disk were full
        text = "".join(f"{n:05} " for n in range(200))
        work.add(*[entry(f"{n} {text}", "c") for n in range(50)])
        wait_until(lambda: len(channel.sent) > 0, "a send")
        began = time.monotonic()
        work.courier.drain(0.2)
        assert work.await_end(10)
        assert time.monotonic() - began < 0.9
        assert work.journal.undelivered() > 0


def test_a_start_lets_the_next_probe_out_at_once(tmp_path: Path) -> None:
    """Whoever has mended a channel in the config does not wait for what the last courier had in mind."""
    hour, now = 3600 * 10**9, time.time_ns()
    with closing(Journal.open_for_router(tmp_path / "j.db")) as journal:
        journal.append("s", now, [entry("first", "c"), entry("second", "c")])
        later = Settlement(1, DeliveryState.PENDING, now, now + hour, 404, "gone")
        journal.settle([later], {"c": Health(circuit=Circuit.OPEN, failures=9, probe_ns=now + hour)})
    channel = Answering("c")
    with working(tmp_path, [channel]) as work:
        wait_until(lambda: work.journal.undelivered() == 0, "what waits")
    assert channel.sent == [["first"], ["second"]]


def test_what_piled_up_for_a_person_comes_as_digests_that_name_each(tmp_path: Path) -> None:
    """Every delivery knows the digest that it went in; nothing is missing, and hardly anything comes alone."""
    up = threading.Event()
    channel = Answering("chat", lambda _sent: GOOD if up.is_set() else DOWN, digest_limit=20)
    options = {"chat": ChannelOptions(digest_after=50)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "chat") for n in range(200)]) as work:
        wait_until(lambda: work.journal.health().get("chat") is not None, "a failure")
        wait_until(lambda: work.journal.health()["chat"].circuit is Circuit.OPEN, "the circuit", seconds=60)
        failed = len(channel.sent)
        up.set()
        wait_until(lambda: work.journal.undelivered() == 0, "the digests", seconds=60)
        digests = Counter(each.digest for each in deliveries(work.journal) if each.digest is not None)
        health = work.journal.health()["chat"]
        assert {each.state for each in deliveries(work.journal)} == {DeliveryState.DELIVERED}
    sent = channel.sent[failed:]
    assert sorted(int(text) for send in sent for text in send) == list(range(200))
    assert len(sent) < 25
    assert sorted(digests.values()) == sorted(len(send) for send in sent if len(send) > 1)
    assert (health.delivered, health.folded) == (200, sum(len(send) for send in sent if len(send) > 1))


def test_what_nobody_could_be_told_in_time_becomes_a_dead_letter(tmp_path: Path) -> None:
    """Also what waited behind an open circuit and was never tried itself; with the channel's last answer."""
    channel = Answering("c", lambda _sent: DOWN)
    options = {"c": ChannelOptions(give_up_after=1.0)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(50)]) as work:
        wait_until(lambda: work.journal.undelivered() == 0, "the end of patience", seconds=60)
        dead = list(deliveries(work.journal, DeliveryState.DEAD))
        assert work.journal.health()["c"].dead == 50
    assert len(dead) == 50
    assert all("given up after" in each.reason and "HTTP 503: down" in each.reason for each in dead)
