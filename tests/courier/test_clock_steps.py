"""The courier while the wall clock is set: a step is neither an age nor a wait."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bridge.common.clocks.clock import Step
from bridge.courier.clock_steps import LONGEST_PAUSE_NS, follow_start, moved_health
from bridge.delivery import Circuit, Delivery, DeliveryState, Health, Outcome, Verdict
from bridge.delivery.options import ChannelOptions, Rate
from bridge.journal.opening import open_for_router
from tests.courier.working import DELIVERED, Answering, Working, entry, working
from tests.support.clocks import DAY, HOUR, SECOND, STEPS, TestClock
from tests.support.waiting import wait_until

DOWN = Outcome(Verdict.RETRY, 503, "HTTP 503: down")
STEP = pytest.mark.parametrize("by_ns", STEPS.values(), ids=STEPS)
MINUTE = 60 * SECOND


def times(work: Working, delivery_id: int = 1) -> tuple[int, int]:
    """When the delivery was created, and when it is due."""
    with closing(sqlite3.connect(work.journal_path)) as connection:
        row: tuple[int, int] = connection.execute(
            "SELECT created_ns, due_ns FROM deliveries WHERE id = ?", (delivery_id,)
        ).fetchone()
    return row


def near(one: int, other: int) -> bool:
    """Within a minute: the tests run on busy machines."""
    return abs(one - other) < MINUTE


@STEP
def test_a_channel_that_works_delivers_after_a_step(tmp_path: Path, by_ns: int) -> None:
    """Alerts that the router stored before it, after it, and after a glitch that has passed."""
    clock, channel = TestClock(), Answering("c")
    with working(tmp_path, [channel], entries=[entry("before", "c")], clock=clock) as work:
        wait_until(lambda: len(channel.sent) == 1, "the first delivery")
        clock.step(by_ns)
        work.add(entry("after", "c"))
        wait_until(lambda: len(channel.sent) == 2, "the delivery after the step")
        clock.step(-by_ns)
        work.add(entry("later", "c"))
        wait_until(lambda: len(channel.sent) == 3, "the delivery after the glitch")


@STEP
def test_a_wait_is_as_long_as_it_would_have_been(tmp_path: Path, by_ns: int) -> None:
    """The service asked for half an hour. The others of its order key wait for it, and no longer."""
    clock = TestClock()
    first = Outcome(Verdict.RETRY, 503, "down", retry_after=1800)
    channel = Answering("c", lambda _sent: first if len(channel.sent) == 1 else DELIVERED)
    with working(
        tmp_path, [channel], entries=[entry("1", "c", ordered=True), entry("2", "c", ordered=True)], clock=clock
    ) as work:
        wait_until(lambda: near(times(work)[1], clock.wall_ns() + 1800 * SECOND), "the first attempt")
        clock.step(by_ns)
        work.courier.wake()
        wait_until(lambda: near(times(work)[1], clock.wall_ns() + 1800 * SECOND), "the wait to follow the clock")
        clock.move_on(1801 * SECOND)
        work.courier.wake()
        wait_until(lambda: work.undelivered == 0, "both deliveries")
    assert [text for send in channel.sent for text in send] == ["1", "1", "2"]


@STEP
def test_a_step_of_the_clock_does_not_age_deliveries(tmp_path: Path, by_ns: int) -> None:
    """A delivery is given up when it has waited for as long as the config says, not when the clock says so."""
    clock, options = TestClock(), {"c": ChannelOptions(give_up_after=24 * 3600.0)}
    channel = Answering("c", lambda _sent: DOWN)
    with working(tmp_path, [channel], options, [entry("1", "c")], clock=clock) as work:
        wait_until(lambda: channel.sent, "the first attempt")
        clock.step(by_ns)
        work.courier.wake()
        wait_until(lambda: near(times(work)[0], clock.wall_ns()), "its age to follow the clock")
        sent = len(channel.sent)
        clock.move_on(23 * HOUR)
        work.courier.try_now("c")
        wait_until(lambda: len(channel.sent) > sent, "another attempt")
        assert work.undelivered == 1
        clock.move_on(2 * HOUR)
        work.courier.wake()
        wait_until(lambda: work.undelivered == 0, "its end")
        (dead,) = work.journal.history.deliveries(DeliveryState.DEAD)
        assert dead.reason.startswith("given up after"), dead.reason


@STEP
def test_what_is_in_flight_is_neither_sent_twice_nor_given_up(tmp_path: Path, by_ns: int) -> None:
    """The claim does not end by a step, and the answer finds a delivery of the right age."""
    clock, answers = TestClock(), threading.Event()

    def answer(_sent: Sequence[Delivery]) -> Outcome:
        if len(channel.sent) > 1:
            return DELIVERED
        answers.wait(60)
        return DOWN

    channel = Answering("c", answer)
    options = {"c": ChannelOptions(give_up_after=600.0)}
    with working(tmp_path, [channel], options, [entry("1", "c")], clock=clock) as work:
        wait_until(lambda: channel.sent, "the first attempt")
        clock.step(by_ns)
        work.courier.wake()
        wait_until(lambda: near(times(work)[0], clock.wall_ns()), "its age to follow the clock")
        assert len(channel.sent) == 1
        answers.set()
        wait_until(lambda: work.undelivered == 0, "the second attempt")
        assert not list(work.journal.history.deliveries(DeliveryState.DEAD))
    assert len(channel.sent) == 2


@STEP
def test_rates_circuits_and_outages_continue(tmp_path: Path, by_ns: int) -> None:
    """An open circuit sends its next probe, and an outage is reported, after the time that they would have taken."""
    clock = TestClock()
    channel, fallback = Answering("c", lambda _sent: DOWN), Answering("f")
    options = {
        "c": ChannelOptions(rate=Rate(1, 1, 10), fallback="f", notify_after=3600.0), "f": ChannelOptions(),
    }  # fmt: skip
    entries = [entry(str(n), "c", route=f"r{n}") for n in range(6)]
    with working(tmp_path, [channel, fallback], options, entries, jitter=1.0, clock=clock) as work:
        wait_until(lambda: health(work).circuit is Circuit.OPEN, "an open circuit")
        before = health(work)
        clock.step(by_ns)
        work.courier.wake()
        wait_until(lambda: near(health(work).failing_ns, before.failing_ns + by_ns), "the outage to follow the clock")
        assert near(health(work).probe_ns, clock.wall_ns()) or health(work).circuit is Circuit.HALF_OPEN
        assert not fallback.sent
        clock.move_on(HOUR)
        work.courier.wake()
        wait_until(lambda: fallback.sent, "the health alert")
    assert "has failed" in fallback.sent[0][0]


def test_deliveries_added_before_a_clock_step_are_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was set back. The bridge notices that a moment after the courier."""
    monkeypatch.setattr("bridge.courier.courier._LATE_WRITERS_SECONDS", (0.3, 1.0, 5.0, 15.0))
    clock, channel = TestClock(), Answering("c", lambda _sent: DELIVERED)
    with working(tmp_path, [channel], entries=[entry("before", "c")], clock=clock) as work:
        wait_until(lambda: len(channel.sent) == 1, "the first delivery")
        clock.step(-HOUR)
        work.add(entry("after", "c"))
        wait_until(lambda: len(channel.sent) == 2, "the delivery after the step")
        work.journal.alerts.append("s", clock.wall_ns() + HOUR, [entry("late", "c")])

        def is_sent() -> bool:
            work.courier.wake()
            return len(channel.sent) == 3

        wait_until(is_sent, "the delivery that was due in an hour")


