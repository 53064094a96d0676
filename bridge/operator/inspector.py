"""The state of a running bridge, read on request for status and metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.delivery import Circuit, Health
from bridge.history.index.folder import IndexFolder
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation, Location, files_of
from bridge.journal.members import CHANNEL, FleetLag, MemberRecord
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from bridge.operator.model.status import ConsoleStatus
from bridge.pipeline.counts import Counts
from bridge.pipeline.nodes import Nodes
from bridge.pipeline.services.look_back import LookBackReport
from bridge.pipeline.shadow.shadow import ShadowReport
from bridge.routing.memory_usage import ClauseUsage
from bridge.sources.contract import Source, SourceState

_MOST_COUNTED = 100_000
_WAL_SUFFIX = "-wal"


class IntakeState(Protocol):
    """The parts of the intake that are inspected."""

    @property
    def counts(self) -> Counts:
        """As in Intake."""

    @property
    def nodes(self) -> Nodes:
        """As in Intake."""

    @property
    def blocked(self) -> str:
        """As in Intake."""

    def memory_usage(self) -> tuple[ClauseUsage, ...]:
        """As in Intake."""

    @property
    def shadow(self) -> InspectedShadow:
        """The routes that are tried beside the live ones."""


class InspectedShadow(Protocol):
    """The part of the shadow that is inspected."""

    def report(self) -> ShadowReport | None:
        """As in Shadow."""


class InspectedCourier(Protocol):
    """The parts of the courier process that are inspected."""

    @property
    def is_used(self) -> bool:
        """Whether this bridge delivers."""

    @property
    def restarts(self) -> int:
        """Restarts since the bridge started."""

    @property
    def pid(self) -> int | None:
        """Its process id, or None while it does not run."""


@dataclass(frozen=True, slots=True)
class JournalSnapshot:
    """What status and metrics show of the journal."""

    quarantined: int
    waiting: Mapping[str, int]
    """Deliveries not sent yet, by channel, counted up to 100,000."""
    health: Mapping[str, Health]
    dead: Mapping[str, int]
    """Dead letters by channel."""
    unreadable: int
    """How many of them could not be read."""


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """What status and metrics show of a fleet."""

    bridge: str
    """This bridge."""
    members: Sequence[MemberRecord]
    lag: FleetLag


class Inspector:
    """Reads the state of one running bridge. Callable from any thread."""

    def __init__(
        self,
        journal: Location,
        channels: Sequence[str],
        intake: IntakeState,
        sources: Iterable[Source],
        courier: InspectedCourier,
        look_back: Callable[[], LookBackReport | None] = lambda: None,
        spans: Callable[[], Mapping[str, Mapping[str, int]]] = dict,
        trace_problem: Callable[[], str] = str,
        console: Callable[[], ConsoleStatus | None] = lambda: None,
    ) -> None:
        """``look_back`` returns how far the look-back at recorded alerts is; None while there is none.

        ``spans`` returns how many spans each process exported, dropped and could not export, ``trace_problem`` why they
        cannot be exported at present. ``console`` returns how the console is doing; None while there is none.
        """
        self.started_ns = time.time_ns()
        self.channels = tuple(channels)
        self.bridge_id = ""
        """The name of this bridge in its fleet; empty without one."""
        self._location = journal
        self._index = IndexFolder(files_of(journal))
        self._intake = intake
        self._sources = sources
        self._courier = courier
        self.look_back = look_back
        self.spans = spans
        self.trace_problem = trace_problem
        self.console = console
        self.memory_usage = intake.memory_usage
        """What the clauses with memory remember. Callable from any thread."""
        self._stopping = False
        self._journal: Journal | None = None
        self._lock = threading.Lock()

    @property
    def counts(self) -> Counts:
        """Counters of alerts and decisions since the start."""
        return self._intake.counts

    @property
    def nodes(self) -> Nodes:
        """Nodes, and what their Falcos dropped."""
        return self._intake.nodes

    @property
    def blocked(self) -> str:
        """Why the journal cannot be written; empty while it can."""
        return self._intake.blocked

    def shadow(self) -> ShadowReport | None:
        """What the routes of ``shadow`` would have sent; None without any."""
        return self._intake.shadow.report()

    @property
    def courier_is_used(self) -> bool:
        """Whether this bridge delivers."""
        return self._courier.is_used

    @property
    def courier_restarts(self) -> int:
        """Restarts of the courier since the bridge started."""
        return self._courier.restarts

    @property
    def courier_pid(self) -> int | None:
        """The courier's process id, or None while it does not run."""
        return self._courier.pid

    def stop(self) -> None:
        """The bridge is stopping and is not ready from now on."""
        self._stopping = True

    def not_ready(self) -> str:
        """Why the bridge should not be sent alerts; empty while it is ready."""
        if self._stopping:
            return "the bridge is stopping"
        if self.blocked:
            return "the journal cannot be written"
        return "" if self.courier_pid or not self._courier.is_used else "the courier is restarting"

    def cannot_deliver(self, channel: str) -> str:
        """Why a message to the channel would not be sent at once; empty if nothing is known."""
        snapshot = self.journal_snapshot()
        if snapshot is None:
            return "the journal cannot be read"
        health = snapshot.health.get(channel)
        failing = health is not None and health.circuit is not Circuit.CLOSED
        return f"channel {channel} fails" if failing else self.not_ready()

    def damage(self) -> str:
        """What of the journal cannot be read; empty if nothing is known. The bridge is still ready."""
        snapshot = self.journal_snapshot()
        if snapshot is None or not snapshot.unreadable:
            return ""
        noun = "delivery" if snapshot.unreadable == 1 else "deliveries"
        return f"the journal is damaged: {snapshot.unreadable} {noun} could not be read"

    def sources(self) -> list[SourceState]:
        """The state of each source, and of each Falco behind it."""
        return [state for source in self._sources for state in source.state()]

    def journal_bytes(self) -> dict[str, int]:
        """Sizes of the journal's files: ``journal`` and ``wal``; of a database, ``journal`` is what its rows take."""
        if isinstance(self._location, DatabaseLocation):
            return self._database_bytes()
        paths = {"journal": self._location, "wal": self._location.with_name(self._location.name + _WAL_SUFFIX)}
        return {name: path.stat().st_size for name, path in paths.items() if path.exists()}

    def _database_bytes(self) -> dict[str, int]:
        with self._lock:
            try:
                journal = self._journal = self._journal or open_to_read(self._location)
                return {"journal": journal.maintenance.used_bytes()}
            except JournalError:
                return {}

    def index_lag(self) -> int | None:
        """How many alerts are not in the history's index yet; None if there is no index or it cannot be read."""
        with self._lock:
            if not self._index.path.is_dir():
                return None
            try:
                journal = self._journal = self._journal or open_to_read(self._location)
                history = journal.history
                return self._index.lag(range(history.first_number(), history.span().stop))
            except JournalError:
                return None

    def fleet(self) -> FleetSnapshot | None:
        """The fleet of this bridge; None without one, or if the journal cannot be read at the moment."""
        if not self.bridge_id:
            return None
        with self._lock:
            try:
                journal = self._journal = self._journal or open_to_read(self._location)
                return FleetSnapshot(self.bridge_id, tuple(journal.members()), journal.lag())
            except JournalError:
                return None

    def courier_of(self, channel: str) -> str:
        """The bridge of the fleet that delivers to the channel; empty if none does, or that cannot be read."""
        fleet = self.fleet()
        members = () if fleet is None else fleet.members
        return next((each.bridge for each in members if channel in each.leases.get(CHANNEL, ())), "")

    def journal_snapshot(self) -> JournalSnapshot | None:
        """None if the journal cannot be read at the moment."""
        with self._lock:
            try:
                # Opened once, because each opening checks the journal.
                journal = self._journal = self._journal or open_to_read(self._location)
                waiting = {name: journal.deliveries.waiting(name, _MOST_COUNTED) for name in self.channels}
                quarantined = journal.history.quarantined_count()
                health, dead = journal.deliveries.health(), journal.dead_letters.counts()
                return JournalSnapshot(quarantined, waiting, health, dead, journal.dead_letters.unreadable_count())
            except JournalError:
                return None
