"""The status of a running bridge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec

from bridge import __version__
from bridge.delivery import Health
from bridge.operator.inspector import Inspector, JournalSnapshot
from bridge.operator.model.status import (
    ChannelStatus,
    ClauseMemory,
    CourierStatus,
    JournalFiles,
    LookBackStatus,
    MemoryStatus,
    NodeDrops,
    RouteStatus,
    SourceStatus,
    Status,
    StatusProblem,
    TerminalStatus,
)
from bridge.operator.operations.fleet import fleet_problems, fleet_status, read_by, readers
from bridge.operator.operations.problems import problems_of
from bridge.operator.operations.reload import ReloadControls, clause_name, reload_problem
from bridge.operator.operations.shadow import shadow_status
from bridge.sources.contract import SourceState

_REMEDY = "run `falco-bridge check`, correct the file and save it, or run `falco-bridge reload`"
_WAITS_REMEDY = "give the other bridges of the fleet the same files"
_TRACES_REMEDY = "check `traces.endpoint` and the collector; alerts are not affected"
_MOST_LISTED = 1000
"""Sources, routes or nodes in one answer."""


def read_status(inspector: Inspector, routes: Sequence[str], reloading: ReloadControls | None = None) -> Status:
    """The status at this moment. ``routes`` are the names of all routes."""
    counts = inspector.counts
    sources = inspector.sources()
    snapshot = inspector.journal_snapshot()
    files = inspector.journal_bytes()
    fleet = inspector.fleet()
    found = readers(fleet)
    status = Status(
        version=__version__,
        started_ns=inspector.started_ns,
        not_ready=_not_ready(inspector),
        problems=[],
        **counts.totals(),
        last_alert_ns=counts.last_alert_ns,
        sources=[_source(each, found) for each in sources[:_MOST_LISTED]],
        source_count=len(sources),
        routes=_routes(inspector, routes),
        route_count=len(routes),
        channels=None if snapshot is None else channel_statuses(snapshot),
        nodes_with_drops=_nodes_with_drops(inspector),
        quarantined=None if snapshot is None else snapshot.quarantined,
        journal_bytes=JournalFiles(journal=files.get("journal", 0), wal=files.get("wal", 0)),
        index_lag=inspector.index_lag(),
        courier=CourierStatus(
            pid=inspector.courier_pid, restarts=inspector.courier_restarts, used=inspector.courier_is_used
        ),
        shadow=None if (shadow := inspector.shadow()) is None else shadow_status(shadow),
        memory=_memory(inspector, () if reloading is None else reloading.last_forgotten),
        look_back=_look_back(inspector),
        terminal=_terminal(inspector),
        console=inspector.console(),
        fleet=None if fleet is None else fleet_status(fleet),
    )
    problems = problems_of(status)
    if status.fleet is not None:
        problems += fleet_problems(status.fleet)
    if problem := inspector.trace_problem():
        problems.append(StatusProblem(subject="traces", text=f"not exported: {problem}", remedy=_TRACES_REMEDY))
    if snapshot is not None and snapshot.unreadable:
        problems.insert(0, _damage(snapshot.unreadable))
    if reloading is not None and (problem := reload_problem(reloading)):
        remedy = _WAITS_REMEDY if reloading.waits else _REMEDY
        problems.insert(0, StatusProblem(subject="config", text=problem, remedy=remedy))
    return msgspec.structs.replace(status, problems=problems)


def _look_back(inspector: Inspector) -> LookBackStatus | None:
    report = inspector.look_back()
    if report is None:
        return None
    return LookBackStatus(routes=list(report.routes[:_MOST_LISTED]), read=report.read, total=report.total)


def _memory(inspector: Inspector, forgotten: Sequence[str]) -> MemoryStatus | None:
    usages = sorted(inspector.memory_usage(), key=lambda each: (-each.keys, each.route, each.clause))
    if not usages and not forgotten:
        return None
    return MemoryStatus(
        keys=sum(each.keys for each in usages),
        timers=sum(each.timers for each in usages),
        evicted=sum(each.evicted for each in usages),
        bytes=sum(each.bytes for each in usages),
        clauses=[
            ClauseMemory(
                route=each.route, clause=each.clause, keys=each.keys, timers=each.timers, evicted=each.evicted,
                bytes=each.bytes,
            )
            for each in usages[:_MOST_LISTED]
        ],
        clause_count=len(usages),
        forgotten=[clause_name(each) for each in forgotten[:_MOST_LISTED]],
    )  # fmt: skip


def _terminal(inspector: Inspector) -> TerminalStatus | None:
    painted = inspector.counts.painted.copy()
    if not painted["writes"]:
        return None
    return TerminalStatus(writes=painted["writes"], undecoded=painted["undecoded"], cut=painted["cut"])


def _damage(unreadable: int) -> StatusProblem:
    noun = "delivery" if unreadable == 1 else "deliveries"
    return StatusProblem(
        subject="journal", text=f"it is damaged: {unreadable} {noun} could not be read, and were not sent",
        remedy="run `falco-bridge dead list`",
    )  # fmt: skip


def channel_statuses(snapshot: JournalSnapshot) -> list[ChannelStatus]:
    """The channels of the config, in its order."""
    return [
        _channel(
            name, waiting, snapshot.health.get(name, Health()), snapshot.dead.get(name, 0), name in snapshot.health
        )
        for name, waiting in snapshot.waiting.items()
    ]


def _not_ready(inspector: Inspector) -> str:
    reason = inspector.not_ready()
    return f"{reason}: {inspector.blocked}" if reason and inspector.blocked else reason


def _channel(name: str, waiting: int, health: Health, dead: int, known: bool) -> ChannelStatus:  # noqa: FBT001
    return ChannelStatus(
        channel=name,
        circuit=health.circuit.value if known else None,
        circuit_since_ns=health.since_ns or None,
        waiting=waiting,
        delivered=health.delivered,
        digested=health.digested,
        dead_letters=dead,
        consecutive_failures=health.failures,
        last_success_ns=health.success_ns or None,
        last_failure_ns=health.failure_ns or None,
        last_failure=health.reason,
    )


def _source(state: SourceState, found: Mapping[str, str]) -> SourceStatus:
    return SourceStatus(
        source_name=state.source_name,
        peer=state.peer,
        connected_since_ns=state.connected_since_ns,
        last_alert_ns=state.last_alert_ns,
        alerts=state.alerts,
        alerts_per_second=state.alerts_per_second,
        rejected=state.rejected,
        failures=state.failures,
        problem=state.problem,
        detail=state.detail,
        read_by=read_by(state.lease, found),
    )


def _routes(inspector: Inspector, routes: Sequence[str]) -> list[RouteStatus]:
    """Each route; ``otherwise`` too, once it has decided."""
    by_route: dict[str, dict[str, int]] = {name: {} for name in routes}
    for (route, reason), count in inspector.counts.all_decisions().items():
        by_route.setdefault(route, {})[reason] = count
    return [RouteStatus(route=name, decisions=counts) for name, counts in islice(by_route.items(), _MOST_LISTED)]


def _nodes_with_drops(inspector: Inspector) -> list[NodeDrops]:
    found = (
        (name, max(node.events_dropped, node.snapshot_events_dropped or 0), node.outputs_dropped or 0)
        for name, node in inspector.nodes.now()
    )
    dropping = ((name, events, outputs) for name, events, outputs in found if events or outputs)
    return [
        NodeDrops(node=name, events_dropped=events, outputs_dropped=outputs)
        for name, events, outputs in islice(dropping, _MOST_LISTED)
    ]
