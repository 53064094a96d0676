"""The status of a bridge and of its fleet, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.operator.model.base import Answer, Request


class StatusProblem(Answer, frozen=True):
    """Something that needs an operator."""

    subject: Annotated[str, Meta(description="What is affected, for example `source grpc:5060` or `channel pager`.")]
    text: Annotated[str, Meta(description="What is wrong.")]
    remedy: Annotated[str, Meta(description="What to do; empty if the text says it.")] = ""


class SourceStatus(Answer, frozen=True):
    """A source, or one Falco behind it."""

    source_name: str
    peer: str
    connected_since_ns: int | None
    last_alert_ns: int | None
    alerts: int
    alerts_per_second: float
    rejected: int
    failures: int
    problem: str
    detail: str
    read_by: Annotated[str, Meta(description="The bridge of the fleet that reads it, if this one does not.")] = ""


class RouteStatus(Answer, frozen=True):
    """A route and its decisions since the start, by reason."""

    route: str
    decisions: dict[str, int]


class ChannelStatus(Answer, frozen=True):
    """A channel, as the courier last recorded it."""

    channel: str
    circuit: str | None
    circuit_since_ns: int | None
    waiting: int
    delivered: int
    digested: int
    dead_letters: int
    consecutive_failures: int
    last_success_ns: int | None
    last_failure_ns: int | None
    last_failure: str


class NodeDrops(Answer, frozen=True):
    """A node whose Falco dropped events or alerts."""

    node: str
    events_dropped: float
    outputs_dropped: float


class CourierStatus(Answer, frozen=True):
    """The courier process."""

    pid: int | None
    restarts: int
    used: Annotated[bool, Meta(description="Whether the bridge delivers; false in a fleet without the role.")] = True


class ConsoleStatus(Answer, frozen=True):
    """The console's process."""

    pid: int | None
    restarts: int
    address: Annotated[str, Meta(description="Where it serves; empty while it does not.")]
    problem: Annotated[str, Meta(description="Why it does not serve; empty while it does, or starts.")]


class JournalFiles(Answer, frozen=True):
    """Sizes in bytes."""

    journal: int
    wal: int


class ShadowStatus(Answer, frozen=True):
    """The routes of `shadow`, compared with the live ones since the start or the latest change of either."""

    since_ns: int
    alerts: Annotated[int, Meta(description="Alerts that were tried.")]
    skipped: Annotated[int, Meta(description="Alerts that were not tried, because the bridge was busy.")]
    faults: Annotated[int, Meta(description="Alerts and timers at which the shadow failed.")]
    last_fault: str
    problem: Annotated[str, Meta(description="Why the routes cannot be tried; empty if they can.")]
    gained: Annotated[int, Meta(description="Notifications that only the shadow would send.")]
    lost: Annotated[int, Meta(description="Notifications that only the live routes send.")]
    changed: Annotated[int, Meta(description="Notifications with another severity or text.")]


class ShadowSample(Answer, frozen=True):
    """A notification that differs. Texts are visible and bounded."""

    alert_id: str
    at_ns: int
    kind: str
    count: int
    severity: str
    headline: str
    where: str
    who: str
    action: str


class ShadowRow(Answer, frozen=True):
    """The notifications of one route to one channel."""

    channel: str
    route: Annotated[str, Meta(description="Empty for the channel itself, whichever routes send to it.")]
    before: Annotated[int, Meta(description="Notifications of the live routes.")]
    after: Annotated[int, Meta(description="Notifications of the shadow.")]
    changes: Annotated[dict[str, int], Meta(description="By `gained`, `lost` and `changed`.")]
    samples: dict[str, list[ShadowSample]]


class ShadowDifferences(Answer, frozen=True):
    """How the notifications of the shadow differ from those of the live routes."""

    shadow: Annotated[ShadowStatus | None, Meta(description="Null without a `shadow`.")]
    rows: list[ShadowRow]


class TerminalStatus(Answer, frozen=True):
    """What shells painted on terminals, as Falco reported it since the start."""

    writes: int
    undecoded: Annotated[int, Meta(description="Writes whose bytes are not base64.")]
    cut: Annotated[int, Meta(description="Writes whose end a short snaplen cut off.")]


class LookBackStatus(Answer, frozen=True):
    """Clauses that run for the first time and read recorded alerts. Until then, what they do not know is learned."""

    routes: list[str]
    read: Annotated[int, Meta(description="Recorded alerts that were read.")]
    total: Annotated[int, Meta(description="Recorded alerts to read.")]


