"""Owns partitions of a fleet's memory: loads their state, decides about their matches, and fires their timers.

The state of a partition is in memory, and each change of it is stored with what it caused. After a transaction that
failed, or whose partition was lost, it is loaded again; also where the session with the database was replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog

from bridge.alert import Alert
from bridge.common.clocks.clock import Clock, Step, Timeline
from bridge.journal import JournalError
from bridge.journal.partitions import Committed, Merging, Partitions, PartitionWrite, StoredMatch
from bridge.pipeline.counts import OwnerCounts
from bridge.pipeline.owner.calls import Calls
from bridge.pipeline.owner.partition import Deciding, OwnedPartition
from bridge.pipeline.owner.unknown_routes import UnknownRoutes
from bridge.pipeline.services.background import Background
from bridge.pipeline.services.look_back import ReplacedError
from bridge.routing.decision import Fault
from bridge.routing.memory.look_back import LookBack
from bridge.routing.memory_usage import ClauseUsage, memory_usage
from bridge.routing.router import Router
from bridge.routing.silences import Silences
from bridge.routing.state import KEYS_IN_ALL, State

_CHECK_SECONDS = 0.05
"""How often matches of other bridges are looked for."""
_FAULT_SECONDS = 1.0
_MATCHES = 200
"""How many matches of one partition are decided in a transaction: a busy key does not hold up the others."""
_LOADED_AT_ONCE = 4
_PREVIOUS_SECONDS = 60.0
"""How long matches under the previous routes may come, and the state of their clauses is kept."""

_Result = TypeVar("_Result")


class Leases(Protocol):
    """The partitions of this process: `bridge.journal.membership.Holding`."""

    @property
    def tokens(self) -> Mapping[str, int]:
        """The partitions that this process has, with the tokens of their leases."""

    @property
    def surplus(self) -> Collection[str]:
        """Those of them that it should give up."""

    def give_up(self, names: Collection[str]) -> None:
        """Let others have these."""


class Owner(Background):
    """Runs until it is closed. Its partitions are then given up with all that was decided stored."""

    def __init__(
        self,
        partitions: Partitions,
        leases: Leases,
        router: Router,
        clock: Clock,
        *,
        silences: Callable[[], Silences],
        on_deliveries: Callable[[], None],
        on_faults: Callable[[Sequence[Fault]], None],
        counts: OwnerCounts,
        looks_back: bool = True,
    ) -> None:
        """``router`` is shared between partitions. ``silences`` returns those that act. ``clock`` is the database's.

        ``looks_back`` is whether clauses that run for the first time look back, which the caller sees to.
        """
        super().__init__("owner")
        self._partitions = partitions
        self._leases = leases
        self._router = router
        self._previous: Router | None = None
        self._unknown_routes = UnknownRoutes()
        self._clock = clock
        self._timeline = Timeline(clock, follows_drift=True)
        self._steps_ns: int | None = None
        """The steps of the database's clock that the times of this owner contain; None before it loads anything."""
        self._unnoted_ns = 0
        """A step that was noticed and is not noted yet."""
        self._silences = silences
        self._on_deliveries = on_deliveries
        self._on_faults = on_faults
        self._owned: dict[int, OwnedPartition] = {}
        self._given_up: dict[int, int] = {}
        """Partitions that were given up, with the tokens that they had."""
        self._woken = threading.Event()
        self._next_router: list[Router] = []
        self._retire_ns = clock.monotonic_ns() + int(_PREVIOUS_SECONDS * 1e9)
        """When the previous router, and state that no route has any more, are forgotten."""
        self._looks_back = looks_back
        self._more = False
        self._calls = Calls(self._woken.set)
        self.on_loaded: Callable[[], None] = lambda: None
        """Called when partitions were loaded: their clauses may look back."""
        self._log = structlog.get_logger("owner")
        self.counts = counts

    @property
    def owned(self) -> Sequence[int]:
        """The partitions whose state is loaded. Callable from any thread."""
        return sorted(self._owned)

    def memory_usage(self) -> tuple[ClauseUsage, ...]:
        """What the clauses with memory remember in these partitions. Callable from any thread."""
        return memory_usage(*[each.state for each in self._owned.copy().values()])

    def wake(self) -> None:
        """There are matches or requests. Callable from any thread."""
        self._woken.set()

    def use_router(self, router: Router) -> None:
        """Decide with another router from the next turn on. State of clauses that it has too is kept."""
        self._next_router.append(router)
        self._woken.set()

    @property
    def is_busy(self) -> bool:
        """As in LookBackHost."""
        return self._more

    def begin_look_back(self, now_ns: int) -> LookBack | None:
        """As in LookBackHost."""
        return self._calls.run(
            lambda: self._router.look_back_in({each.number: each.state for each in self._owned.values()}, now_ns)
        )

    def step_look_back(self, found: LookBack, action: Callable[[State], _Result], _now_ns: int) -> _Result:
        """As in LookBackHost."""

        def run() -> _Result:
            owned = {id(each.state) for each in self._owned.values()}
            if self._router.engine is not found.engine or any(id(each) not in owned for each in found.states):
                raise ReplacedError
            return action(State())

        return self._calls.run(run)

    def close(self) -> None:
        """Decide about what is stored, then stop."""
        self._woken.set()
        super().close()
        self._partitions.close()

    def turn(self) -> bool:
        """Decide once about what waits. Returns whether more may wait. Raises JournalError."""
        if not self._partitions.begin():
            self._forget(self._owned)
        self._follow_clock()
        self._follow_router()
        loading = self._follow_leases()
        self._calls.take()
        if not self._owned:
            return loading
        now_ns = self._timeline.now_ns()
        deciding = Deciding(
            self._router, self._previous, self._silences(), self._alerts, now_ns, self._unknown_routes
        )  # fmt: skip
        for request in self._partitions.requests(list(self._owned)):
            self._owned[request.partition].answer(request, self._router, now_ns)
        waiting = self._matches()
        more = False
        total = keys = sum(each.state.size for each in self._owned.values())
        for number, part in self._owned.items():
            others = keys - part.state.size
            part.state.keys_in_all = keys_for(part.state.size, others, total)
            matches = waiting.get(number, ())
            if part.decide(matches, deciding):
                more |= len(matches) == _MATCHES or part.fire(now_ns, deciding)
            keys = others + part.state.size
        self._commit(now_ns)
        return more or loading

    def _run(self) -> None:
        while True:
            stopping = self._stop.is_set()
            try:
                self._more = self.turn()
                if self._more:
                    continue
                if stopping:
                    self._calls.close()
                    return
                self._woken.wait(_CHECK_SECONDS)
                self._woken.clear()
            except JournalError as error:
                self._log.warning("partitions unavailable", problem=str(error), again_seconds=_FAULT_SECONDS)
                self._forget(self._owned)
                if stopping:
                    self._calls.close()
                    return
                self._stop.wait(_FAULT_SECONDS)
            except Exception:  # noqa: BLE001  # the thread must not end
                self._log.exception("partitions failed", again_seconds=_FAULT_SECONDS)
                self._forget(self._owned)
                if stopping:
                    self._calls.close()
                    return
                self._stop.wait(_FAULT_SECONDS)

    def _follow_clock(self) -> None:
        """Where the clock of the database was set, move what is loaded. What is loaded later is moved then."""
        step = self._timeline.take_step()
        if step is not None:
            self._log.warning("clock was set", seconds=step.seconds)
            self._unnoted_ns += step.by_ns
        if not self._unnoted_ns or self._steps_ns is None:
            self._unnoted_ns = 0  # what is read at the first load contains it
            return
        steps_ns = self._partitions.add_step(self._steps_ns, self._unnoted_ns)
        by_ns, self._steps_ns, self._unnoted_ns = steps_ns - self._steps_ns, steps_ns, 0
        for part in self._owned.values():
            part.follow(self._moved(by_ns), steps_ns)

    def _moved(self, by_ns: int) -> Step:
        now_ns = self._timeline.now_ns()
        return Step(by_ns, now_ns, now_ns)

    def _follow_router(self) -> None:
        now_ns = self._timeline.now_ns()
        while self._next_router:
            self._previous, self._router = self._router, self._next_router.pop(0)
            self._unknown_routes.forget()
            self._retire_ns = self._clock.monotonic_ns() + int(_PREVIOUS_SECONDS * 1e9)
            for part in self._owned.values():
                self._begin(part.state, now_ns)
            self.on_loaded()
        if self._retire_ns and self._clock.monotonic_ns() >= self._retire_ns:
            self._previous, self._retire_ns = None, 0
            for part in self._owned.values():
                self._router.start(part.state, now_ns)

    def _follow_leases(self) -> bool:
        """Load and forget partitions as their leases change. Returns whether more are to be loaded."""
        tokens = {int(name): token for name, token in self._leases.tokens.items()}
        self._given_up = {number: token for number, token in self._given_up.items() if tokens.get(number) == token}
        wanted = {number: token for number, token in tokens.items() if number not in self._given_up}
        self._forget([each.number for each in self._owned.values() if wanted.get(each.number) != each.token])
        surplus = [int(each) for each in self._leases.surplus if int(each) in wanted]
        if surplus:
            self._forget(surplus)
            self._given_up |= {number: wanted.pop(number) for number in surplus}
            self._leases.give_up([str(number) for number in surplus])
        new = sorted(wanted.keys() - self._owned.keys())
        for number in new[:_LOADED_AT_ONCE]:
            self._load(number, wanted[number])
        if new:
            self.on_loaded()
        self.counts.partitions = len(self._owned)
        return len(new) > _LOADED_AT_ONCE

    def _load(self, number: int, token: int) -> None:
        state = State()
        for row in self._partitions.load(number):
            state.load(row.clause, row.key, row.row, row.due_ns)
        part = OwnedPartition(number, token, state)
        if self._steps_ns is None:
            self._steps_ns = self._partitions.steps()
        behind_ns = self._steps_ns - self._partitions.steps_of(number)
        if behind_ns:
            part.follow(self._moved(behind_ns), self._steps_ns)
        self._begin(state, self._timeline.now_ns())
        self._owned[number] = part
        self.counts.loaded += 1

    def _begin(self, state: State, now_ns: int) -> None:
        """The router decides with this state from now on. What it has no clauses for is kept while others may."""
        if self._router.shared is not None:
            state.use_limits(self._router.shared.limits)
        if self._looks_back:
            self._router.prepare_look_back(state, now_ns)
        if self._retire_ns:
            if self._router.engine is not None:
                self._router.engine.start(state, now_ns)
        else:
            self._router.start(state, now_ns)

    def _forget(self, numbers: Collection[int]) -> None:
        for number in list(numbers):
            self._owned.pop(number, None)

    def _matches(self) -> dict[int, list[StoredMatch]]:
        found: dict[int, list[StoredMatch]] = {}
        for each in self._partitions.matches(list(self._owned), _MATCHES):
            found.setdefault(each.partition, []).append(each)
        return found

    def _commit(self, now_ns: int) -> None:
        faults = [fault for part in self._owned.values() for fault in part.outcome.faults]
        found = [write for part in self._owned.values() if (write := part.take_write()) is not None]
        if not found:
            return
        tokens = {number: part.token for number, part in self._owned.items()}
        merging = Merging(self._router.may_merge, self._router.merged, self._timeline.now_ns)
        committed = self._partitions.commit(found, tokens, merging, now_ns)
        lost = [each.partition for each in found if each.partition not in committed.partitions]
        if lost:
            self._log.warning("partitions lost", partitions=lost)
            self._forget(lost)
        self._count([each for each in found if each.partition in committed.partitions], committed)
        if committed.deliveries or any(each.decisions for each in found):
            self._on_deliveries()
        if faults:
            self._on_faults(faults)

    def _count(self, writes: Sequence[PartitionWrite], committed: Committed) -> None:
        counts = self.counts
        counts.merged += committed.merged
        counts.not_merged += committed.apart
        for write in writes:
            counts.matches += len(write.consumed)
            for decisions in write.decisions.values():
                counts.decisions.update((each.route, each.reason.value) for each in decisions)
            counts.notifications.update(each.channel for _, each in write.about)
            counts.notifications.update(each.channel for each in write.notifications)

    def _alerts(self, ids: Collection[str]) -> dict[str, Alert]:
        try:
            return self._partitions.alerts(ids)
        except JournalError as error:
            self._log.warning("stored alert not read, counted as not silenced", error=str(error))
            return {}


def keys_for(size: int, others: int, total: int) -> int:
    """How many keys a partition of this size may have, where the other partitions of its owner have ``others``.

    ``total`` is how many all had before any of them decided. After a take-over they may have more than an owner may
    remember; then each is left with its share, so that no partition loses all.
    """
    return max(KEYS_IN_ALL - others, size * KEYS_IN_ALL // max(total, KEYS_IN_ALL))
