"""The courier claims and settles many deliveries at a time, within bounds that a kill or an outage relies on."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bridge.courier.sending.runner import AHEAD, Runner
from bridge.delivery import Capacity, Circuit, Delivery, DeliveryState, Health, Outcome, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.journal.opening import open_for_router
from tests.courier.working import DELIVERED, Answering, Working, entry, working
from tests.support.builders import delivery
from tests.support.waiting import wait_until

DOWN = Outcome(Verdict.RETRY, None, "no route to host")


def in_state(work: Working, state: DeliveryState) -> int:
    return sum(1 for _ in work.journal.history.deliveries(state))


def test_what_a_kill_repeats_is_bounded(tmp_path: Path) -> None:
    """While nothing can be settled, no more is sent than the concurrency and ten."""
    open_for_router(tmp_path / "j.db").close()
    with closing(sqlite3.connect(tmp_path / "j.db", isolation_level=None, check_same_thread=False)) as other:

        def block(_sent: Sequence[Delivery]) -> Outcome:
            if len(channel.sent) == 1:
                other.execute("BEGIN IMMEDIATE")
            return DELIVERED

        channel = Answering("c", block)
        options = {"c": ChannelOptions(concurrency=1)}
        with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(100)]) as work:
            wait_until(lambda: len(channel.sent) == 1 + AHEAD, "the deliveries that were claimed")
            time.sleep(0.2)
            assert len(channel.sent) == 1 + AHEAD
            other.execute("ROLLBACK")
            wait_until(lambda: work.undelivered == 0, "every delivery")
    assert sorted(text for (text,) in channel.sent) == sorted(str(n) for n in range(100))


def test_claims_are_put_back_when_the_circuit_opens(tmp_path: Path) -> None:
    """What no thread has begun waits for the channel, without an attempt."""
    channel = Answering("c", lambda _sent: DOWN)
    options = {"c": ChannelOptions(concurrency=1)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(100)], jitter=1.0) as work:
        health = work.journal.deliveries.health
        wait_until(lambda: health().get("c", Health()).circuit is Circuit.OPEN, "the circuit to open")
        wait_until(lambda: in_state(work, DeliveryState.CLAIMED) == 0, "the claims to end")
        attempted = sum(each.attempts > 0 for each in work.journal.history.deliveries())
        assert in_state(work, DeliveryState.PENDING) == 100
    assert attempted <= len(channel.sent) < 5 + AHEAD


def test_what_no_thread_has_begun_is_put_back_when_the_router_has_ended(tmp_path: Path) -> None:
    """The courier then waits for the attempts of its threads only."""
    release = threading.Event()

    def hang(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    channel = Answering("c", hang)
    options = {"c": ChannelOptions(concurrency=2)}
    with working(tmp_path, [channel], options, entries=[entry(str(n), "c") for n in range(30)]) as work:
        wait_until(lambda: len(channel.sent) == 2 and in_state(work, DeliveryState.CLAIMED) > 2, "claims ahead")
        work.courier.finish()
        wait_until(lambda: in_state(work, DeliveryState.CLAIMED) == 2, "the others to be put back")
        release.set()
        assert work.ends_within(60)
        assert (in_state(work, DeliveryState.DELIVERED), len(channel.sent)) == (2, 2)


def test_beside_a_batch_in_flight_only_full_batches_are_sent() -> None:
    """A slow one holds the next for a moment only."""
    release = threading.Event()

    def hang(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    runner = Runner(
        Answering("c", hang, batch_size=10), ChannelOptions(concurrency=4), Health(), lambda *_: None, 1, lambda: 0.5
    )
    assert runner.capacity(1, lambda _limit: 3) == Capacity(4, 10)
    apart = Runner(
        Answering("c", hang),
        ChannelOptions(digest_after=2, incidents_apart=True),
        Health(),
        lambda *_: None,
        1,
        lambda: 0.5,
    )
    assert apart.capacity(1, lambda _limit: 3).incidents_apart
    runner.start((delivery(),), 1)
    held = runner.capacity(1, lambda limit: min(limit, 1 + 9))
    runner.start((delivery(identity=2),), 1)
    full = runner.capacity(1, lambda limit: min(limit, 2 + 25))
    assert (held.sends, full) == (0, Capacity(2, 10))
    wait_until(lambda: runner.capacity(1, lambda limit: min(limit, 2 + 1)) == Capacity(2, 10), "the end of the wait")
    release.set()