class ClauseMemory(Answer, frozen=True):
    """What a clause with memory remembers."""

    route: str
    clause: Annotated[str, Meta(description="In short; `incident` for the incidents of the route.")]
    keys: int
    timers: Annotated[int, Meta(description="Timers that wait.")]
    evicted: Annotated[int, Meta(description="Keys that were evicted since the start, because there were too many.")]
    bytes: Annotated[int, Meta(description="About how much memory that takes.")]


class MemoryStatus(Answer, frozen=True):
    """What the clauses with memory remember."""

    keys: int
    timers: int
    evicted: int
    bytes: int
    clauses: Annotated[list[ClauseMemory], Meta(description="Those with the most keys first.")]
    clause_count: int
    forgotten: Annotated[
        list[str], Meta(description="Clauses whose state the last reload removed, because no route has them any more.")
    ]


class BridgeStatus(Answer, frozen=True):
    """A bridge of a fleet."""

    bridge: Annotated[str, Meta(description="Its host, and digits that no other run has.")]
    host: str
    version: str
    roles: list[str]
    started_ns: int
    alive: bool
    silent_ns: Annotated[int, Meta(description="How long ago it stopped, or its lease ended; 0 while it is alive.")]
    program: Annotated[str, Meta(description="The digest of the routes that it uses.")]
    loaded: Annotated[str, Meta(description="The digest of the routes that it has loaded.")]
    problem: Annotated[str, Meta(description="Why it does not use what is on its disk; empty if it does.")]
    partitions: Annotated[int, Meta(description="Partitions of the memory that are leased to it.")]
    channels: Annotated[list[str], Meta(description="The channels that it delivers to.")]
    sources: Annotated[list[str], Meta(description="The files and Falcos that it alone reads.")]
    duties: Annotated[list[str], Meta(description="What only one bridge of the fleet does.")]
    stopped: Annotated[bool, Meta(description="Whether it was stopped; else, one that is not alive is gone.")] = False
    ended_ns: Annotated[
        int | None, Meta(description="When it stopped, or its lease ended; null while it is alive.")
    ] = None
    down: Annotated[list[str], Meta(description="Those of its roles whose process does not run at present.")] = (
        msgspec.field(default_factory=list)
    )
    down_ns: Annotated[int, Meta(description="For how long.")] = 0


class FleetStatus(Answer, frozen=True):
    """The bridges that share a database, and what waits for them."""

    bridge: Annotated[str, Meta(description="The bridge that answers.")]
    bridges: Annotated[list[BridgeStatus], Meta(description="Those that stopped or vanished within an hour too.")]
    matches_waiting: Annotated[int, Meta(description="Matches of clauses with memory that wait for `memory`.")]
    oldest_match_ns: int | None
    deliveries_waiting: Annotated[int, Meta(description="Deliveries that wait for `courier`.")]
    oldest_delivery_ns: int | None


class Status(Answer, frozen=True):
    """The status of the bridge."""

    version: str
    started_ns: int
    not_ready: Annotated[str, Meta(description="Why the bridge is not ready; empty while it is.")]
    problems: Annotated[list[StatusProblem], Meta(description="What needs an operator, most urgent first.")]
    alerts: int
    duplicates: int
    rejected: int
    notifications: int
    last_alert_ns: int | None
    sources: list[SourceStatus]
    source_count: int
    routes: list[RouteStatus]
    route_count: int
    channels: Annotated[list[ChannelStatus] | None, Meta(description="Null while the journal cannot be read.")]
    nodes_with_drops: list[NodeDrops]
    quarantined: Annotated[int | None, Meta(description="Null while the journal cannot be read.")]
    journal_bytes: JournalFiles
    courier: CourierStatus
    index_lag: Annotated[
        int | None, Meta(description="Alerts that are not in the history's index yet. Null while there is none.")
    ] = None
    shadow: Annotated[ShadowStatus | None, Meta(description="Null without a `shadow` in the config.")] = None
    memory: Annotated[MemoryStatus | None, Meta(description="Null while no clause remembers anything.")] = None
    look_back: Annotated[LookBackStatus | None, Meta(description="Null while no clause reads recorded alerts.")] = None
    terminal: Annotated[TerminalStatus | None, Meta(description="Null while no shell has painted anything.")] = None
    console: Annotated[ConsoleStatus | None, Meta(description="Null without a `console` in the config.")] = None
    fleet: Annotated[
        FleetStatus | None, Meta(description="Null for a bridge that shares its journal with no other one.")
    ] = None


class WatchEvents(Request, frozen=True):
    """Parameters of the event stream."""

    interval: Annotated[float, Meta(ge=0.5, le=3600, description="Seconds between two `status` events.")] = 2.0
