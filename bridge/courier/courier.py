"""The courier: claims what is due, lets each channel's threads send it, and writes down what became of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

import structlog

from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.courier.retry import settlement
from bridge.courier.worker import Workers
from bridge.journal import Delivery, Journal, JournalBusyError, Room, Settlement

LEASE_SECONDS = 120.0
"""A claimed delivery that is not settled for so long may be claimed again; longer than any attempt takes."""
_THREADS = 2
_LONGEST_SLEEP = 5.0
_BUSY_SECONDS = 1.0
_SECOND = 1_000_000_000


class Courier:
    """Delivers until told to drain."""

    def __init__(self, journal: Journal, channels: Mapping[str, Channel]) -> None:
        self._journal = journal
        self._results: SimpleQueue[tuple[Delivery, Outcome] | None] = SimpleQueue()
        self._workers = {name: Workers(channel, _THREADS, self._done) for name, channel in channels.items()}
        self._in_flight = dict.fromkeys(channels, 0)
        self._paused: dict[str, int] = {}
        self._deadline: float | None = None
        self._router_gone = threading.Event()
        self._dice = random.random
        self._log = structlog.get_logger("courier")

    def wake(self) -> None:
        """There may be something to deliver."""
        self._results.put(None)

    def drain(self, seconds: float) -> None:
        """Deliver what is due now for up to ``seconds``, then leave."""
        self._deadline = time.monotonic() + seconds
        self.wake()

    def leave(self) -> None:
        """The router is gone: finish what is in flight, claim nothing more."""
        self._router_gone.set()
        self.wake()

    def run(self) -> None:
        """Work until drained. Raises JournalError where the journal cannot go on."""
        while not self._finished():
            self._retrying(self._claim)
            self._settle_results(self._sleep_seconds())

    def _finished(self) -> bool:
        busy = any(self._in_flight.values())
        if self._router_gone.is_set():
            return not busy
        if self._deadline is None:
            return False
        return time.monotonic() >= self._deadline or (not busy and not self._has_due())

    def _has_due(self) -> bool:
        due = self._journal.next_due(self._open_channels())
        return due is not None and due <= time.time_ns()

    def _open_channels(self) -> list[str]:
        now_ns = time.time_ns()
        return [name for name in self._workers if self._paused.get(name, 0) <= now_ns]

    def _claim(self) -> None:
        if self._router_gone.is_set():
            return
        room = {name: Room(self._workers[name].capacity - self._in_flight[name]) for name in self._open_channels()}
        for (delivery,) in self._journal.claim(time.time_ns(), int(LEASE_SECONDS * _SECOND), room):
            name = delivery.notification.channel
            self._in_flight[name] += 1
            self._workers[name].put(delivery)

    def _sleep_seconds(self) -> float:
        """Until something is due that has room, or the drain deadline; a wake or a result ends it earlier."""
        longest = _LONGEST_SLEEP
        if self._deadline is not None:
            longest = min(longest, max(self._deadline - time.monotonic(), 0.0))
        free = [name for name in self._open_channels() if self._in_flight[name] < self._workers[name].capacity]
        moments = [moment for name, moment in self._paused.items() if moment > time.time_ns()]
        due = self._journal.next_due(free) if free else None
        if due is not None:
            moments.append(due)
        return min([longest, *(max((moment - time.time_ns()) / _SECOND, 0.0) for moment in moments)])

    def _settle_results(self, seconds: float) -> None:
        """Wait for a result or a wake; settle everything that has come by then in one transaction."""
        settled: list[Settlement] = []
        try:
            result = self._results.get(timeout=seconds) if seconds > 0 else self._results.get_nowait()
            while True:
                if result is not None:
                    settled.append(self._settlement(*result))
                result = self._results.get_nowait()
        except Empty:
            self._retrying(lambda: self._journal.settle(settled))

    def _settlement(self, delivery: Delivery, outcome: Outcome) -> Settlement:
        name = delivery.notification.channel
        self._in_flight[name] -= 1
        now_ns = time.time_ns()
        if outcome.retry_after is not None and outcome.verdict is Verdict.RETRY:
            self._paused[name] = now_ns + int(outcome.retry_after * _SECOND)
        made = settlement(delivery, outcome, now_ns, self._dice())
        self._log.debug("attempt", channel=name, delivery=delivery.id, state=made.state.value, status=outcome.status)
        if outcome.verdict is not Verdict.DELIVERED and delivery.attempts == 0:
            self._log.debug("not delivered", channel=name, reason=outcome.reason)
        return made

    def _retrying(self, action: Callable[[], None]) -> None:
        """A full disk or a long lock passes; what was done by then is written when it has."""
        told = False
        while True:
            try:
                action()
            except JournalBusyError as error:
                if not told:
                    told = True
                    self._log.error("journal blocked", problem=str(error))
                if self._router_gone.wait(_BUSY_SECONDS):
                    return
            else:
                return

    def _done(self, delivery: Delivery, outcome: Outcome) -> None:
        self._results.put((delivery, outcome))
