"""The engine of a bridge: what takes alerts, decides, and hands deliveries to the courier."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from structlog import get_logger

from bridge.common.clocks.clock import STEP_NS, SYSTEM_CLOCK, Clock, Step
from bridge.config.schema.config import Config
from bridge.daemon.fleet.joining import source_leases
from bridge.daemon.fleet.member import runs_courier
from bridge.daemon.fleet.memory import FleetMemory
from bridge.daemon.reload.generation import Generation
from bridge.daemon.sources import OpenJournal
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.protocols import Journal
from bridge.language.program.clauses import clause_label
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.intake import Intake
from bridge.pipeline.services.timers import load_state
from bridge.pipeline.terminal.material_file import MaterialFile
from bridge.pipeline.terminal.recorder import TerminalRecorder
from bridge.routing.memory.clock_steps import follow
from bridge.routing.router import Router
from bridge.routing.state import State


@dataclass(frozen=True, slots=True)
class Engine:
    """The journal and the parts that write to it."""

    journal: Journal
    intake: Intake
    courier: CourierProcess
    fleet: FleetMemory | None
    """The memory of a member of a fleet; None for a single bridge."""
    clock: Clock
    secret: bytes
    """Of the hashes of keys. Read once: a reload must not use the session of the journal beside the intake."""

    @property
    def bridge_id(self) -> str | None:
        """Names this bridge in its fleet; None for a single bridge."""
        membership = self.journal.membership
        return None if membership is None else membership.member.bridge

    def on_duty(self, duty: str) -> bool:
        """Whether this process does what only one of the bridges with this journal does."""
        membership = self.journal.membership
        return membership is None or membership.is_duty(duty)

    def open_journal(self) -> OpenJournal:
        """What sources use of the journal. It is read between two batches."""

        def checkpoint(source_name: str) -> Mapping[str, str]:
            found: dict[str, str] = {}

            def read() -> bool:
                found.update(self.journal.alerts.checkpoint(source_name))
                return False

            self.intake.between_batches(read)
            return found

        return OpenJournal(checkpoint, source_leases(self.journal.membership))

    def use_routes(self, router: Router) -> dict[str, int]:
        """Decide with other routes. Returns the clauses that are forgotten, with their number of keys."""
        router.use_secret(self.secret)
        if self.fleet is not None:
            self.fleet.share(router)
            self.fleet.use_router(router)
        return self.intake.use_router(router, self.clock.wall_ns(), look_back=self.fleet is None)

    def try_shadow(self, generation: Generation) -> None:
        """Compare the routes of ``shadow`` with the live ones from now on."""
        if generation.shadow.router is not None:
            generation.shadow.router.use_secret(self.secret)
        self.intake.try_routes(generation.shadow_routes())

    def use_terminal(self, config: Config) -> None:
        """Record typed commands as the config says."""
        self.intake.use_recorder(_recorder(config), self.clock.wall_ns())


def build_engine(generation: Generation, journal: Journal, on_fault: Callable[[JournalError], None]) -> Engine:
    """The engine, with what its clauses remember. Raises JournalError."""
    config, secret = generation.config, journal.memory.secret()
    generation.router.use_secret(secret)
    fleet = _fleet_memory(generation, journal)
    clock = SYSTEM_CLOCK if journal.membership is None else journal.membership.clock
    courier = CourierProcess(
        generation.courier_settings(), generation.loaded.secret_names, is_used=runs_courier(config)
    )
    intake = Intake(
        journal.alerts,
        generation.router,
        on_deliveries=courier.wake,
        on_matches=(lambda: None) if fleet is None else fleet.wake,
        on_fault=on_fault,
        state=_state(generation, journal) if fleet is None else State(),
        stored_alerts=journal.history.alerts_of,
        clock=clock,
        recorder=_recorder(config),
    )
    intake.traces.use(generation.trace_settings())
    engine = Engine(journal, intake, courier, fleet, clock, secret)
    engine.try_shadow(generation)
    return engine


def _fleet_memory(generation: Generation, journal: Journal) -> FleetMemory | None:
    """The memory of a member of a fleet; None for a single bridge."""
    location = generation.config.journal.location
    if journal.membership is None or not isinstance(location, DatabaseLocation):
        return None
    return FleetMemory(location, journal.membership, generation.router)


def _state(generation: Generation, journal: Journal) -> State:
    """What the clauses with memory remember; logs which clauses no route has any more."""
    router = generation.router
    state = load_state(journal.memory)
    now_ns = time.time_ns()
    set_back_ns = journal.maintenance.latest_ns() - now_ns
    if set_back_ns > STEP_NS:  # what was stored later than now was stored before the clock was set back
        follow(state, Step(-set_back_ns, now_ns, now_ns))
    router.prepare_look_back(state, now_ns, recorded=bool(journal.history.span()))
    for clause, keys in router.start(state, now_ns).items():
        route, _, text = clause.partition("\n")
        get_logger("bridge").info("clause state removed", route=route, clause=clause_label(text), keys=keys)
    return state


def _recorder(config: Config) -> TerminalRecorder | None:
    """The terminals, as they were at the end of the previous run. None if commands are off; material is removed."""
    journal = config.journal.path
    socket = config.admin.socket
    key_folder = journal.parent if socket is None else Path(socket).parent
    file = MaterialFile(journal.with_name(f"{journal.name}.terminal"), key_folder / f"{journal.name}.terminal.key")
    recorder = TerminalRecorder(file)
    if config.terminal == "off":
        recorder.remove()
        return None
    recorder.load()
    return recorder
