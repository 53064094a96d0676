"""Puts a bridge together from its config, or says in sentences why it cannot."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import msgspec

from bridge.common.errors import SetupError
from bridge.common.log_setup import configure_logging
from bridge.common.masking import secrets_in
from bridge.config.load import Config, read_config
from bridge.config.sources import HttpSettings
from bridge.daemon.channel_check import check_channels
from bridge.daemon.run import BackgroundService, Bridge
from bridge.daemon.secret_watch import SecretWatch
from bridge.daemon.signals import on_stop_signal
from bridge.daemon.sources import make_source, renew_guards
from bridge.journal import JournalError
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.render import render_text
from bridge.operator.inspector import Inspector
from bridge.operator.service import OperatorService, RunningBridge
from bridge.pipeline.courier_process import CourierProcess
from bridge.pipeline.intake import Intake
from bridge.pipeline.maintenance import JournalMaintenance
from bridge.routing.router import Router
from bridge.sources.contract import Source
from bridge.workbench.routes import load_routes
from bridge.workbench.unsupported import unsupported_clauses

_MOST_OPEN = 65_536
NOT_STARTED = 2
"""Exit code: something is wrong with the config, the routes or the journal."""


def run_bridge(config_path: Path) -> int:
    """Run until stopped; returns the exit code."""
    config, problems = read_config(config_path, os.environ)
    if config is None:
        return _refuse(*(problem.text() for problem in problems))
    configure_logging(config.log.level, config.log.form, _secrets(config))
    problems = check_channels(config, problems)
    _refuse(*(problem.text() for problem in problems))
    # Without channels, every route would be wrong too.
    router = _router(config) if config.channel_lines else None
    if problems or router is None:
        return NOT_STARTED
    _open_many_files()
    try:
        journal = open_for_router(config.journal)
        sources = [make_source(each, journal.alerts) for each in config.sources]
        operator = OperatorService(config)
    except (JournalError, SetupError) as error:
        return _refuse(str(error))
    return _run(config, router, journal, sources, operator)


def _open_many_files() -> None:
    """A file for each that is followed, a socket for each sender: more than the usual 1,024, where we may."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_OPEN if most == resource.RLIM_INFINITY else min(most, _MOST_OPEN)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _run(config: Config, router: Router, journal: Journal, sources: list[Source], operator: OperatorService) -> int:
    courier = CourierProcess(_courier_settings(config), config.secret_names)
    current = config
    hidden = _secrets(config)

    def take_over(changed: Config) -> None:
        """Secrets that were rotated; the old ones stay hidden, for they may still be valid."""
        nonlocal current, hidden
        other_urls = changed.channels != current.channels
        current, hidden = changed, hidden | _secrets(changed)
        configure_logging(config.log.level, config.log.form, hidden)
        renew_guards(sources, changed.sources)
        operator.rotate(changed)
        if other_urls:
            courier.replace(_courier_settings(changed))

    bridge: Bridge | None = None

    def fail(fault: JournalError) -> None:
        if bridge is not None:
            bridge.fail(fault)

    intake = Intake(journal.alerts, router, on_deliveries=courier.wake, on_fault=fail)
    inspector = Inspector(config.journal, list(config.channels), intake, sources, courier)
    routes = [route.name for route in router.program.routes]
    operator.attach(RunningBridge(inspector, routes, lambda: current, courier.wake, courier.try_now))
    doors: list[BackgroundService] = [operator]
    doors.append(JournalMaintenance(journal.maintenance, intake.between_batches, config.keep))
    bridge = Bridge(journal, intake, sources, courier, doors, config.drain_seconds)

    def stop() -> None:
        inspector.stop()
        bridge.stop()

    on_stop_signal(stop)
    watch = SecretWatch(config, os.environ, take_over)
    watch.start()
    try:
        return bridge.run()
    finally:
        watch.stop()


def _courier_settings(config: Config) -> dict[str, object]:
    return {
        "journal": str(config.journal),
        "channels": {name: secret.reveal() for name, secret in config.channels.items()},
        "options": msgspec.to_builtins(config.channel_options),
        "labels": dict(config.labels),
        "allow": config.allowed.as_settings(),
        "log": {"level": config.log.level, "format": config.log.form},
    }


def _router(config: Config) -> Router | None:
    """The checked program, compiled. Prints its diagnostics; None if it has errors."""
    known = Known(frozenset(config.channel_lines), frozenset(config.labels))
    loaded = load_routes(config.routes, known)
    if loaded.checked.diagnostics:
        print(render_text(loaded.checked.diagnostics, loaded.sources), end="", file=sys.stderr)  # noqa: T201
    program = loaded.checked.program
    if program is None:
        return None
    unsupported = unsupported_clauses(program)
    _refuse(*unsupported)
    return None if unsupported else loaded.router(config.labels)


def _secrets(config: Config) -> frozenset[str]:
    ours = {part for secret in config.channels.values() for part in secrets_in(secret.reveal())}
    for source in config.sources:
        if isinstance(source, HttpSettings):
            ours |= {secret.reveal() for secret in (source.path, source.token) if secret.reveal()}
    if config.metrics is not None and config.metrics.token.reveal():
        ours.add(config.metrics.token.reveal())
    return frozenset(ours)


def _refuse(*sentences: str) -> int:
    for sentence in sentences:
        print(f"falco-bridge: {sentence}", file=sys.stderr)  # noqa: T201
    return NOT_STARTED
