"""Assembles a bridge from a checked config, an open journal and prepared sources."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from bridge.common.net.listening import ListeningSockets
from bridge.daemon.assembly.engine import Engine, build_engine
from bridge.daemon.fleet.channel_tests import ChannelTests
from bridge.daemon.fleet.joining import channel_tests, watch_fleet
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import Generation
from bridge.daemon.reload.live import LiveGeneration, RunningParts
from bridge.daemon.reload.reload import Reload
from bridge.daemon.reload.secret_rotation import SecretRotation
from bridge.daemon.run import BackgroundService, Bridge
from bridge.daemon.running_console import RunningConsole
from bridge.daemon.running_sources import RunningSources
from bridge.daemon.sources import Prepared, prepare_source
from bridge.journal import JournalError
from bridge.journal.protocols import Journal
from bridge.journal.retention import RetentionPolicy
from bridge.operator.inspector import Inspector
from bridge.operator.operations.channel_test import test_and_resume
from bridge.operator.running import RunningBridge
from bridge.operator.service import OperatorService
from bridge.pipeline.controls.incidents import RunningIncidents
from bridge.pipeline.controls.journal_check import check_journal
from bridge.pipeline.controls.silences import RunningSilences
from bridge.pipeline.services.heartbeat import Heartbeat, HeartbeatSettings
from bridge.pipeline.services.history_index import HistoryIndex
from bridge.pipeline.services.journal_watch import JournalWatch
from bridge.pipeline.services.look_back import LookBackService
from bridge.pipeline.services.maintenance import JournalMaintenance
from bridge.pipeline.services.silence_announcer import SilenceAnnouncer
from bridge.pipeline.services.timers import Timers
from bridge.pipeline.terminal.ticker import TerminalTicker


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

    def fail(fault: JournalError) -> None:
        bridge.fail(fault)

    def use_rest(new: Generation) -> None:
        bridge.drain_seconds = new.config.shutdown.drain.seconds
        around.use(new, live.current)

    engine = build_engine(generation, journal, fail)
    around = _around(generation, engine, parts)
    running = RunningParts(
        around.sources, parts.operator, engine.courier, parts.listening, lambda new: engine.use_routes(new.router),
        use_rest, engine.intake.traces.use, around.console.use, partial(check_journal, engine.intake),
    )  # fmt: skip
    live = LiveGeneration(generation, running)
    reload = Reload(live, os.environ)
    tests = channel_tests(
        generation, journal.membership,
        lambda channel, actor: test_and_resume(live.current.loaded, channel, actor, engine.courier.try_now),
    )  # fmt: skip
    parts.operator.attach(_running_bridge(around, live, reload, tests))
    services: list[BackgroundService] = [
        *watch_fleet(generation, journal.membership, reload, around.silences.load_silences, tests),
        parts.operator,
        *around.services,
        SecretRotation(live, os.environ, lambda problem: reload.note("secrets", problem)),
        reload,
        _heartbeat(around, live),
        JournalWatch(journal.verify, fail),
    ]
    bridge = Bridge(
        journal, engine.intake, around.sources, engine.courier, services, generation.config.shutdown.drain.seconds,
        on_stop=around.inspector.stop, in_fleet=journal.membership is not None,
    )  # fmt: skip
    return bridge, reload


@dataclass(frozen=True, slots=True)
class _Around:
    """What works around the engine."""

    engine: Engine
    sources: RunningSources
    inspector: Inspector
    silences: RunningSilences
    incidents: RunningIncidents
    maintenance: JournalMaintenance
    look_back: LookBackService
    console: RunningConsole
    services: tuple[BackgroundService, ...]
    """Those that need no generation but the first."""

    def use(self, new: Generation, before: Generation) -> None:
        """Work with another generation, whose routes are used already."""
        self.look_back.again()
        self.engine.try_shadow(new)
        if new.config.terminal != before.config.terminal:
            self.engine.use_terminal(new.config)
        retention = _retention(new)
        self.silences.use_config(dict(new.config.labels), new.config.channels, retention.alerts_ns)
        self.maintenance.use(retention)
        self.inspector.channels = tuple(new.config.channels)


def _around(generation: Generation, engine: Engine, parts: PreparedParts) -> _Around:
    config, journal, intake, fleet = generation.config, engine.journal, engine.intake, engine.fleet
    open_journal = engine.open_journal()
    sources = RunningSources(config.sources, parts.sources, lambda prepared: prepared(open_journal))
    owned = () if fleet is None else fleet.attach(intake, engine.courier.wake)
    owner = None if fleet is None else fleet.owner
    look_back = LookBackService(owner or intake, config.journal.location)
    if owner is not None:
        owner.on_loaded = look_back.again
    console = RunningConsole()
    console.use(generation)
    log = {"level": config.log.level, "format": config.log.format}
    index = HistoryIndex(config.journal.location, log, generation.loaded.secret_names)
    maintenance = JournalMaintenance(
        journal.maintenance, intake.between_batches, _retention(generation), engine.clock, on_removed=index.removed,
        on_duty=partial(engine.on_duty, "maintenance"), first_number=journal.history.first_number,
    )  # fmt: skip
    silences = RunningSilences(
        intake, journal.memory, config.journal.location, dict(config.labels), config.channels,
        _retention(generation).alerts_ns, now_ns=engine.clock.wall_ns,
    )  # fmt: skip
    incidents = RunningIncidents(intake, engine.clock.wall_ns, None if fleet is None else fleet.incidents)
    announcer = SilenceAnnouncer(silences.announce_silences, announces=lambda: engine.on_duty("silences"))
    services: tuple[BackgroundService, ...] = (
        *owned, maintenance, index, console, Timers(intake, engine.clock), look_back, intake.shadow,
        TerminalTicker(intake), announcer, intake.traces,
    )  # fmt: skip
    inspector = _inspector(generation, engine, sources, look_back, console)
    return _Around(engine, sources, inspector, silences, incidents, maintenance, look_back, console, services)


def _inspector(
    generation: Generation, engine: Engine, sources: RunningSources, look_back: LookBackService, console: RunningConsole
) -> Inspector:
    config, intake, courier, fleet = generation.config, engine.intake, engine.courier, engine.fleet
    inspector = Inspector(
        config.journal.location, list(config.channels), intake, sources, courier, look_back.report,
        lambda: {"router": intake.traces.tracer.counts.values(), "courier": courier.span_counts.values()},
        lambda: intake.traces.tracer.problem, console.status,
    )  # fmt: skip
    if fleet is not None and fleet.owner is not None:
        inspector.memory_usage = fleet.owner.memory_usage
    if engine.bridge_id is not None:
        inspector.bridge_id = engine.bridge_id
    return inspector


def _running_bridge(around: _Around, live: LiveGeneration, reload: Reload, tests: ChannelTests | None) -> RunningBridge:
    """What an operator can see and change."""
    courier = around.engine.courier
    return RunningBridge(
        around.inspector,
        around.silences,
        around.incidents,
        reload,
        lambda: [route.name for route in live.current.router.program.routes],
        lambda: live.current.loaded,
        courier.wake,
        courier.try_now,
        None if tests is None else tests.ask,
    )


def _heartbeat(around: _Around, live: LiveGeneration) -> Heartbeat:
    def settings() -> HeartbeatSettings | None:
        heartbeat = live.current.config.heartbeat
        if heartbeat is None or heartbeat.channel is None or not around.engine.on_duty("heartbeat"):
            return None
        return HeartbeatSettings(heartbeat.channel, heartbeat.every.ns)

    return Heartbeat(settings, around.engine.intake.store_own, around.inspector.cannot_deliver)


def _retention(generation: Generation) -> RetentionPolicy:
    retention = generation.config.journal.retention
    return RetentionPolicy(retention.alerts.ns, retention.deliveries.ns, retention.size.bytes)
