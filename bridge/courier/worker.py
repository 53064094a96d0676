"""The threads of one channel: each makes one attempt at a time, and none waits for another channel.

An attempt has one result, and whoever brings it first counts: the thread with the channel's answer, or the courier,
which writes off what takes too long. A written-off thread is replaced; when it comes back after all, it ends. Where
it has delivered, it says so: what is slow to answer must not be sent again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import structlog

from bridge.channels.contract import Channel
from bridge.delivery import Delivery
from bridge.delivery.outcome import Outcome, Verdict

Send = tuple[Delivery, ...]


class Attempt:
    """One send on its way."""

    def __init__(self, channel: str, send: Send, *, is_late: bool = False) -> None:
        self.channel = channel
        self.send = send
        self.is_late = is_late
        """Whether it was written off, and has gone through after all."""
        self.began = time.monotonic()
        self._result = threading.Lock()

    def is_first_result(self) -> bool:
        """True for the first who asks, and for nobody after."""
        return self._result.acquire(blocking=False)


Done = Callable[[Attempt, Outcome], None]


class Workers:
    """A channel with its threads."""

    def __init__(self, channel: Channel, threads: int, done: Done) -> None:
        """``done`` is called from the threads."""
        self.channel = channel
        self._written_off: set[Attempt] = set()
        self._threads = threads
        self._done = done
        self._queue: SimpleQueue[Attempt] = SimpleQueue()
        self._under_way: set[Attempt] = set()
        for _ in range(threads):
            self._add_thread()

    @property
    def free(self) -> int:
        """How many more attempts may begin."""
        return self._threads - len(self._under_way)

    @property
    def written_off(self) -> int:
        """How many threads hang in the channel, and were replaced."""
        return len(self._written_off)

    @property
    def busy(self) -> bool:
        """Whether any attempt is under way."""
        return bool(self._under_way)

    def begin(self, send: Send) -> None:
        """Let the next free thread send it."""
        attempt = Attempt(self.channel.name, send)
        self._under_way.add(attempt)
        self._queue.put(attempt)

    def end(self, attempt: Attempt) -> None:
        """Its result has come in: there is room again."""
        self._under_way.discard(attempt)

    def write_off(self, seconds: float) -> None:
        """Give up on attempts that take longer than that: each is a failed one, and its thread is replaced."""
        for attempt in list(self._under_way):
            if time.monotonic() - attempt.began > seconds and attempt.is_first_result():
                self._written_off.add(attempt)
                self._add_thread()
                self._done(attempt, Outcome(Verdict.RETRY, None, f"no answer in {seconds:g} s: written off"))

    def oldest(self) -> float | None:
        """When the longest attempt under way began, by the monotonic clock."""
        return min((attempt.began for attempt in self._under_way), default=None)

    def _add_thread(self) -> None:
        threading.Thread(target=self._work, name=f"channel {self.channel.name}", daemon=True).start()

    def _work(self) -> None:
        while True:
            attempt = self._queue.get()
            outcome = self._outcome(attempt.send)
            if not attempt.is_first_result():
                self._written_off.discard(attempt)
                if outcome.verdict is Verdict.DELIVERED:
                    self._done(Attempt(attempt.channel, attempt.send, is_late=True), outcome)
                return
            self._done(attempt, outcome)

    def _outcome(self, send: Send) -> Outcome:
        try:
            return self.channel.send(send)
        except Exception as error:  # noqa: BLE001  # a delivery is never lost to a fault in its channel
            structlog.get_logger("courier").error(
                "channel failed", channel=self.channel.name, error=type(error).__name__
            )
            return Outcome(Verdict.RETRY, None, f"its channel failed ({type(error).__name__})")
