"""Other settings while the courier works: what changed is replaced, the rest notices nothing, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bridge.delivery import Delivery, Health, Outcome, Verdict
from bridge.delivery.options import ChannelOptions
from tests.courier.working import DELIVERED, Answering, entry, working
from tests.support.waiting import wait_until

ONE = ChannelOptions(concurrency=1)


def test_a_changed_channel_ends_its_attempts_first_and_others_go_on(tmp_path: Path) -> None:
    """What was claimed and not begun is sent by the successor; every delivery once."""
    release = threading.Event()

    def slow(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    before, after, other = Answering("c", slow), Answering("c"), Answering("other")
    with working(tmp_path, [before, other], {"c": ONE, "other": ONE}, [entry(str(n), "c") for n in range(5)]) as work:
        wait_until(lambda: before.sent, "the attempt")
        work.courier.configure(["c", "other"], {"c": after}, {"c": ONE, "other": ONE})
        work.add(entry("o", "other"), entry("5", "c"))
        wait_until(lambda: other.sent == [["o"]], "the unchanged channel")
        assert after.sent == []
        release.set()
        wait_until(lambda: work.undelivered == 0, "every delivery")
    assert (before.sent, [each for (each,) in after.sent]) == ([["0"]], ["1", "2", "3", "4", "5"])


def test_a_removed_channel_keeps_its_deliveries_until_it_is_added_again(tmp_path: Path) -> None:
    """Its health is removed; an attempt that hangs is settled when it ends, although it was removed."""
    release = threading.Event()

    def slow(_sent: Sequence[Delivery]) -> Outcome:
        release.wait(60)
        return DELIVERED

    removed, again, other = Answering("c", slow), Answering("c"), Answering("other")
    options = {"c": ChannelOptions(concurrency=1, attempt_timeout=0.2), "other": ONE}
    with working(tmp_path, [removed, other], options, [entry("0", "c")]) as work:
        wait_until(lambda: removed.sent, "the attempt")
        work.courier.configure(["other"], {}, options)
        wait_until(lambda: "c" not in work.journal.deliveries.health(), "the removal, after the timeout")
        work.add(entry("1", "c"), entry("o", "other"))
        wait_until(lambda: other.sent == [["o"]], "the other channel")
        release.set()
        wait_until(lambda: work.undelivered == 1, "the late answer")
        work.courier.configure(["other", "c"], {"c": again}, options)
        wait_until(lambda: work.undelivered == 0, "the delivery that waited")
    assert (removed.sent, again.sent) == ([["0"]], [["1"]])


def test_a_corrected_channel_is_tried_at_once(tmp_path: Path) -> None:
    """Its circuit is open, and the next probe would be far away."""
    down = Outcome(Verdict.RETRY, 503, "down", retry_after=3600.0)
    wrong, right = Answering("c", lambda _sent: down), Answering("c")
    with working(tmp_path, [wrong], {"c": ONE}, [entry(str(n), "c") for n in range(3)]) as work:
        wait_until(lambda: work.journal.deliveries.health().get("c", Health()).failures, "a failure")
        work.courier.configure(["c"], {"c": right}, {"c": ONE})
        wait_until(lambda: work.undelivered == 0, "the backlog")
    assert sorted(each for (each,) in right.sent) == ["0", "1", "2"]


def test_settings_that_change_all_the_time_lose_and_double_nothing(tmp_path: Path) -> None:
    """While deliveries flow on several channels, with refused batches among them."""
    sent: Counter[tuple[str, str]] = Counter()

    def send(deliveries: Sequence[Delivery]) -> Outcome:
        time.sleep(0.001)
        if len(deliveries) > 2:
            return Outcome(Verdict.AMBIGUOUS, 400, "too many")
        sent.update((each.notification.channel, each.alert.output) for each in deliveries)
        return DELIVERED

    def channel(name: str) -> Answering:
        return Answering(name, send, batch_size=4 if name == "b" else 1, digest_limit=4 if name == "b" else 1)

    names = ["a", "b", "c"]
    options = {name: ChannelOptions(concurrency=2) for name in names}
    with working(tmp_path, [channel(name) for name in names], options) as work:
        for number in range(40):
            work.add(*(entry(f"{number}-{each}", *names) for each in range(5)))
            present = names if number % 3 else names[:2]
            work.courier.configure(present, {name: channel(name) for name in present[number % 2 :]}, options)
        work.courier.configure(names, {name: channel(name) for name in names}, options)
        wait_until(lambda: work.undelivered == 0, "every delivery")
    assert set(sent.values()) == {1}
    assert len(sent) == 40 * 5 * len(names)
