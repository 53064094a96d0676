"""The threads of one channel. Each makes one attempt at a time, and none waits for another channel.

Some attempts are handed over before a thread is free, so that no thread waits for the courier between two of them. An
attempt has one result: the channel's answer from its thread, or the timeout, whichever is first. The thread of an
attempt that timed out is replaced, and ends when the channel answers after all. If the answer is that the message was
delivered, it is reported late, so that a slow service does not get the message again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog

from bridge.channels.contract import Channel
from bridge.common.clocks.clock import Step
from bridge.courier.clock_steps import moved_deliveries
from bridge.delivery import Delivery, Outcome, Verdict

_HELD_SECONDS = 0.02
Send = tuple[Delivery, ...]
"""Deliveries that are sent together."""


class Attempt:
    """One send in flight."""

    def __init__(self, channel: str, send: Send, *, is_late: bool = False) -> None:
        self.channel = channel
        self.send = send
        self.is_late = is_late
        """Whether it was delivered after its timeout."""
        self.started: float | None = None
        """When a thread began it, by the monotonic clock; None while it waits for one."""
        self.is_last = False
        """Whether no other attempt waited for a thread when this one ended."""
        self._result = threading.Lock()

    def is_first_result(self) -> bool:
        """True for the first caller, False for every other one."""
        return self._result.acquire(blocking=False)


Done = Callable[[Attempt, Outcome], None]


class Workers:
    """The threads of a channel, and their attempts."""

    def __init__(self, channel: Channel, threads: int, done: Done, ahead: int = 0) -> None:
        """``done`` is called from the threads. ``ahead`` attempts may be handed over before a thread is free."""
        self.channel = channel
        self.may_begin: Callable[[], bool] = lambda: True
        """Whether an attempt may begin now. One that may not waits, and can be taken back."""
        self._timed_out: set[Attempt] = set()
        self._threads = threads
        self._ahead = ahead
        self._done = done
        self._queue: SimpleQueue[Attempt] = SimpleQueue()
        self._in_flight: set[Attempt] = set()
        self._started = 0
        """How many threads do not hang."""

    @property
    def free(self) -> int:
        """How many more attempts may be handed over."""
        return self._threads + self._ahead - len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """How many attempts were handed over and have not been ended."""
        return len(self._in_flight)

    @property
    def deliveries(self) -> int:
        """How many deliveries they hold."""
        return sum(len(attempt.send) for attempt in self._in_flight)

    @property
    def ids(self) -> frozenset[int]:
        """The ids of these deliveries."""
        return frozenset([each.id for attempt in self._in_flight for each in attempt.send])

    @property
    def timed_out(self) -> int:
        """How many threads still hang in the channel after their timeout. They were replaced."""
        return len(self._timed_out)

    @property
    def busy(self) -> bool:
        """Whether an attempt was handed over and has not been ended."""
        return bool(self._in_flight)

    def start(self, send: Send) -> None:
        """Send these deliveries in the next thread that is free."""
        attempt = Attempt(self.channel.name, send)
        self._in_flight.add(attempt)
        if self._started < min(len(self._in_flight), self._threads):
            self._add_thread()
        self._queue.put(attempt)

    def end(self, attempt: Attempt) -> None:
        """The attempt has a result, which is being settled."""
        self._in_flight.discard(attempt)

    def take_back(self) -> list[Send]:
        """The attempts that no thread has begun. They are not sent."""
        taken: list[Send] = []
        with suppress(Empty):
            while True:
                attempt = self._queue.get_nowait()
                self._in_flight.discard(attempt)
                taken.append(attempt.send)
        return taken

    def follow(self, step: Step) -> None:
        """The wall clock was set: what is in flight gets no older by it."""
        for attempt in self._in_flight:
            attempt.send = moved_deliveries(attempt.send, step)

    def apply_timeout(self, seconds: float) -> None:
        """End attempts that take longer than that: each counts as failed, and its thread is replaced."""
        for attempt in list(self._in_flight):
            started = attempt.started
            if started is not None and time.monotonic() - started > seconds and attempt.is_first_result():
                self._timed_out.add(attempt)
                self._started -= 1
                self._add_thread()
                self._done(attempt, Outcome(Verdict.RETRY, None, f"timed out: no answer in {seconds:g} s"))

    def oldest(self) -> float | None:
        """When the oldest attempt in flight began, by the monotonic clock; now for one that waits for a thread."""
        return min((attempt.started or time.monotonic() for attempt in self._in_flight), default=None)

    def _add_thread(self) -> None:
        """Start a thread. Where the machine has none left, the others of the channel do its work; they must exist."""
        try:
            threading.Thread(target=self._work, name=f"channel {self.channel.name}", daemon=True).start()
        except RuntimeError:
            if not self._started:
                raise
        else:
            self._started += 1

    def _work(self) -> None:
        while True:
            attempt = self._queue.get()
            if not self.may_begin():
                self._queue.put(attempt)
                time.sleep(_HELD_SECONDS)
                continue
            attempt.started = time.monotonic()
            outcome = self._outcome(attempt.send)
            if not attempt.is_first_result():
                self._timed_out.discard(attempt)
                if outcome.verdict is Verdict.DELIVERED:
                    late = Attempt(attempt.channel, attempt.send, is_late=True)
                    late.started = attempt.started
                    self._done(late, outcome)
                return
            attempt.is_last = self._queue.empty()
            self._done(attempt, outcome)

    def _outcome(self, send: Send) -> Outcome:
        try:
            return self.channel.send(send)
        except Exception as error:  # noqa: BLE001  # a fault in a channel must not lose a delivery
            structlog.get_logger("courier").error(
                "channel raised an error", channel=self.channel.name, error=type(error).__name__
            )
            return Outcome(Verdict.RETRY, None, f"internal error of the channel ({type(error).__name__})")
