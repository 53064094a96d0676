"""The courier: claims deliveries that are due, has each channel's threads send them, and settles the results."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue

import structlog
from structlog.typing import FilteringBoundLogger

from bridge.channels.contract import Channel
from bridge.common.clocks.clock import Step, Timeline
from bridge.courier.channel_runners import ChannelRunners, Configuration
from bridge.courier.due_cache import DueCache
from bridge.courier.ending import Ending
from bridge.courier.expiry import DeliveryExpiry
from bridge.courier.health.health_alerts import HealthAlerts
from bridge.courier.health.port_check import PortChecks
from bridge.courier.results import Results
from bridge.courier.sending.runner import Runner
from bridge.courier.sending.worker import Attempt, Send
from bridge.delivery import Circuit, Outcome, Settlement, Verdict
from bridge.delivery.options import ChannelOptions
from bridge.journal import JournalBusyError
from bridge.journal.busy import retry_while_busy
from bridge.journal.protocols import AlertLog, DeliveryQueue
from bridge.tracing.attempts import trace_attempt
from bridge.tracing.tracer import Tracer

MAX_HANGING_THREADS = 16
"""With more threads hanging in channels the courier stops, and another one is started."""
_LEASE_NS = 365 * 86_400 * 1_000_000_000
"""Practically for ever: a courier ends each of its attempts, and the next courier releases the claims of a dead one."""
IDLE_SECONDS = 5.0
"""How long a courier sleeps without a reason to wake up."""
_REPLACED_SECONDS = 10.0
"""How long attempts in flight may take when another courier is to be started."""
_LATE_WRITERS_SECONDS = (2.0, 10.0)
_SECOND = 1_000_000_000


class Courier:
    """Delivers until it is stopped."""

    def __init__(
        self,
        alerts: AlertLog,
        queue: DeliveryQueue,
        channels: Mapping[str, Channel],
        options: Mapping[str, ChannelOptions],
        timeline: Timeline,
        jitter: Callable[[], float] = random.random,
        idle_seconds: float = IDLE_SECONDS,
        tracer: Tracer | None = None,
    ) -> None:
        """``jitter`` returns a number from 0 to 1, which spreads retries."""
        self.tracer = Tracer("courier") if tracer is None else tracer
        self._queue = queue
        self._timeline = timeline
        self._idle_seconds = idle_seconds
        self._results = Results()
        self._ending = Ending()
        self._signals: Queue[None] = Queue()
        """No SimpleQueue: its ``get`` with a timeout that has just passed may wait for ever (CPython 3.11)."""
        self._to_try: SimpleQueue[tuple[str, Callable[[Runner, int], None]]] = SimpleQueue()
        self._log = structlog.get_logger("courier")
        self._runners: dict[str, Runner] = {}
        self._channels = ChannelRunners(queue, self._runners, self._done, jitter)
        self._channels.start(channels, options, timeline.now_ns())
        self.on_removed: Callable[[str], None] = lambda _name: None
        """Called with the name of a channel to which nothing is in flight any more after it was removed."""
        self._due = DueCache(queue, self._runners)
        self._health_alerts = HealthAlerts(alerts, queue, self._runners, self._channels, socket.gethostname())
        self._expiry = DeliveryExpiry(queue, self._runners)
        self._port_checks = PortChecks(self._port_is_open)
        self._late_writers: list[float] = []
        self._woken = threading.Event()
        """Whether there may be deliveries that the due cache does not know of."""
        for name in self._runners:  # the restart may be due to a fix of any of them
            self.try_now(name)
        self.is_worn_out = False
        """Whether it stopped because too many threads hang, and another courier is to be started."""

    def wake(self) -> None:
        """There may be something to deliver."""
        if not self._woken.is_set():  # the main thread has not noticed the previous call yet
            self._woken.set()
            self._signals.put(None)

    def try_now(self, name: str) -> None:
        """That channel may work again: if its circuit is open, send a probe at once."""
        self._to_try.put((name, Runner.try_now))
        self.wake()

    def configure(
        self, names: Sequence[str], changed: Mapping[str, Channel], options: Mapping[str, ChannelOptions]
    ) -> None:
        """Deliver to these channels from now on. ``changed`` are the new and the changed ones, with open connections.

        The attempts in flight of a channel that has changed or is removed end as they would have. Others go on.
        """
        self.follow(Configuration(tuple(names), changed, options))

    def follow(self, configuration: Configuration) -> None:
        """As ``configure``, for a courier that may share its channels with others."""
        self._channels.request(configuration)
        self.wake()

    def _port_is_open(self, name: str) -> None:
        """Called from the thread of the port checks."""
        self._to_try.put((name, Runner.port_is_open))
        self.wake()

    def stop(self, seconds: float, *, leaves_rest: bool = False) -> None:
        """Deliver what is due now for up to ``seconds``, then end. ``leaves_rest`` only ends what is in flight."""
        self._ending.stop(seconds, leaves_rest=leaves_rest)
        self.wake()

    def finish(self) -> None:
        """Claim nothing more, and end once nothing is in flight: the router has ended."""
        self._ending.finish()
        self.wake()

    def run(self) -> None:
        """Deliver until stopped. Raises JournalError where the journal cannot be used."""
        while not self._finished():
            self._follow_clock()
            self._while_journal_busy(self._follow_configuration)
            self._while_journal_busy(self._check_channels)
            self._while_journal_busy(self._claim)
            self._while_journal_busy(lambda: self._sleep(self._sleep_seconds()))
            if self._results.are_due(self._runners):
                self._settle_results()
        self._settle_results()

    def _follow_configuration(self) -> None:
        """Retire the channels that have changed or were removed, and start their successors once they are idle."""
        self._channels.on_removed = self.on_removed
        self._channels.follow_requests(self._timeline.now_ns())
        if not self._channels.is_changing:
            return
        self._put_back([each for each in self._runners.values() if each.is_retired])
        for name in self._channels.replace_idle(self._timeline.now_ns()):
            self._due.add(name)
            self.try_now(name)

    def _follow_clock(self) -> None:
        """Where the wall clock was set, move every stored time, so that nothing waits for it or ages by it."""
        step = self._timeline.take_step()
        if step is None:
            self._follow_late_writers()
            return
        self._late_writers = [time.monotonic() + seconds for seconds in _LATE_WRITERS_SECONDS]
        self._log.warning("clock was set", seconds=step.seconds)
        for runner in self._runners.values():
            runner.follow(step)
        self._expiry.follow(step)
        self._due.change_all()
        health = {name: runner.health for name, runner in self._runners.items()}
        self._while_journal_busy(lambda: self._queue.follow(step, health))

    def _follow_late_writers(self) -> None:
        """Bridges that notice a step later than this one add deliveries by the clock of before meanwhile."""
        if self._late_writers and time.monotonic() >= self._late_writers[0]:
            del self._late_writers[0]
            now_ns = self._timeline.now_ns()
            self._due.change_all()
            self._while_journal_busy(lambda: self._queue.follow(Step(0, now_ns, now_ns), {}))

    def _finished(self) -> bool:
        is_late = self._ending.is_late
        if self._ending.claims_no_more:
            return is_late or not any(runner.workers.busy for runner in self._runners.values())
        busy = any(runner.busy for runner in self._runners.values())
        if self._ending.deadline is None:
            return False
        return is_late or (not busy and not self._has_due())

    def _has_due(self) -> bool:
        """Whether a channel that works has deliveries that are due now."""
        working = [runner.name for runner in self._runners.values() if runner.health.circuit is Circuit.CLOSED]
        due = None if self.is_worn_out else self._queue.next_due(working)
        return due is not None and due <= self._timeline.now_ns()

    def _check_channels(self) -> None:
        """Timeouts, recoveries, expiry and health alerts: everything but the deliveries themselves."""
        now_ns = self._timeline.now_ns()
        while not self._to_try.empty():
            name, attempt = self._to_try.get_nowait()
            if name in self._runners:
                attempt(self._runners[name], now_ns)
        for runner in self._runners.values():
            runner.workers.apply_timeout(runner.options.attempt_timeout)
            if runner.has_recovered:
                self._queue.make_due_now(runner.name, now_ns)
                runner.has_recovered = False
                self._due.change(runner.name)
        addresses = {name: runner.returning_address for name, runner in self._runners.items()}
        self._port_checks.watch({name: address for name, address in addresses.items() if address is not None})
        self._expiry.check(now_ns)
        if self._health_alerts.check(now_ns):
            self._due.change_all()
        self._write([])
        if not self.is_worn_out and self._hanging_threads() > MAX_HANGING_THREADS:
            self.is_worn_out = True
            self._log.warning("courier restarting: too many hanging threads", hanging_threads=self._hanging_threads())
            self.stop(_REPLACED_SECONDS)

    def _hanging_threads(self) -> int:
        return sum(runner.workers.timed_out for runner in self._runners.values())

    def _claim(self) -> None:
        if self._ending.claims_no_more:
            self._put_back(self._runners.values())
            return
        now_ns = self._timeline.now_ns()
        for runner in self._runners.values():
            runner.start_split_batches(now_ns)
        if self.is_worn_out:
            return
        capacity = {
            name: runner.capacity(now_ns, lambda limit, name=name: self._queue.waiting(name, limit))  # type: ignore[misc]
            for name, runner in self._runners.items()
            if self._due.may_be_due(name, now_ns)
        }
        self._start(self._queue.claim(now_ns, _LEASE_NS, capacity), now_ns)
        for name, room in capacity.items():
            if room.sends > 0:
                self._due.change(name)

    def _start(self, sends: Sequence[Send], now_ns: int) -> None:
        """Send what was claimed.

        A database that crashed may have lost the claim of what is in flight. That is not sent twice, and what was
        claimed with it may have to wait for it.
        """
        in_flight: dict[str, frozenset[int]] = {}
        for send in sends:
            runner = self._runners[send[0].notification.channel]
            if runner.name not in in_flight:
                in_flight[runner.name] = runner.in_flight
            rest = [each.id for each in send if each.id not in in_flight[runner.name]]
            if len(rest) == len(send):
                runner.start(send, now_ns)
            else:
                runner.taken_back += rest
        self._put_back([runner for runner in self._runners.values() if runner.taken_back])

    def _sleep_seconds(self) -> float:
        """Until something can be sent, an attempt times out, or the deadline. A wake or a result ends the sleep."""
        now_ns, now = self._timeline.now_ns(), time.monotonic()
        times = [now + self._idle_seconds]
        times += [at for at in (self._ending.deadline, self._results.due) if at is not None]
        for runner in self._runners.values():
            ready = runner.ready_ns(now_ns)
            due = now_ns if runner.has_split_batches else self._due.next_due(runner.name)
            if ready is not None and due is not None:
                times.append(now + (max(ready, due) - now_ns) / _SECOND)
            if (oldest := runner.workers.oldest()) is not None:
                times.append(oldest + runner.options.attempt_timeout)
        return max(min(times) - now, 0.0)

    def _sleep(self, seconds: float) -> None:
        """Until a signal. Without one in all that time, anything may have changed."""
        had_results = bool(self._results)
        with suppress(Empty):
            if seconds > 0 and not self._results.are_due(self._runners):
                self._signals.get(timeout=seconds)
            while True:
                self._signals.get_nowait()
        if self._woken.is_set() or not (had_results or self._results):
            self._woken.clear()
            self._due.change_all()
        self._results.notice()

    def _settle_results(self) -> None:
        """Settle everything that has arrived in one transaction."""
        settlements: list[Settlement] = []
        log = self._log.bind()  # once, because binding costs more than ending an attempt
        for attempt, outcome in self._results.take():
            settlements += self._end(attempt, outcome, log)
        if settlements:
            self._while_journal_busy(lambda: self._write(settlements))
        self._put_back([runner for runner in self._runners.values() if runner.taken_back])

    def _put_back(self, runners: Iterable[Runner]) -> None:
        """Put back what these have claimed and have not begun to send."""
        for runner in runners:
            runner.take_back()
            if ids := runner.taken_back:
                self._while_journal_busy(lambda ids=ids: self._queue.put_back(ids, self._timeline.now_ns()))  # type: ignore[misc]
                runner.taken_back = []
                self._due.change(runner.name)

    def _write(self, settlements: list[Settlement]) -> None:
        """Settle, and record the health of the channels where it has changed."""
        changed = {name: runner.health for name, runner in self._runners.items() if runner.changed}
        self._queue.settle(settlements, changed)
        for name, health in changed.items():
            self._runners[name].changed = self._runners[name].health != health

    def _end(self, attempt: Attempt, outcome: Outcome, log: FilteringBoundLogger) -> list[Settlement]:
        runner = self._runners.get(attempt.channel) or self._channels.removed[attempt.channel]
        settlements = runner.end(attempt, outcome, self._timeline.now_ns())
        self._due.change(runner.name)
        log.debug(
            "attempt ended", channel=attempt.channel, deliveries=len(attempt.send), first=attempt.send[0].id,
            verdict=outcome.verdict.value, status=outcome.status,
        )  # fmt: skip
        if outcome.verdict is not Verdict.DELIVERED and attempt.send[0].attempts == 0:
            log.debug("delivery failed", channel=attempt.channel, reason=outcome.reason)
        return settlements

    def _while_journal_busy(self, action: Callable[[], None]) -> None:
        """Do it, also after a full disk or a long lock; skip it where the courier has to end first."""
        with suppress(JournalBusyError):
            retry_while_busy(action, self._report_blocked, self._ending.wait_for_journal)

    def _report_blocked(self, error: JournalBusyError) -> None:
        self._log.error("journal blocked", problem=str(error))

    def _done(self, attempt: Attempt, outcome: Outcome) -> None:
        """Called from the threads. The courier is not woken for every result."""
        trace_attempt(self.tracer, attempt.send, outcome, attempt.started, is_late=attempt.is_late)
        if self._results.add(attempt, outcome):
            self._signals.put(None)
