"""``falco-bridge doctor``: finds out why alerts do not arrive, do not match or are not delivered."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.span import add_span, read_span
from bridge.common.files.presence import is_folder
from bridge.journal.location import Location

if TYPE_CHECKING:
    from bridge.cli.arguments.span import Span
    from bridge.config.load import LoadedConfig
    from bridge.config.schema.config import Config
    from bridge.language.checker.check import Checked
    from bridge.language.program.program import Program
    from bridge.workbench.doctor.finding import Finding
    from bridge.workbench.doctor.survey import Survey

_MOST_ALERTS = 50_000


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="find out why alerts do not arrive, do not match or are not delivered",
        description="Checks config, sources, routes, channels, clocks, disk, and a database with its fleet. Uses the "
        "running bridge, if there is one, and the newest alerts of the journal. Shows each problem with a remedy, and "
        "changes nothing. Exits with 0, with 1 if there is a problem, or with 2 on an error.",
        example="falco-bridge doctor --config falco-bridge.yaml",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", required=True, help="the config that the bridge runs with"
    )
    add_span(parser, "7d")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine and print; returns the exit code."""
    from bridge.workbench.doctor.finding import Gravity

    span = read_span(args)
    if span is None:
        return 2
    findings = list(_findings(args.config, span))
    print(_json(findings) if args.json else _page(findings))
    return 1 if any(each.gravity is Gravity.PROBLEM for each in findings) else 0


def _findings(path: Path, span: Span) -> Iterator[Finding]:
    from datetime import UTC, datetime

    from bridge.config.load import load_config
    from bridge.workbench.doctor.certificates import certificate_files, certificates
    from bridge.workbench.doctor.examine import disk
    from bridge.workbench.doctor.fleet import keys

    loaded = load_config(path, os.environ)
    yield from _config(loaded)
    if loaded.config is None:
        return
    shared, fleet_subjects = _shared(loaded.config)
    yield from (each for each in _bridge(loaded, loaded.config) if each.subject not in fleet_subjects)
    yield from shared
    yield from certificates(certificate_files(loaded.config), datetime.now(UTC))
    room = _disk(loaded.config)
    if room is not None:
        yield from disk(room)
    checked = _checked_routes(loaded.config)
    yield from _routes(checked, path)
    if checked.program is not None:
        if loaded.config.roles:
            yield from keys(checked.program)
        yield from _history(loaded.config, checked.program, span)


def _config(loaded: LoadedConfig) -> Iterator[Finding]:
    """Whether ``check`` finds errors."""
    from bridge.daemon.checks.channel_check import check_channels
    from bridge.daemon.checks.tls_check import check_tls
    from bridge.language.diagnostics.diagnostic import Severity
    from bridge.workbench.doctor.finding import Finding, Gravity

    found = [*loaded.diagnostics, *check_channels(loaded), *check_tls(loaded)]
    errors = [each for each in found if each.severity is Severity.ERROR]
    if errors:
        text = f"{len(errors)} error{'s' * (len(errors) > 1)}, the first: {errors[0].message}"
        yield Finding(Gravity.PROBLEM, "config", text, f"falco-bridge check --config {loaded.source.path}")
    else:
        yield Finding(Gravity.OK, "config", "it has no errors")


def _routes(checked: Checked, path: Path) -> Iterator[Finding]:
    """Whether the route files have errors."""
    from bridge.language.diagnostics.diagnostic import Severity
    from bridge.workbench.doctor.finding import Finding, Gravity

    errors = [each for each in checked.diagnostics if each.severity is Severity.ERROR]
    if errors:
        first = errors[0]
        text = f"{len(errors)} error{'s' * (len(errors) > 1)}, the first in {first.span.path}:{first.span.line}: "
        yield Finding(Gravity.PROBLEM, "routes", text + first.message, f"falco-bridge check --config {path}")


def _bridge(loaded: LoadedConfig, config: Config) -> Iterator[Finding]:
    """What the running bridge reports; without one, whether Falco could be reached."""
    from bridge.config.schema.sources import GrpcSettings
    from bridge.operator.client import AdminClient, AdminError, NotRunningError
    from bridge.operator.model.status import Status
    from bridge.workbench.doctor.falco_sockets import falco_sockets
    from bridge.workbench.doctor.finding import Finding, Gravity

    try:
        assert config.admin.socket is not None, "the default is filled in"
        status = AdminClient(config.admin.socket).get("/api/v1/status", Status)
    except AdminError as error:
        if isinstance(error, NotRunningError):
            yield _not_running(loaded, str(error))
        else:
            yield Finding(Gravity.PROBLEM, "bridge", str(error))
        targets = [each.target for source in config.sources if isinstance(source, GrpcSettings) for each in source.grpc]
        yield from falco_sockets(targets)
        return
    for each in status.problems:
        yield Finding(Gravity.PROBLEM, each.subject, each.text, each.remedy)
    if not status.problems:
        yield Finding(Gravity.OK, "bridge", "it runs, and reports no problem")


