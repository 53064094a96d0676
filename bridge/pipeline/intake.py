"""Takes batches from all sources: decides about each alert once, stores the batch, then returns to the source."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog
from msgspec.structs import replace

from bridge.alert import Alert
from bridge.alert.rejected import RejectedMessage
from bridge.common.clocks.clock import SYSTEM_CLOCK, Clock, Timeline
from bridge.common.fair_lock import FairLock
from bridge.journal import JournalError
from bridge.journal.protocols import AlertLog
from bridge.journal.records import NO_MEMORY, MemoryWrite
from bridge.journal.server_clock import ServerClock
from bridge.language.program.program import Redaction
from bridge.pipeline.counts import Counts
from bridge.pipeline.nodes import Nodes
from bridge.pipeline.route_faults import RouteFaults
from bridge.pipeline.shadow.shadow import Shadow, ShadowRoutes
from bridge.pipeline.terminal.recorder import TerminalRecorder
from bridge.pipeline.writer import Writer
from bridge.pipeline.writes import Write
from bridge.routing import Entry, Notification, Reason, Routed
from bridge.routing.decision import Fault
from bridge.routing.memory.clock_steps import follow
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.memory_usage import ClauseUsage, memory_usage
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences, StoredAlert, none_stored
from bridge.routing.state import State, Timer
from bridge.sources.contract import Batch
from bridge.terminal.observation import concerns_terminals
from bridge.terminal.rules import MATERIAL_MARK, is_material

TIMERS = "timers"
"""The source name of what timers cause."""
TERMINAL = "terminal"
"""The source name of commands that time alone has finished."""
_MATERIAL_REMOVED = b"(terminal material, which is not stored)"

_Result = TypeVar("_Result")


class Intake:
    """Accepts batches, one at a time."""

    def __init__(
        self,
        alerts: AlertLog,
        router: Router,
        *,
        on_deliveries: Callable[[], None],
        on_fault: Callable[[JournalError], None],
        on_matches: Callable[[], None] = lambda: None,
        state: State | None = None,
        stored_alerts: Callable[[Iterable[str], Collection[str]], Mapping[str, Alert]] = lambda _ids, _fields: {},
        clock: Clock = SYSTEM_CLOCK,
        recorder: TerminalRecorder | None = None,
    ) -> None:
        """``on_deliveries`` wakes the courier, ``on_matches`` the owner of partitions.

        ``on_fault`` is called when the journal fails for good.

        ``state`` is what the clauses with memory remember, as ``load_state`` returns it. ``stored_alerts`` reads alerts
        by id, for silences over what is held. ``recorder`` makes commands of terminal material; without it, the
        material is discarded.
        """
        self._alerts = alerts
        self._router = router
        self._state = State() if state is None else state
        self._silences = NO_SILENCES
        self._stored_alerts = stored_alerts
        self._on_deliveries = on_deliveries
        self._on_matches = on_matches
        self._clock = clock
        self._timeline = Timeline(clock, follows_drift=isinstance(clock, ServerClock))
        self._recorder = recorder
        self._lock = FairLock()
        self.shadow = Shadow(lambda: self._lock.taken, clock)
        """Routes that are tried on what is stored. Idle until it is given some."""
        self._faults = RouteFaults()
        self._log = structlog.get_logger("intake")
        self._writer = Writer(alerts, clock=clock, redact_raw=self._redact_raw, on_fault=on_fault)
        self._tally = self._writer.tally
        self.traces = self._writer.traces

    @property
    def counts(self) -> Counts:
        """What was accepted and decided since the start."""
        return self._tally.counts

    @property
    def nodes(self) -> Nodes:
        """What is known of each node."""
        return self._tally.nodes

    def accept(self, batch: Batch) -> None:
        """Store the batch and everything that follows from it. Returns once it is on disk.

        Waits while the disk is full. Raises Aborted if the bridge stops before the batch could be stored.
        """
        if isinstance(self._clock, ServerClock):  # sources read the clock of the machine
            batch = replace(batch, received_ns=self._clock.of_machine(batch.received_ns))
        with self._lock:
            self._follow_clock()
            deliveries = self._accept(batch)
        if deliveries:
            self._on_deliveries()

    def store_own(self, entry: Entry, source_name: str, now_ns: int) -> None:
        """Store an alert of the bridge with its decision. Raises Aborted as ``accept`` does."""
        with self._lock:
            deliveries = self._writer.store(Write(source_name, now_ns, (entry,)), Batch(source_name, now_ns, ()))
        if deliveries:
            self._on_deliveries()

    def finish_commands(self, now_ns: int) -> None:
        """Store the commands that time alone has finished. Raises Aborted as ``accept`` does."""
        with self._lock:
            if self._recorder is None or not self._recorder.waits:
                return
            self._recorder.tick(now_ns)
            commands = self._recorder.finished()
            deliveries = 0
            if commands:
                self._follow_clock()
                deliveries = self._decide(Batch(TERMINAL, now_ns, ()), commands, commands, [])
        if deliveries:
            self._on_deliveries()

    def use_recorder(self, recorder: TerminalRecorder | None, now_ns: int) -> None:
        """Make commands with another recorder from the next batch on; None discards material.

        What was typed so far is stored as commands, and its material is removed. Raises Aborted as ``accept`` does.
        """
        deliveries = 0
        with self._lock:
            previous = self._recorder
            if previous is not None:
                self._follow_clock()
                commands = previous.end(now_ns)
                deliveries = self._decide(Batch(TERMINAL, now_ns, ()), commands, commands, [])
                previous.remove()
            self._recorder = recorder
        if deliveries:
            self._on_deliveries()

    def between_batches(self, action: Callable[[], bool]) -> bool:
        """Run a short action on the journal while no batch is being stored. Returns what the action returns."""
        with self._lock:
            return action()

    @property
    def is_busy(self) -> bool:
        """Whether a batch is being stored."""
        return self._lock.taken

    def change_state(self, action: Callable[[Router, State], _Result], now_ns: int) -> _Result:
        """Run a short action on the state between two batches, and store what it changed. Raises Aborted."""
        with self._lock:
            result = action(self._router, self._state)
            self._store_memory((), now_ns)
        return result

    def use_router(self, router: Router, now_ns: int, *, look_back: bool = False) -> dict[str, int]:
        """Decide with another router from the next batch on. State of clauses that it has too is kept.

        ``look_back`` is whether its new clauses look back at recorded alerts, which the caller sees to.

        Returns the clauses whose state is forgotten, with the number of keys.
        """
        with self._lock:
            self._router = router
            if router.shared is not None:
                return {}  # the owners of its partitions have its memory
            if look_back:
                router.prepare_look_back(self._state, now_ns)
            forgotten = router.start(self._state, now_ns)
            self._store_memory((), now_ns)
        return forgotten

    @property
    def redactions(self) -> Sequence[Redaction]:
        """Those of the routes in use."""
        return self._router.program.redactions

    def try_routes(self, routes: ShadowRoutes | None) -> None:
        """Compare these routes with the live ones from the next batch on; None ends that."""
        with self._lock:
            self.shadow.use(routes, self._state)

    @property
    def silences(self) -> Silences:
        """Those in use."""
        return self._silences

    def report_faults(self, faults: Sequence[Fault], now_ns: int) -> None:
        """Report routes that failed at the owner of their memory. Raises Aborted as ``accept`` does."""
        with self._lock:
            entries = self._faults.report(faults, self._router.program, now_ns)
            deliveries = self._writer.store(Write(TIMERS, now_ns, entries), Batch(TIMERS, now_ns, ())) if entries else 0
        if deliveries:
            self._on_deliveries()

    def use_silences(self, silences: Silences) -> None:
        """Hold back what these silences match, from the next batch on. Called between two batches."""
        self._silences = silences
        self.shadow.use_silences(silences)

    def incidents(self) -> list[IncidentRecord]:
        """As in Router."""
        with self._lock:
            return self._router.incidents(self._state)

    def acknowledge(self, target: str, actor: str, now_ns: int) -> list[IncidentRecord]:
        """As in Router. Raises Aborted as ``accept`` does."""
        with self._lock:
            found, notifications = self._router.acknowledge(self._state, target, actor, now_ns)
            deliveries = self._store_memory(notifications, now_ns)
            self.shadow.offer_acknowledgement(target, actor, now_ns)
        if deliveries:
            self._on_deliveries()
        return found

    def resolve(self, target: str, actor: str, now_ns: int) -> list[IncidentRecord]:
        """As in Router. Raises Aborted as ``accept`` does."""
        with self._lock:
            found, notifications = self._router.resolve(self._state, target, actor, now_ns)
            deliveries = self._store_memory(notifications, now_ns)
            self.shadow.offer_resolve(target, actor, now_ns, notifications)
        if deliveries:
            self._on_deliveries()
        return found

    def memory_usage(self) -> tuple[ClauseUsage, ...]:
        """What the clauses with memory remember. Does not wait for a batch that is being stored."""
        return memory_usage(self._state)

    def next_timer(self) -> int | None:
        """When the next timer of a clause is due, in nanoseconds since the epoch; None if there is none."""
        with self._lock:
            self._follow_clock()
            return self._state.next_due()

    def fire_timers(self, now_ns: int, limit: int) -> None:
        """Fire up to ``limit`` timers that are due, and store what follows. Raises Aborted as ``accept`` does."""
        with self._lock:
            self._follow_clock()
            named: Collection[str] = ()
            silences = self._silences.acting(now_ns)
            if silences:
                named, limit = self._router.due_alerts(self._state, now_ns, limit, silences)
            timer = Timer(self._stored_alerts(named, silences.fields) if named else {}, limit)
            routed = self._router.step(self._state, timer, now_ns, silences)
            entries = self._failed((routed,), now_ns)
            memory = MemoryWrite(self._state.changes(), routed.notifications)
            deliveries = self._writer.store(Write(TIMERS, now_ns, entries, memory=memory), Batch(TIMERS, now_ns, ()))
            self.shadow.offer_timers(now_ns, routed.notifications)
        if deliveries:
            self._on_deliveries()

    def _failed(self, routed: Iterable[Routed], now_ns: int) -> list[Entry]:
        """Count and report what failed. Returns the health alerts to store."""
        faults: list[Fault] = []
        for each in routed:
            faults += each.faults
            decided = {decision.route for decision in each.decisions if decision.reason is Reason.FAILED}
            for fault in each.faults:
                if fault.route not in decided:
                    self.counts.decisions[fault.route, Reason.FAILED.value] += 1
        return self._faults.report(faults, self._router.program, now_ns)

    def _store_memory(self, notifications: Sequence[Notification], now_ns: int) -> int:
        """Store what changed without an alert. Returns how many deliveries were added."""
        memory = MemoryWrite(self._state.changes(), notifications)
        if memory == NO_MEMORY:
            return 0
        return self._writer.store(Write(TIMERS, now_ns, (), memory=memory), Batch(TIMERS, now_ns, ()))

    def _follow_clock(self) -> None:
        """Where the wall clock was set, move what the clauses with memory remember, before anything is decided."""
        step = self._timeline.take_step()
        if step is None:
            return
        rows = follow(self._state, step)
        self._log.warning("clock was set", seconds=step.seconds, rows=rows)
        self._store_memory((), step.now_ns)
        self.shadow.offer_clock_step(step)

    def abort(self) -> None:
        """Stop waiting for the disk: the deadline for stopping has been reached."""
        self._writer.abort()

    @property
    def blocked(self) -> str:
        """Why the journal accepts no writes at present; empty while it does."""
        return self._writer.blocked

    def _accept(self, batch: Batch) -> int:
        """Decide about the batch once, then store it. Returns how many deliveries were added."""
        router = self._router
        rejected = [RejectedMessage(each.reason, self._redact_raw(each.raw)) for each in batch.rejected]
        completed: Sequence[Alert] = batch.alerts
        if router.completes:
            completed = self._writer.isolating(completed, router.complete, batch.source_name, rejected)
        alerts, commands = self._without_material(completed, batch)
        return self._decide(batch, alerts, commands, rejected)

    def _without_material(self, completed: Sequence[Alert], batch: Batch) -> tuple[Sequence[Alert], Sequence[Alert]]:
        """The alerts that are no terminal material, with the commands that it finished; and these commands."""
        recorder = self._recorder
        concerned = [alert for alert in completed if concerns_terminals(alert)]
        if not concerned and (recorder is None or not recorder.has_finished):
            return completed, ()
        alerts = [alert for alert in completed if not is_material(alert)]
        observations = [] if recorder is None else recorder.receive(concerned)
        now_ns = min(batch.received_ns, self._timeline.now_ns())
        if len(alerts) < len(completed):
            self.counts.material[batch.source_name] += len(completed) - len(alerts)
            self.nodes.seen(batch.source_name, now_ns, completed)
        if recorder is None:
            return alerts, ()
        if observations:
            self.counts.add_observations(observations)
            self._writer.retrying(lambda: recorder.take(observations, now_ns), batch)
        commands = recorder.finished()
        return ([*alerts, *commands], commands) if commands else (alerts, ())

    def _decide(
        self, batch: Batch, alerts: Sequence[Alert], commands: Sequence[Alert], rejected: list[RejectedMessage]
    ) -> int:
        """Decide about alerts, some of which are commands, and store them. Returns how many deliveries were added."""
        router = self._router
        fresh = self._writer.retrying(lambda: self._alerts.unknown(alerts), batch)
        now_ns = min(batch.received_ns, self._timeline.now_ns())  # the clock may have been set back since
        started = time.perf_counter()
        silences = self._silences.acting(now_ns)
        stored = self._lookup(fresh, silences.fields) if silences else none_stored
        matched = router.match(fresh, now_ns)

        def route(alert: Alert) -> Entry:
            return router.route(self._state, alert, now_ns, silences, stored, matched)

        entries = self._writer.isolating(fresh, route, batch.source_name, rejected)
        if self._silences:
            self._judge(entries)
        reports: list[Entry] = []
        if any(entry.routed.faults for entry in entries):
            reports = self._failed([entry.routed for entry in entries], now_ns)
        decided_in = time.perf_counter() - started
        memory = MemoryWrite(self._state.changes())
        deliveries = self._writer.store(
            Write(batch.source_name, now_ns, [*entries, *reports], rejected, batch.checkpoint, memory, decided_in),
            batch,
        )
        if router.shared is not None and any(entry.matches for entry in entries):
            self._on_matches()
        self.shadow.offer(now_ns, fresh, entries)
        if self._recorder is not None:
            self._recorder.committed(commands)
        duplicates = len(alerts) - len(fresh)
        if duplicates:
            self.counts.add_duplicates(batch.source_name, now_ns, duplicates)
            self.nodes.seen(batch.source_name, now_ns, batch.alerts)
        return deliveries

    def _judge(self, entries: Iterable[Entry]) -> None:
        """Have silences judge what clauses with memory may name later, so that it need not be read then."""
        for entry in entries:
            if any(each.incident for each in entry.routed.decisions):
                self._silences.judge(entry.alert)

    def _lookup(self, batch: Sequence[Alert], fields: Collection[str]) -> StoredAlert:
        """A function from an alert's id to the alert, redacted: one of the batch, or a stored one with these fields."""
        received = {alert.id: alert for alert in batch}

        def stored(alert_id: str) -> Alert | None:
            if (alert := received.get(alert_id)) is not None:
                return self._router.redact(alert)
            try:
                return self._stored_alerts((alert_id,), fields).get(alert_id)
            except JournalError as error:
                self._log.warning("stored alert not read, counted as not silenced", error=str(error))
                return None

        return stored

    def _redact_raw(self, raw: bytes) -> bytes:
        """A message that cannot be routed, without secrets. What was typed is never stored."""
        return _MATERIAL_REMOVED if MATERIAL_MARK in raw else self._router.redact_raw(raw)
