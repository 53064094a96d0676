"""The values of the operator API, as requests and answers. The OpenAPI document is generated from them.

Times are nanoseconds since 1970-01-01 UTC. Null means never, or unknown.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LARGEST_PAGE = 500
Limit = Annotated[int, Meta(ge=1, le=LARGEST_PAGE, description="Maximum number of items in the page.")]
_Channel = Annotated[str, Meta(max_length=200, description="Name of a channel in the config.")]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of an operation."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of an operation."""


class NoParameters(Request, frozen=True):
    """An operation without parameters."""


class Problem(Answer, frozen=True):
    """An error, as in RFC 9457."""

    title: Annotated[str, Meta(description="The HTTP status in words.")]
    status: int
    detail: Annotated[str, Meta(description="What happened and what to do next.")]
    type: str = "about:blank"


# Status


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
    partitions: Annotated[int, Meta(description="Parts of the memory of clauses that it has to itself.")]
    channels: Annotated[list[str], Meta(description="The channels that it delivers to.")]
    sources: Annotated[list[str], Meta(description="The files and Falcos that it alone reads.")]
    duties: Annotated[list[str], Meta(description="What only one bridge of the fleet does.")]
    stopped: Annotated[bool, Meta(description="Whether it was stopped; else, one that is not alive is gone.")] = False
    ended_ns: Annotated[
        int | None, Meta(description="When it stopped, or its lease ended; null while it is alive.")
    ] = None
    down: Annotated[list[str], Meta(description="Those of its roles whose process does not run at present.")] = []
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
    """How the bridge is doing."""

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


# Dead letters


class ListDeadLetters(Request, frozen=True):
    """Which dead letters to list."""

    channel: _Channel | None = None
    after: Annotated[int, Meta(ge=0, description="List those with a larger id: the `next` of the last page.")] = 0
    limit: Limit = 100


class ShowDeadLetter(Request, frozen=True):
    """Which dead letter to show."""

    id: int


class DeadLetterAlert(Answer, frozen=True):
    """The alert of a dead letter."""

    id: str
    time_ns: int
    rule: str
    priority: str
    source: str
    hostname: str
    output: str
    output_fields: dict[str, str]


class DeadLetterSummary(Answer, frozen=True):
    """A delivery that is not tried again."""

    id: int
    channel: str
    routes: list[str]
    created_ns: int
    died_ns: int
    attempts: int
    status: int | None
    reason: str
    alert: DeadLetterAlert


class AttemptStatus(Answer, frozen=True):
    """One failed attempt to send a delivery."""

    number: int
    attempted_ns: int
    status: int | None
    reason: str


class DeadLetterActStatus(Answer, frozen=True):
    """Somebody retried or discarded a delivery while it was a dead letter."""

    acted_ns: int
    action: Annotated[str, Meta(description="`retry` or `discard`.")]
    actor: str


class DeadLetterDetail(DeadLetterSummary, frozen=True):
    """A dead letter with its recorded attempts: the first and the last nineteen."""

    tried: list[AttemptStatus]
    acts: Annotated[list[DeadLetterActStatus], Meta(description="Earlier retries, with their actors.")]


class DeadLetterPage(Answer, frozen=True):
    """Dead letters, oldest first."""

    items: list[DeadLetterSummary]
    next: Annotated[int | None, Meta(description="The `after` of the next page; null on the last page.")]


class SelectDeadLetters(Request, frozen=True):
    """Dead letters to retry or discard. Give exactly one of `ids`, `channel` and `all`."""

    ids: Annotated[list[int], Meta(max_length=10_000)] | None = None
    channel: _Channel | None = None
    all: bool = False


class DeadLettersChanged(Answer, frozen=True):
    """The dead letters that were retried or discarded."""

    ids: list[int]


# Quarantine


class ListQuarantine(Request, frozen=True):
    """Which quarantined messages to list."""

    before: Annotated[int | None, Meta(description="List those with a smaller number.")] = None
    limit: Limit = 50


class ShowQuarantined(Request, frozen=True):
    """Which quarantined message to show."""

    number: int


class Quarantined(Answer, frozen=True):
    """A message that could not be parsed as an alert."""

    number: int
    received_ns: int
    source_name: str
    reason: str
    raw: Annotated[str, Meta(description="Up to 64 KiB. Bytes that are not UTF-8 are written as \\xff.")]


class QuarantinePage(Answer, frozen=True):
    """Quarantined messages, newest first."""

    items: list[Quarantined]
    next: Annotated[int | None, Meta(description="The `before` of the next page; null on the last page.")]


# Channels


class ChannelList(Answer, frozen=True):
    """All channels of the config."""

    items: list[ChannelStatus]


class TestChannel(Request, frozen=True):
    """Which channel to test."""

    __test__ = False

    channel: str


class ChannelTestResult(Answer, frozen=True):
    """What the channel answered to a test message."""

    verdict: Annotated[str, Meta(description="`delivered` if the channel accepted the message.")]
    status: Annotated[int | None, Meta(description="The status of the answer (HTTP or SMTP), if there was one.")]
    reason: str
    seconds: float
    bridge: Annotated[str, Meta(description="The bridge of the fleet that sent it; empty without a fleet.")] = ""
    note: Annotated[str, Meta(description="Why that bridge, where another one delivers to the channel.")] = ""


# Reload


class ReloadResult(Answer, frozen=True):
    """What a reload did."""

    applied: Annotated[bool, Meta(description="Whether the files on disk are in use now.")]
    report: Annotated[str, Meta(description="Errors and warnings, with excerpts.")]
    changes: Annotated[
        list[str], Meta(description="The sources, channels and listeners that were added, changed or removed.")
    ]
    restart: Annotated[list[str], Meta(description="Changed keys that take effect at the next start only.")]
    forgotten: Annotated[list[str], Meta(description="Clauses that no route has any more; their state was removed.")]
    waits: Annotated[
        bool,
        Meta(description="Whether they are loaded, and used once the other bridges of the fleet have loaded them."),
    ] = False


