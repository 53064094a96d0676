"""The threads of one channel."""

from __future__ import annotations

import threading

import pytest

from bridge.courier.sending.worker import Attempt, Workers
from bridge.delivery import Outcome
from tests.courier.working import DELIVERED, Answering
from tests.support.builders import delivery
from tests.support.limits import no_threads
from tests.support.waiting import wait_until


class Channel:
    """A channel with two threads, which answers once it may."""

    def __init__(self, name: str = "c") -> None:
        self.may_answer = threading.Event()
        self.ended: list[Attempt] = []
        self.workers = Workers(Answering(name, lambda _sent: self._answer()), 2, self._done)

    def _answer(self) -> Outcome:
        assert self.may_answer.wait(60)
        return DELIVERED

    def _done(self, attempt: Attempt, _outcome: Outcome) -> None:
        self.ended.append(attempt)

    def wait_for(self, count: int) -> None:
        self.may_answer.set()
        wait_until(lambda: len(self.ended) == count, "the attempts")


def test_the_threads_that_run_do_the_work_of_those_that_cannot_be_started() -> None:
    """A courier that ended would cut off the attempts of every channel. Without any thread, it has to."""
    channel = Channel()
    channel.workers.start((delivery(),))
    with no_threads():
        channel.workers.start((delivery(),))
    channel.wait_for(2)


def test_a_thread_that_could_not_be_started_is_started_later() -> None:
    """Two attempts are made at the same time then."""
    channel = Channel("started later")
    channel.workers.start((delivery(),))
    with no_threads():
        channel.workers.start((delivery(),))
    channel.workers.start((delivery(),))
    wait_until(
        lambda: sum(each.name == f"channel {channel.workers.channel.name}" for each in threading.enumerate()) == 2,
        "both threads",
    )
    channel.wait_for(3)


def test_without_any_thread_a_send_is_an_error() -> None:
    """The courier ends, and the next one sends what this one has claimed."""
    with no_threads(), pytest.raises(RuntimeError):
        Channel().workers.start((delivery(),))
