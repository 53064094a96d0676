"""Assembles a bridge from its config and runs it, or reports why it cannot start."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from structlog import get_logger

from bridge.alert import Alert
from bridge.common.errors import SetupError
from bridge.common.log_setup import configure_logging
from bridge.daemon.exit_codes import CANNOT_START, INVALID
from bridge.daemon.generation import Generation, build_generation
from bridge.daemon.live import LiveGeneration
from bridge.daemon.reload import Reload
from bridge.daemon.run import BackgroundService, Bridge
from bridge.daemon.secret_rotation import SecretRotation
from bridge.daemon.signals import on_stop_signal
from bridge.daemon.sources import make_source
from bridge.journal import JournalError
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.retention import RetentionPolicy
from bridge.operator.inspector import Inspector
from bridge.operator.service import OperatorService, RunningBridge
from bridge.pipeline.controls import Controls
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.intake import Intake
from bridge.pipeline.journal_watch import JournalWatch
from bridge.pipeline.maintenance import JournalMaintenance
from bridge.pipeline.timers import Timers, load_state
from bridge.routing.state import State
from bridge.sources.contract import Source

_MAX_OPEN_FILES = 65_536


def run_bridge(config_path: Path) -> int:
    """Run until stopped. Returns the exit code."""
    built = build_generation(config_path, os.environ)
    _report(built.text())
    generation = built.generation
    if generation is None:
        return CANNOT_START if built.may_pass else INVALID
    config = generation.config
    configure_logging(config.log.level, config.log.format, generation.masked)
    _raise_file_limit()
    try:
        journal = open_for_router(config.journal.path)
        sources = [make_source(each, journal.alerts) for each in config.sources]
        operator = OperatorService(config)
        state = _state(generation, journal)
    except (JournalError, SetupError) as error:
        _report(f"falco-bridge: {error}\n")
        return CANNOT_START
    bridge = _assemble(generation, journal, state, sources, operator)
    on_stop_signal(bridge.stop)
    return bridge.run()


def _report(text: str) -> None:
    """Like the log, standard error may be on a full disk; that must not stop the bridge."""
    if text:
        with suppress(OSError):
            print(text, end="", file=sys.stderr, flush=True)  # noqa: T201


def _raise_file_limit() -> None:
    """Each followed file and each connection needs a descriptor; the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _state(generation: Generation, journal: Journal) -> State:
    """What the clauses with memory remember; logs which clauses no route has any more."""
    router = generation.router
    router.use_secret(journal.memory.secret())
    state = load_state(journal.memory)
    for clause, keys in router.start(state, time.time_ns()).items():
        route, _, text = clause.partition("\n")
        get_logger("bridge").info("state forgotten", route=route, clause=text, keys=keys)
    return state


def _assemble(
    generation: Generation, journal: Journal, state: State, sources: list[Source], operator: OperatorService
) -> Bridge:
    config = generation.config
    courier = CourierProcess(generation.courier_settings(), generation.loaded.secret_names)

    def fail(fault: JournalError) -> None:
        bridge.fail(fault)

    intake = Intake(
        journal.alerts,
        generation.router,
        on_deliveries=courier.wake,
        on_fault=fail,
        state=state,
        stored_alerts=lambda ids: _stored_alerts(journal, ids),
    )
    inspector = Inspector(config.journal.path, list(config.channels), intake, sources, courier)
    controls = Controls(intake, journal.memory, config.journal.path, dict(config.labels))
    maintenance = JournalMaintenance(journal.maintenance, intake.between_batches, _retention(generation))

    def use_routes(new: Generation) -> dict[str, int]:
        new.router.use_secret(journal.memory.secret())
        forgotten = intake.use_router(new.router, time.time_ns())
        controls.use_labels(dict(new.config.labels))
        maintenance.use(_retention(new))
        inspector.channels = tuple(new.config.channels)
        return forgotten

    live = LiveGeneration(generation, sources, courier, operator, use_routes)
    reload = Reload(live, os.environ)
    operator.attach(
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
        operator,
        maintenance,
        SecretRotation(live, os.environ),
        reload,
        Timers(intake),
        JournalWatch(journal.verify, fail),
    ]
    bridge = Bridge(journal, intake, sources, courier, services, config.shutdown.drain.seconds, on_stop=inspector.stop)
    return bridge


def _stored_alerts(journal: Journal, ids: Iterable[str]) -> dict[str, Alert]:
    found = (journal.history.alert(each) for each in ids)
    return {each.alert.id: each.alert for each in found if each is not None}


def _retention(generation: Generation) -> RetentionPolicy:
    retention = generation.config.journal.retention
    return RetentionPolicy(retention.alerts.ns, retention.deliveries.ns, retention.size.bytes)
