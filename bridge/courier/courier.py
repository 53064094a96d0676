"""The courier: claims what is due, lets each channel's threads send it, and writes down what became of it."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog

from bridge.channels.contract import Channel
from bridge.courier.due_cache import DueCache
from bridge.courier.expiry import DeliveryExpiry
from bridge.courier.health_alerts import HealthAlerts
from bridge.courier.runner import Runner
from bridge.courier.worker import Attempt
from bridge.delivery import Circuit, Health, Settlement
from bridge.delivery.options import ChannelOptions
from bridge.delivery.outcome import Outcome, Verdict
from bridge.journal import JournalBusyError
from bridge.journal.sqlite import Journal

MOST_WRITTEN_OFF = 16
"""So many threads may hang in channels; with more, the courier leaves, and a new one takes its place."""
_LEASE_NS = 365 * 86_400 * 1_000_000_000
"""A claim is the courier's for its life: it gives up on every attempt itself, and its successor knows of its end."""
_LONGEST_SLEEP = 5.0
_BUSY_SECONDS = 1.0
_LEAVING_SECONDS = 10.0
"""What attempts that are under way have to end, where the courier is to be replaced."""
_SECOND = 1_000_000_000


class Courier:
    """Delivers until told to drain."""

    def __init__(
        self,
        journal: Journal,
        channels: Mapping[str, Channel],
        options: Mapping[str, ChannelOptions],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``jitter`` throws from 0 to 1: how far retries spread."""
        self._journal = journal
        self._results: SimpleQueue[tuple[Attempt, Outcome] | None] = SimpleQueue()
        self._to_try: SimpleQueue[str] = SimpleQueue()
        self._log = structlog.get_logger("courier")
        journal.forget_health(channels)
        health = journal.health()
        self._runners = {
            name: Runner(channel, options.get(name, ChannelOptions()), health.get(name, Health()), self._done,
                         jitter)
            for name, channel in channels.items()
        }  # fmt: skip
        self._due = DueCache(journal, self._runners)
        self._notices = HealthAlerts(journal, self._runners, socket.gethostname())
        self._overdue = DeliveryExpiry(journal, self._runners)
        self._deadline: float | None = None
        self._router_gone = threading.Event()
        self._ending = threading.Event()
        """Something new is known of the end: what waits for the journal looks up."""
        for name in self._runners:  # what has started us anew may have mended any of them
            self.try_now(name)
        self.is_worn_out = False
        """Whether it left because too many attempts hang, and wants to be started anew."""

    def wake(self) -> None:
        """There may be something to deliver."""
        self._results.put(None)

    def try_now(self, name: str) -> None:
        """That channel may work again: if it was let alone, look at once."""
        self._to_try.put(name)
        self.wake()

    def drain(self, seconds: float) -> None:
        """Deliver what is due now for up to ``seconds``, then leave."""
        self._deadline = time.monotonic() + seconds
        self._ending.set()
        self.wake()

    def leave(self) -> None:
        """The router is gone: finish what is in flight, claim nothing more."""
        self._router_gone.set()
        self._ending.set()
        self.wake()

    def run(self) -> None:
        """Work until drained. Raises JournalError where the journal cannot go on."""
        while not self._finished():
            self._retrying(self._look_after)
            self._retrying(self._claim)
            self._settle_results(self._sleep_seconds())

    def _finished(self) -> bool:
        if self._router_gone.is_set():
            return not any(runner.workers.busy for runner in self._runners.values())
        busy = any(runner.busy for runner in self._runners.values())
        if self._deadline is None:
            return False
        return time.monotonic() >= self._deadline or (not busy and not self._has_due())

    def _has_due(self) -> bool:
        """Whether anything is due now, for a channel that may send before long."""
        working = [runner.name for runner in self._runners.values() if runner.health.circuit is Circuit.CLOSED]
        due = None if self.is_worn_out else self._journal.next_due(working)
        return due is not None and due <= time.time_ns()

    def _look_after(self) -> None:
        """What is not the deliveries themselves: attempts that hang, letters to give up, news for the operator."""
        now_ns = time.time_ns()
        while not self._to_try.empty():
            if (tried := self._runners.get(self._to_try.get_nowait())) is not None:
                tried.try_now(now_ns)
        for runner in self._runners.values():
            runner.workers.write_off(runner.options.attempt_timeout)
            if runner.has_come_back:
                self._journal.make_due_now(runner.name, now_ns)
                runner.has_come_back = False
                self._due.change(runner.name)
        self._overdue.look(now_ns)
        if self._notices.look(now_ns):
            self._due.change_all()
        self._write_health([])
        if not self.is_worn_out and self._written_off() > MOST_WRITTEN_OFF:
            self.is_worn_out = True
            self._log.warning("too many attempts hang; the courier makes room for a new one")
            self.drain(_LEAVING_SECONDS)

    def _written_off(self) -> int:
        return sum(runner.workers.written_off for runner in self._runners.values())

    def _claim(self) -> None:
        if self._router_gone.is_set():
            return
        now_ns = time.time_ns()
        for runner in self._runners.values():
            runner.begin_halves(now_ns)
        if self.is_worn_out:
            return
        room = {
            name: runner.room(now_ns, lambda most, name=name: self._journal.waiting(name, most))  # type: ignore[misc]
            for name, runner in self._runners.items()
            if self._due.may_be(name, now_ns)
        }
        for send in self._journal.claim(now_ns, _LEASE_NS, room):
            name = send[0].notification.channel
            self._runners[name].begin(send, now_ns)
            self._due.change(name)

    def _sleep_seconds(self) -> float:
        """Until something can be sent, an attempt has taken too long, or the drain ends; a wake or a result ends it."""
        if not self._results.empty():
            return 0.0
        now_ns, now = time.time_ns(), time.monotonic()
        moments = [now + _LONGEST_SLEEP]
        if self._deadline is not None:
            moments.append(self._deadline)
        for runner in self._runners.values():
            ready = runner.ready_ns(now_ns)
            due = now_ns if runner.has_halves else self._due.at(runner.name)
            if ready is not None and due is not None:
                moments.append(now + (max(ready, due) - now_ns) / _SECOND)
            if (oldest := runner.workers.oldest()) is not None:
                moments.append(oldest + runner.options.attempt_timeout)
        return max(min(moments) - now, 0.0)

    def _settle_results(self, seconds: float) -> None:
        """Wait for a result or a wake; settle everything that has come by then in one transaction."""
        settled: list[Settlement] = []
        try:
            result = self._results.get(timeout=seconds) if seconds > 0 else self._results.get_nowait()
        except Empty:
            self._due.change_all()
            return
        with suppress(Empty):
            while True:
                if result is None:
                    self._due.change_all()
                else:
                    settled += self._ended(*result)
                result = self._results.get_nowait()
        self._retrying(lambda: self._write_health(settled))

    def _write_health(self, settled: list[Settlement]) -> None:
        """Settle, and write down the health of the channels where it has changed."""
        changed = {name: runner.health for name, runner in self._runners.items() if runner.changed}
        self._journal.settle(settled, changed)
        for name, health in changed.items():
            self._runners[name].changed = self._runners[name].health != health

    def _ended(self, attempt: Attempt, outcome: Outcome) -> list[Settlement]:
        runner = self._runners[attempt.channel]
        settled = runner.end(attempt, outcome, time.time_ns())
        self._due.change(runner.name)
        self._log.debug(
            "attempt", channel=attempt.channel, deliveries=len(attempt.send), first=attempt.send[0].id,
            verdict=outcome.verdict.value, status=outcome.status,
        )  # fmt: skip
        if outcome.verdict is not Verdict.DELIVERED and attempt.send[0].attempts == 0:
            self._log.debug("not delivered", channel=attempt.channel, reason=outcome.reason)
        return settled

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
                if not self._may_wait():
                    return
            else:
                return

    def _may_wait(self) -> bool:
        """Wait for the journal, but no longer than there is time; False where there is none."""
        left = _BUSY_SECONDS if self._deadline is None else min(_BUSY_SECONDS, self._deadline - time.monotonic())
        if self._router_gone.is_set() or left <= 0:
            return False
        if self._ending.wait(left):
            self._ending.clear()
        return True

    def _done(self, attempt: Attempt, outcome: Outcome) -> None:
        self._results.put((attempt, outcome))