def health(work: Working) -> Health:
    return work.journal.deliveries.health().get("c", Health())


@STEP
def test_a_bridge_that_starts_with_another_clock(tmp_path: Path, by_ns: int) -> None:
    """What was stored by the previous clock is sent, and no older than an hour by the step."""
    clock, options = TestClock(), {"c": ChannelOptions(give_up_after=24 * 3600.0)}
    down = Answering("c", lambda _sent: DOWN)
    with working(tmp_path, [down], options, [entry("1", "c"), entry("2", "c")], clock=clock) as work:
        wait_until(lambda: down.sent, "the first attempt")
    clock.step(by_ns)
    channel = Answering("c", lambda _sent: DOWN if len(channel.sent) == 1 else DELIVERED)
    work = Working(tmp_path, [channel], options, clock=clock)
    follow_start(work.courier_journal.deliveries, clock.wall_ns())
    work.journal.deliveries.release(clock.wall_ns())
    created, due = times(work)
    assert -MINUTE < clock.wall_ns() - created <= LONGEST_PAUSE_NS + MINUTE
    assert due <= clock.wall_ns() + 300 * SECOND
    work.start()
    wait_until(lambda: channel.sent, "an attempt")
    clock.move_on(HOUR)
    work.courier.wake()
    wait_until(lambda: work.undelivered == 0, "both deliveries")
    assert not list(work.journal.history.deliveries(DeliveryState.DEAD))
    work.close()


def test_a_long_pause_makes_deliveries_an_hour_older(tmp_path: Path) -> None:
    journal = open_for_router(tmp_path / "j.db")
    now_ns = 2_000_000 * HOUR
    journal.alerts.append("s", now_ns - 3 * DAY, [entry("1", "c")])
    follow_start(journal.deliveries, now_ns)
    assert journal.deliveries.latest_ns() == now_ns - HOUR
    follow_start(journal.deliveries, now_ns)
    assert journal.deliveries.latest_ns() == now_ns - HOUR
    journal.close()


def test_the_health_of_a_channel_moves_with_the_clock() -> None:
    """Never stays never."""
    step = Step(DAY, 0, 1)
    assert moved_health(Health(), step) == Health()
    assert moved_health(Health(failing_ns=5, probe_ns=7), step) == Health(failing_ns=5 + DAY, probe_ns=7 + DAY)
