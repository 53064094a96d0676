"""Runs a second set of routes on live traffic, in a separate thread, and compares what it would send. Sends nothing.

It never delays intake: what it is given waits in a bounded queue, from which alerts are skipped and counted when there
is no room, and it works only while no batch is being stored. A fault concerns one alert, and is counted.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from bridge.alert import Alert
from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock
from bridge.common.clocks.clock import Step as ClockStep
from bridge.pipeline.services.background import Background
from bridge.pipeline.shadow.differences import Differences
from bridge.pipeline.shadow.queue import ShadowQueue, StoredAlerts, StoredTimers
from bridge.routing import Entry, Notification
from bridge.routing.comparison import Comparison, Difference, Notified
from bridge.routing.memory.clauses.new import LOOKING_BACK
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences
from bridge.routing.state import State
from bridge.routing.virtual_run import Step, VirtualRun

KEYS = 100_000
"""Keys that clauses with memory of the shadow remember in all."""
_PENDING = 5_000
_PENDING_NS = 600 * 1_000_000_000
"""How long a notification waits for its counterpart, where routes have memory."""
_SAMPLES = 3
_IDLE_SECONDS = 0.5
_YIELD_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class ShadowRoutes:
    """The routes to try, with those that they are compared with."""

    live: Router
    shadow: Router | None
    """None if they have errors."""
    labels: Mapping[str, str]
    problem: str = ""
    """Why they cannot be tried; empty if they can."""
    read_from: object = None
    """What both sets and the labels were read from. The counts go on while that stays equal."""


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What was compared so far."""

    since_ns: int
    """Since when: the start, or the latest change of one of the sets."""
    alerts: int
    skipped: int
    """Alerts that were not tried, because there was no room in the queue."""
    faults: int
    """Alerts and timers at which the shadow failed."""
    last_fault: str
    problem: str
    differences: Differences
    decisions: Counter[tuple[str, str]]
    """Decisions of the shadow, by route and reason."""