# Silences


class SilenceStatus(Answer, frozen=True):
    """A silence: what matches its condition sends no notification while it acts."""

    id: str
    condition: str
    schedule: Annotated[str, Meta(description="When a recurring silence acts; empty for the whole time.")]
    from_ns: int
    until_ns: int
    author: str
    comment: str
    created_ns: int
    announce: Annotated[str, Meta(description="The channel that is notified before it ends; empty for none.")]
    announce_ns: Annotated[int, Meta(description="How long before.")]
    announced: Annotated[bool, Meta(description="Whether it was.")]
    state: Annotated[str, Meta(description="`active`, `pending` or `ended`.")]


class SilenceList(Answer, frozen=True):
    """The silences that act, those to come, and those that ended in the last 24 hours."""

    items: list[SilenceStatus]
    next: Annotated[
        str | None, Meta(description="The `cursor` of the next page; null on the last page, and without a `limit`.")
    ] = None  # fmt: skip


class ListSilences(Request, frozen=True):
    """Which silences to list."""

    cursor: Annotated[str, Meta(max_length=200, description="The `next` of the last page.")] = ""
    limit: Limit | None = None


class AddSilence(Request, frozen=True):
    """A silence to add."""

    condition: Annotated[str, Meta(min_length=1, max_length=10_000, description="As after `when` in a route.")]
    seconds: Annotated[float, Meta(gt=0, le=366 * 86_400, description="How long it lasts.")]
    comment: Annotated[str, Meta(max_length=1000)] = ""
    starts_in: Annotated[float, Meta(ge=0, le=366 * 86_400, description="Seconds until it begins.")] = 0.0
    during: Annotated[str, Meta(max_length=1000, description='For example `mon-fri 09:00-18:00 in "Asia/Seoul"`.')] = ""
    announce: Annotated[str, Meta(max_length=1000, description="A channel to notify before it ends.")] = ""
    announce_before: Annotated[float, Meta(gt=0, le=31 * 86_400, description="How many seconds before.")] = 900.0


class UpdateSilence(Request, frozen=True):
    """What to change of a silence; what is left out stays."""

    id: str
    seconds: Annotated[float | None, Meta(description="How long it lasts from now on, at most 366 days.")] = None
    comment: Annotated[str | None, Meta(description="At most 1000 characters.")] = None
    announce: Annotated[str | None, Meta(description="A channel to notify before it ends; empty for none.")] = None
    announce_before: Annotated[float | None, Meta(description="How many seconds before.")] = None


class PreviewSilence(Request, frozen=True):
    """A condition to look back with."""

    condition: Annotated[str, Meta(min_length=1, max_length=10_000)]
    seconds: Annotated[float, Meta(gt=0, le=31 * 86_400, description="How far back.")] = 86_400.0
    during: Annotated[str, Meta(max_length=1000, description="Only what was received at these times.")] = ""


class MutedAlert(Answer, frozen=True):
    """An alert that a silence would have held back."""

    id: str
    time_ns: int
    rule: str
    priority: str
    hostname: str
    output: str


class SilencePreview(Answer, frozen=True):
    """What a silence would have held back."""

    alerts: int
    routes: dict[str, int]
    channels: dict[str, int]
    examples: list[MutedAlert]
    not_judged: Annotated[
        dict[str, int],
        Meta(
            description="Alerts for which the silence may decide otherwise, by field: the condition reads the field, "
            "and `redact` has removed text of it."
        ),
    ]


class ExpireSilence(Request, frozen=True):
    """Which silence to end."""

    id: str


class ExpireSilences(Request, frozen=True):
    """Which silences to end: those with these ids, all of a person, or all."""

    ids: Annotated[list[str], Meta(max_length=1000)] = []  # msgspec copies it
    author: Annotated[str, Meta(max_length=1000)] = ""
    all: bool = False


# Incidents


class IncidentStatus(Answer, frozen=True):
    """What a person acknowledges: a route and a key."""

    id: str
    route: str
    key: Annotated[str, Meta(description="The values of the key, redacted: `payments/api-0`.")]
    state: Annotated[str, Meta(description="`open`, `acknowledged` or `resolved`.")]
    severity: str
    count: Annotated[int, Meta(description="Alerts in all its notifications.")]
    opened_ns: int
    matched_ns: Annotated[int, Meta(description="When its latest notification was sent.")]
    channels: Annotated[list[str], Meta(description="The channels that were notified.")]
    next_escalation_ns: int | None
    actor: Annotated[str, Meta(description="Who acknowledged or resolved it; empty if it was neither.")]
    changed_ns: int
    alert_id: str


class IncidentList(Answer, frozen=True):
    """Incidents, the latest match first."""

    items: list[IncidentStatus]
    next: Annotated[
        str | None, Meta(description="The `cursor` of the next page; null on the last page, and without a `limit`.")
    ] = None  # fmt: skip


class ListIncidents(Request, frozen=True):
    """Which incidents to list."""

    open: Annotated[bool, Meta(description="Only those that are open.")] = False
    cursor: Annotated[str, Meta(max_length=200, description="The `next` of the last page.")] = ""
    limit: Limit | None = None


class ChangeIncidents(Request, frozen=True):
    """Which incidents to acknowledge or resolve."""

    target: Annotated[
        str, Meta(min_length=1, max_length=1000, description="The id of an incident or the name of a route.")
    ]