def _not_running(loaded: LoadedConfig, text: str) -> Finding:
    """With what would keep it from starting on this machine."""
    from bridge.daemon.checks.start_check import check_start
    from bridge.workbench.doctor.finding import Finding, Gravity

    path, problems = loaded.source.path, check_start(loaded)
    if not problems:
        return Finding(Gravity.PROBLEM, "bridge", text, f"start it: falco-bridge --config {path}")
    text += f"; it could not start here: {problems[0].message}"
    return Finding(Gravity.PROBLEM, "bridge", text, f"falco-bridge check --config {path}")


def _shared(config: Config) -> tuple[list[Finding], frozenset[str]]:
    """What the database shows of itself and of the fleet; and the subjects of a status that this says already."""
    from bridge.journal import JournalError
    from bridge.journal.members import FleetLag
    from bridge.journal.opening import open_to_read
    from bridge.operator.inspector import FleetSnapshot
    from bridge.operator.operations.fleet import fleet_problems, fleet_status
    from bridge.workbench.doctor import fleet
    from bridge.workbench.doctor.finding import Finding, Gravity

    if config.journal.url is None:
        return [], frozenset()
    try:
        journal = open_to_read(config.journal.location)
        try:
            facts, members = journal.database_facts(), journal.members()
        finally:
            journal.close()
    except JournalError as error:
        return [Finding(Gravity.PROBLEM, "database", str(error), "see docs/postgresql.md")], frozenset()
    assert facts is not None, "it is a database"
    snapshot = fleet_status(FleetSnapshot("", members, FleetLag()))
    reported = [Finding(Gravity.PROBLEM, each.subject, each.text, each.remedy) for each in fleet_problems(snapshot)]
    shared = fleet.fleet(members, config.channels, facts, reported) if config.roles else ()
    return [*fleet.database(facts), *shared], frozenset({"fleet", *(f"bridge {each.bridge}" for each in members)})


def _disk(config: Config) -> Any:
    import shutil

    from bridge.workbench.doctor.examine import Disk

    folder = config.journal.path.parent
    if not is_folder(folder):
        return None
    usage = shutil.disk_usage(folder)
    if config.journal.url is not None:
        return Disk(usage.free, usage.total, 0, 0)
    files = (config.journal.path, config.journal.path.with_name(config.journal.path.name + "-wal"))
    size = sum(map(_size, files))
    return Disk(usage.free, usage.total, size, config.journal.retention.size.bytes)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _checked_routes(config: Config) -> Checked:
    from bridge.config.load import route_files, route_groups
    from bridge.language.checker.scope import Known
    from bridge.workbench.routes import load_routes

    known = Known(frozenset(config.channels), frozenset(config.labels), groups=route_groups(config.routes))
    return load_routes(route_files(config.routes), known).checked


def _history(config: Config, program: Program, span: Span) -> Iterator[Finding]:
    """What the newest alerts show."""
    import time

    from bridge.common.clocks.durations import duration_text
    from bridge.journal import JournalError
    from bridge.journal.errors import NoJournalError
    from bridge.workbench.doctor import examine
    from bridge.workbench.doctor.finding import Finding, Gravity

    now_ns = min(time.time_ns(), span.until_ns or time.time_ns())
    try:
        found = _survey(config.journal.location, span)
    except NoJournalError as error:
        yield Finding(Gravity.WARNING, "journal", f"it cannot be read: {error}", "start the bridge once")
        return
    except JournalError as error:
        yield Finding(Gravity.PROBLEM, "journal", f"it cannot be read: {error}")
        return
    shown = duration_text((now_ns - (span.since_ns or 0)) / 1e9)
    yield from examine.alerts_arrive(found, now_ns, shown)
    yield from examine.clocks(found)
    yield from examine.fields(program, found)
    yield from examine.routes_fire(program, found, shown)
    yield from examine.typed_commands(program, found)


def _survey(location: Location, span: Span) -> Survey:
    from bridge.journal.opening import open_to_read
    from bridge.workbench.doctor.survey import survey

    journal = open_to_read(location)
    try:
        numbers = journal.history.span(span.since_ns, span.until_ns)
        return survey(journal.history.read(numbers[-_MOST_ALERTS:]))
    finally:
        journal.close()


def _page(findings: list[Finding]) -> str:
    from bridge.cli.printing.table import styled
    from bridge.workbench.doctor.finding import Gravity

    styles = {Gravity.PROBLEM: "bold red", Gravity.WARNING: "yellow", Gravity.OK: "green"}
    order = list(Gravity)
    lines: list[str] = []
    for each in sorted(findings, key=lambda each: order.index(each.gravity)):
        lines.append(f"{styled(f'{each.gravity.value:<7}', styles[each.gravity])}  {each.subject}: {each.text}")
        if each.remedy:
            lines.append(f"{'':9}→ {each.remedy}")
        lines += [f"{'':11}{line}" for line in each.lines]
    return "\n".join(lines)


def _json(findings: list[Finding]) -> str:
    import json

    document = [
        {"gravity": each.gravity.value, "subject": each.subject, "text": each.text, "remedy": each.remedy,
         "lines": list(each.lines)}
        for each in findings
    ]  # fmt: skip
    return json.dumps(document, ensure_ascii=False, indent=1)