class Shadow(Background):
    """Runs until it is closed. ``offer_…`` are called by the intake, under its lock, and return at once."""

    def __init__(self, is_busy: Callable[[], bool], clock: Clock = SYSTEM_CLOCK) -> None:
        """``is_busy`` is whether a batch is being stored."""
        super().__init__("shadow")
        self._is_busy = is_busy
        self._clock = clock
        self._queue = ShadowQueue()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        """Held while a step is compared and counted, and while the counts are copied or the routes replaced."""
        self._routes: ShadowRoutes | None = None
        self._silences = NO_SILENCES
        self._log = structlog.get_logger("shadow")
        self._generation = 0
        self._virtual: VirtualRun | None = None
        self._reset(0)

    def use(self, routes: ShadowRoutes | None, state: State | None = None) -> None:
        """Try other routes from now on, or none. The state of the live routes is used where clauses are the same."""
        with self._lock:
            if routes is not None and self._routes is not None and routes.read_from == self._routes.read_from:
                return
            self._routes = routes
            self._reset(self._clock.wall_ns())
            self._problem = "" if routes is None else routes.problem
            if self._problem:
                self._log.error("shadow rejected; the live routes are in use", problem=self._problem)
            if routes is None or routes.shadow is None:
                return
            self._virtual = VirtualRun(routes.shadow, self._silences, _copied(state, routes.shadow))
            patient = routes.shadow.engine is not None or routes.live.engine is not None
            self._comparison = Comparison(patient=patient, limit=_PENDING)

    def use_silences(self, silences: Silences) -> None:
        """Hold back what these silences match, as the live routes do."""
        with self._lock:
            self._silences = silences
            if self._virtual is not None:
                self._virtual.silences = silences

    def offer(self, now_ns: int, alerts: Iterable[Alert], entries: Iterable[Entry]) -> None:
        """A batch was stored: the original alerts, and what was decided about them."""
        if self._virtual is None:
            return
        try:
            self._queue_alerts(now_ns, alerts, entries)
        except Exception as error:  # noqa: BLE001  # intake continues
            self._note_fault(error)

    def _queue_alerts(self, now_ns: int, alerts: Iterable[Alert], entries: Iterable[Entry]) -> None:
        decided = {entry.alert.id: entry.routed.notifications for entry in entries}
        tried = tuple((alert, decided[alert.id]) for alert in alerts if alert.id in decided)
        if self._queue.put_alerts(now_ns, tried, self._generation):
            self._wake.set()
        else:
            self._skipped += len(tried)

    def offer_timers(self, now_ns: int, notifications: Sequence[Notification]) -> None:
        """Timers of the live routes sent these notifications."""
        self._offer(now_ns, notifications)

    def offer_acknowledgement(self, target: str, actor: str, now_ns: int) -> None:
        """A person acknowledged an incident, or all of a route."""

        def acknowledge(run: VirtualRun) -> Iterable[Step]:
            run.acknowledge(target, actor, now_ns)
            return ()

        self._offer(now_ns, (), acknowledge)

    def offer_resolve(self, target: str, actor: str, now_ns: int, notifications: Sequence[Notification]) -> None:
        """A person resolved an incident, or all of a route."""
        self._offer(now_ns, notifications, lambda run: (run.resolve(target, actor, now_ns),))

    def offer_clock_step(self, step: ClockStep) -> None:
        """The wall clock was set."""

        def follow(run: VirtualRun) -> Iterable[Step]:
            run.follow(step)
            return ()

        self._offer(step.now_ns, (), follow)

    def report(self) -> ShadowReport | None:
        """A copy of the counts; None if there is nothing to try. Callable from any thread."""
        with self._lock:
            if self._routes is None:
                return None
            differences = Differences(_SAMPLES)
            differences.merge(self._differences)
            return ShadowReport(
                self._since_ns, self._alerts, self._skipped, self._faults, self._last_fault, self._problem, differences,
                self._decisions.copy(),
            )  # fmt: skip

    def _reset(self, now_ns: int) -> None:
        self._since_ns = now_ns
        self._alerts = self._skipped = self._faults = 0
        self._last_fault = self._problem = ""
        self._differences = Differences(_SAMPLES)
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._comparison = Comparison(patient=False)
        self._virtual = None
        self._generation += 1

    def _offer(
        self,
        now_ns: int,
        notifications: Sequence[Notification],
        follow: Callable[[VirtualRun], Iterable[Step]] = lambda _run: (),
    ) -> None:
        if self._virtual is None:
            return
        if self._queue.put_timers(StoredTimers(now_ns, tuple(notifications), follow, self._generation)):
            self._wake.set()
        else:
            self._skipped += len(notifications)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_IDLE_SECONDS)
            self._wake.clear()
            while self._queue and not self._stop.is_set():
                item = self._queue.take()
                self._try_all(item)
                self._queue.done(item)
            self._guarded(self._let_time_pass, self._generation)

    def _try_all(self, item: StoredAlerts | StoredTimers) -> None:
        if isinstance(item, StoredTimers):
            self._guarded(partial(self._follow, item=item), item.generation)
            return
        for alert, notifications in item.alerts:
            while self._is_busy() and not self._stop.wait(_YIELD_SECONDS):
                pass
            self._guarded(partial(self._try, alert=alert, live=notifications, now_ns=item.now_ns), item.generation)

    def _guarded(self, action: Callable[[VirtualRun], None], generation: int) -> None:
        """Run an action of the present routes; a fault of it is counted, and logged once for each kind."""
        with self._lock:
            if self._virtual is None or generation != self._generation:
                return
            try:
                action(self._virtual)
            except Exception as error:  # noqa: BLE001  # any fault concerns this alert only
                self._note_fault(error)
            for fault in self._virtual.faults:
                self._note_fault(fault)
            self._virtual.faults.clear()

    def _note_fault(self, error: Exception) -> None:
        self._faults += 1
        fault = type(error).__name__
        if fault != self._last_fault:
            self._log.error("shadow failed", exc_info=error)
        self._last_fault = fault

    def _try(self, run: VirtualRun, alert: Alert, live: tuple[Notification, ...], now_ns: int) -> None:
        self._alerts += 1
        self._compare(
            [_sent_live(each, now_ns, alert, run) for each in live], self._notified(run, run.steps(alert, now_ns))
        )

    def _follow(self, run: VirtualRun, item: StoredTimers) -> None:
        old = [_sent_live(each, item.now_ns, None, run) for each in item.notifications]
        self._compare(old, self._notified(run, (*run.finish(item.now_ns), *item.follow(run))))

    def _let_time_pass(self, run: VirtualRun) -> None:
        now_ns = self._clock.wall_ns()
        self._compare([], self._notified(run, run.finish(now_ns)))
        for difference in self._comparison.finish(now_ns - _PENDING_NS):
            self._count(difference)

    def _notified(self, run: VirtualRun, steps: Iterable[Step]) -> list[Notified]:
        """The notifications of steps, whose decisions are counted."""
        steps = list(steps)
        for step in steps:
            for decision in step.routed.decisions:
                self._decisions[decision.route, decision.reason.value] += 1
        return list(run.notified(steps))

    def _compare(self, old: list[Notified], new: list[Notified]) -> None:
        if old or new:
            self._differences.count_sent(old, new)
            for difference in self._comparison.compare(old, new):
                self._count(difference)

    def _count(self, difference: Difference) -> None:
        assert self._routes is not None
        assert self._routes.shadow is not None
        self._differences.count(difference, (self._routes.live, self._routes.shadow), self._routes.labels)


def _sent_live(notification: Notification, now_ns: int, alert: Alert | None, run: VirtualRun) -> Notified:
    """A notification of the live routes."""
    if notification.about is None and alert is not None:
        return Notified(notification, now_ns, alert.id, alert)
    about = notification.about or ""
    return Notified(notification, now_ns, about, run.latest.get(about))


def _copied(state: State | None, router: Router) -> State:
    """What the live routes remember, of the clauses that the shadow has as well."""
    copied = State(keys_in_all=KEYS, keys_per_table=KEYS)
    if state is None or router.engine is None:
        return copied
    for clause in router.engine.clauses & state.tables.keys():
        table = state.tables[clause]
        for key, row in table.rows():
            if copied.size >= KEYS:
                return copied
            if key == LOOKING_BACK:  # the shadow does not look back
                continue
            copied.load(clause, key, row, table.due_ns(key))
    return copied
