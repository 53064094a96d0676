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


class JournalFiles(Answer, frozen=True):
    """Sizes in bytes."""

    journal: int
    wal: int


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


class Attempt(Answer, frozen=True):
    """One failed attempt to send a delivery."""

    number: int
    attempted_ns: int
    status: int | None
    reason: str


class DeadLetterDetail(DeadLetterSummary, frozen=True):
    """A dead letter with its recorded attempts: the first and the last nineteen."""

    tried: list[Attempt]


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
