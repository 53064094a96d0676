"""Threads get the lock in the order in which they asked, one at a time."""

from __future__ import annotations

import threading

from bridge.common.fair_lock import FairLock
from tests.support.waiting import wait_until


def test_those_that_wait_are_served_in_order_before_one_that_comes_again() -> None:
    """A source that floods has to wait for all that came before its next batch."""
    turns, served = FairLock(), []
    threads: list[threading.Thread] = []

    def take(name: str) -> None:
        with turns:
            served.append(name)

    with turns:
        for number, name in enumerate(("quiet 1", "quiet 2", "flood again", "quiet 3"), start=1):
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
            wait_until(lambda number=number: len(turns._waiting) == number, "its place in the queue")
    for thread in threads:
        thread.join(5)
    assert served == ["quiet 1", "quiet 2", "flood again", "quiet 3"]


def test_one_holder_at_a_time_and_an_error_releases_the_lock() -> None:
    """Through thousands of turns of several threads, each of which fails now and then."""
    turns = FairLock()
    inside, worst = 0, 0

    def work() -> None:
        nonlocal inside, worst
        for number in range(2000):
            try:
                with turns:
                    inside += 1
                    worst = max(worst, inside)
                    inside -= 1
                    if number % 7 == 0:
                        raise ValueError  # noqa: TRY301
            except ValueError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert worst == 1
