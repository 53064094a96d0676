"""Assembles a bridge from a checked config, an open journal and prepared sources."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from structlog import get_logger

from bridge.common.clock import STEP_NS, SYSTEM_CLOCK, Clock, Step
from bridge.common.listening import ListeningSockets
from bridge.config.schema.config import Config
from bridge.daemon.fleet.joining import source_leases, watch_fleet
from bridge.daemon.fleet_memory import FleetMemory
from bridge.daemon.generation import Generation
from bridge.daemon.live import LiveGeneration, RunningParts
from bridge.daemon.member import runs_courier
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload import Reload
from bridge.daemon.run import BackgroundService, Bridge
from bridge.daemon.running_console import RunningConsole
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.secret_rotation import SecretRotation
from bridge.daemon.sources import OpenJournal, Prepared, prepare_source
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation
from bridge.journal.protocols import Journal
from bridge.journal.retention import RetentionPolicy
from bridge.language.program.clauses import clause_label
from bridge.operator.inspector import Inspector
from bridge.operator.running import RunningBridge
from bridge.operator.service import OperatorService
from bridge.pipeline.controls import Controls
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.heartbeat import Heartbeat, HeartbeatSettings
from bridge.pipeline.history_index import HistoryIndex
from bridge.pipeline.intake import Intake
from bridge.pipeline.journal_watch import JournalWatch
from bridge.pipeline.look_back import LookBackService
from bridge.pipeline.maintenance import JournalMaintenance
from bridge.pipeline.silence_announcer import SilenceAnnouncer
from bridge.pipeline.terminal.material_file import MaterialFile
from bridge.pipeline.terminal.recorder import TerminalRecorder
from bridge.pipeline.terminal.ticker import TerminalTicker
from bridge.pipeline.timers import Timers, load_state
from bridge.routing.memory.clock_steps import follow
from bridge.routing.state import State


@dataclass(frozen=True, slots=True)
class PreparedParts:
    """The parts of a bridge that need no journal."""

    sources: tuple[Prepared, ...]
    operator: OperatorListeners
    listening: ListeningSockets


def prepare(generation: Generation, listening: ListeningSockets) -> PreparedParts:
    """Set up what needs no journal. Raises SetupError."""
    config = generation.config
    sources = tuple(prepare_source(each, listening) for each in config.sources)
    return PreparedParts(sources, OperatorListeners(OperatorService(config, listening)), listening)


def assemble(generation: Generation, journal: Journal, parts: PreparedParts) -> tuple[Bridge, Reload]:
    """The bridge, ready to run, and its reload. Raises JournalError."""
    config = generation.config
    fleet = _fleet_memory(generation, journal)
    state = _state(generation, journal) if fleet is None else State()
    courier = CourierProcess(
        generation.courier_settings(), generation.loaded.secret_names, is_used=runs_courier(config)
    )
    clock = SYSTEM_CLOCK if journal.membership is None else journal.membership.clock
    on_duty = _on_duty(journal)

    def fail(fault: JournalError) -> None:
        bridge.fail(fault)

    intake = Intake(
        journal.alerts,
        generation.router,
        on_deliveries=courier.wake,
        on_matches=(lambda: None) if fleet is None else fleet.wake,
        on_fault=fail,
        state=state,
        stored_alerts=journal.history.alerts_of,
        clock=clock,
        recorder=_recorder(config),
    )
    _try_shadow(generation, journal, intake)
    open_journal = _open_journal(journal, intake)
    sources = RunningSources(config.sources, parts.sources, lambda prepared: prepared(open_journal))
    owned = () if fleet is None else fleet.attach(intake, courier.wake)
    owner = None if fleet is None else fleet.owner
    look_back = LookBackService(owner or intake, config.journal.location)
    if owner is not None:
        owner.on_loaded = look_back.again
    console = RunningConsole()
    console.use(generation)
    inspector = Inspector(
        config.journal.location, list(config.channels), intake, sources, courier, look_back.report,
        lambda: {"router": intake.traces.tracer.counts.values(), "courier": courier.span_counts.values()},
        lambda: intake.traces.tracer.problem, console.status,
    )  # fmt: skip
    if owner is not None:
        inspector.memory_usage = owner.memory_usage
    if journal.membership is not None:
        inspector.bridge_id = journal.membership.member.bridge
    controls = _controls(generation, journal, intake, clock, fleet)
    log = {"level": config.log.level, "format": config.log.format}
    index = HistoryIndex(config.journal.location, log, generation.loaded.secret_names)
    maintenance = JournalMaintenance(
        journal.maintenance, intake.between_batches, _retention(generation), clock, on_removed=index.removed,
        on_duty=partial(on_duty, "maintenance"), first_number=journal.history.first_number,
    )  # fmt: skip

    def use_routes(new: Generation) -> dict[str, int]:
        new.router.use_secret(journal.memory.secret())
        if fleet is not None:
            fleet.share(new.router)
            fleet.use_router(new.router)
        forgotten = intake.use_router(new.router, clock.wall_ns(), look_back=fleet is None)
        look_back.again()
        _try_shadow(new, journal, intake)
        if new.config.terminal != live.current.config.terminal:
            intake.use_recorder(_recorder(new.config), clock.wall_ns())
        controls.use_config(dict(new.config.labels), new.config.channels, _retention(new).alerts_ns)
        maintenance.use(_retention(new))
        inspector.channels = tuple(new.config.channels)
        bridge.drain_seconds = new.config.shutdown.drain.seconds
        return forgotten

    intake.traces.use(generation.trace_settings())
    running = RunningParts(
        sources, parts.operator, courier, parts.listening, use_routes, intake.traces.use, console.use
    )
    live = LiveGeneration(generation, running)
    reload = Reload(live, os.environ)
    parts.operator.attach(
        RunningBridge(
            inspector,
            controls,
            reload,
            lambda: [route.name for route in live.current.router.program.routes],
            lambda: live.current.loaded,
            courier.wake,
            courier.try_now,
        )
    )
    services: list[BackgroundService] = [
        *watch_fleet(generation, journal.membership, reload, controls.load_silences),
        *owned,
        parts.operator,
        maintenance,
        index,
        console,
        SecretRotation(live, os.environ, lambda problem: reload.note("secrets", problem)),
        reload,
        Timers(intake, clock),
        look_back,
        intake.shadow,
        TerminalTicker(intake),
        SilenceAnnouncer(controls.announce_silences, announces=lambda: on_duty("silences")),
        Heartbeat(
            lambda: _heartbeat(live.current) if on_duty("heartbeat") else None,
            intake.store_own,
            inspector.cannot_deliver,
        ),
        JournalWatch(journal.verify, fail),
        intake.traces,
    ]
    bridge = Bridge(
        journal, intake, sources, courier, services, config.shutdown.drain.seconds, on_stop=inspector.stop,
        in_fleet=journal.membership is not None,
    )  # fmt: skip
    return bridge, reload


def _controls(
    generation: Generation, journal: Journal, intake: Intake, clock: Clock, fleet: FleetMemory | None
) -> Controls:
    config = generation.config
    return Controls(
        intake, journal.memory, config.journal.location, dict(config.labels), config.channels,
        _retention(generation).alerts_ns, now_ns=clock.wall_ns, incidents=None if fleet is None else fleet.incidents,
    )  # fmt: skip


def _on_duty(journal: Journal) -> Callable[[str], bool]:
    """Whether this process does what only one of the bridges with this journal does."""
    membership = journal.membership
    return (lambda _duty: True) if membership is None else membership.is_duty


def _fleet_memory(generation: Generation, journal: Journal) -> FleetMemory | None:
    """The memory of a member of a fleet; None for a single bridge."""
    location = generation.config.journal.location
    if journal.membership is None or not isinstance(location, DatabaseLocation):
        return None
    generation.router.use_secret(journal.memory.secret())
    return FleetMemory(location, journal.membership, generation.router)


def _try_shadow(generation: Generation, journal: Journal, intake: Intake) -> None:
    """Compare the routes of ``shadow`` with the live ones from now on."""
    if generation.shadow.router is not None:
        generation.shadow.router.use_secret(journal.memory.secret())
    intake.try_routes(generation.shadow_routes())


def _open_journal(journal: Journal, intake: Intake) -> OpenJournal:
    """What is read of the journal for a source is read between two batches."""

    def checkpoint(source_name: str) -> Mapping[str, str]:
        found: dict[str, str] = {}

        def read() -> bool:
            found.update(journal.alerts.checkpoint(source_name))
            return False

        intake.between_batches(read)
        return found

    return OpenJournal(checkpoint, source_leases(journal.membership))


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


def _heartbeat(generation: Generation) -> HeartbeatSettings | None:
    settings = generation.config.heartbeat
    if settings is None or settings.channel is None:
        return None
    return HeartbeatSettings(settings.channel, settings.every.ns)


def _retention(generation: Generation) -> RetentionPolicy:
    retention = generation.config.journal.retention
    return RetentionPolicy(retention.alerts.ns, retention.deliveries.ns, retention.size.bytes)


def _state(generation: Generation, journal: Journal) -> State:
    """What the clauses with memory remember; logs which clauses no route has any more."""
    router = generation.router
    router.use_secret(journal.memory.secret())
    state = load_state(journal.memory)
    now_ns = time.time_ns()
    set_back_ns = journal.maintenance.latest_ns() - now_ns
    if set_back_ns > STEP_NS:  # what was stored later than now was stored before the clock was set back
        follow(state, Step(-set_back_ns, now_ns, now_ns))
    router.prepare_look_back(state, now_ns, recorded=bool(journal.history.span()))
    for clause, keys in router.start(state, now_ns).items():
        route, _, text = clause.partition("\n")
        get_logger("bridge").info("state forgotten", route=route, clause=clause_label(text), keys=keys)
    return state
