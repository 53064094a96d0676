"""The values of the operator API about recorded alerts. The console's process serves these operations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, Limit, Request
from bridge.operator.model.dead_letters import AttemptStatus, DeadLetterActStatus

_Name = Annotated[str, Meta(max_length=1000)]
_Cursor = Annotated[str, Meta(max_length=40, pattern=r"^[0-9]*$", description="The `next` of the last page.")]
_Condition = Annotated[str, Meta(max_length=10_000, description="As after `when` in a route.")]
_Words = Annotated[str, Meta(max_length=1000, description="Words that the alert contains, all of them.")]
_Time = Annotated[str, Meta(max_length=100, description="Such as `2h`, `yesterday 22:00`, or a time of RFC 3339.")]


class SearchAlerts(Request, frozen=True):
    """Which recorded alerts to find. Everything that is given must hold."""

    condition: _Condition = ""
    words: _Words = ""
    rule: _Name = ""
    route: Annotated[str, Meta(max_length=1000, description="A route that decided about the alert.")] = ""
    channel: Annotated[str, Meta(max_length=1000, description="A channel that it was sent to.")] = ""
    reason: Annotated[str, Meta(max_length=100, description="Of a decision: `sent`, `throttled`, …")] = ""
    since: _Time = ""
    until: _Time = ""
    cursor: _Cursor = ""
    limit: Limit = 50


class AlertDecision(Answer, frozen=True):
    """What a route decided about an alert."""

    route: str
    reason: str
    detail: str
    channels: list[str]
    incident: Annotated[str, Meta(description="Id of the incident; empty without one.")]


class AlertSummary(Answer, frozen=True):
    """A recorded alert with what was decided about it."""

    id: str
    time_ns: int
    received_ns: int
    source_name: str
    rule: str
    priority: str
    source: str
    hostname: str
    output: str
    tags: list[str]
    output_fields: dict[str, str]
    decisions: list[AlertDecision]


class AlertPage(Answer, frozen=True):
    """Recorded alerts, newest first."""

    items: list[AlertSummary]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last page.")]
    stopped: Annotated[bool, Meta(description="Whether the search had used up its time. `next` continues it.")]


class ShowAlert(Request, frozen=True):
    """Which alert to show."""

    id: Annotated[str, Meta(max_length=64)]


class AlertDelivery(Answer, frozen=True):
    """A message about an alert."""

    id: int
    channel: str
    state: str
    relation: Annotated[
        str, Meta(description="`about` the alert, `named` among others, or of the same `incident`.")
    ]  # fmt: skip
    attempts: int
    status: int | None
    reason: str
    created_ns: int
    settled_ns: int | None
    failures: list[AttemptStatus]
    acts: Annotated[list[DeadLetterActStatus], Meta(description="Who retried or discarded it as a dead letter.")]


class AlertDetail(AlertSummary, frozen=True):
    """A recorded alert with its messages and every recorded attempt to send them."""

    deliveries: list[AlertDelivery]


class WatchAlerts(Request, frozen=True):
    """Which alerts to send as they are stored."""

    condition: _Condition = ""
    words: _Words = ""
    interval: Annotated[float, Meta(ge=0.2, le=60, description="Seconds between two events.")] = 1.0


class Tail(Answer, frozen=True):
    """Alerts that were stored since the last event, at most 100."""

    items: list[AlertSummary]
    skipped: Annotated[int, Meta(description="Alerts that were stored meanwhile and are not in the event.")]


class ListSessions(Request, frozen=True):
    """Which terminal sessions to list."""

    cursor: _Cursor = ""


class ShowSession(Request, frozen=True):
    """Which terminal session to show."""

    id: Annotated[str, Meta(max_length=200)]


class TerminalCommand(Answer, frozen=True):
    """A typed command."""

    alert_id: str
    time_ns: int
    text: str
    ran: str
    wrote: str
    exit: str


class TerminalSession(Answer, frozen=True):
    """A terminal session with its latest commands, at most 500, in the order in which they were typed."""

    id: str
    place: str
    user: str
    commands: list[TerminalCommand]


class SessionPage(Answer, frozen=True):
    """Terminal sessions, the latest first, made of 500 commands. An earlier page can continue a session."""

    items: list[TerminalSession]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last page.")]


class ListRoutes(Request, frozen=True):
    """Which routes to list."""

    cursor: _Cursor = ""
    limit: Limit = 100


class RouteMatches(Answer, frozen=True):
    """How often a route has matched."""

    route: str
    matched: Annotated[dict[str, int], Meta(description="Alerts that matched in the last `1 h`, `24 h` and `7 d`.")]
    last_ns: Annotated[int | None, Meta(description="When the latest of them was received; null for never.")]
    decisions: Annotated[dict[str, int], Meta(description="Decisions since the bridge started, by reason.")]
    running: Annotated[bool, Meta(description="Whether the bridge uses it; false for one that is only in the files.")]
    file: Annotated[str, Meta(description="The route file that it is in now; empty for none.")]
    never: Annotated[str, Meta(description="Why it can never match; empty if it can.")]


class RouteMatchPage(Answer, frozen=True):
    """The routes of the files, then those that only the bridge still uses. Counted at most every half minute."""

    items: list[RouteMatches]
    complete: Annotated[dict[str, bool], Meta(description="By span, whether all its alerts were counted in time.")]
    oldest_ns: Annotated[int | None, Meta(description="When the oldest counted alert was received.")]
    without_index: Annotated[int, Meta(description="How many of the alerts were counted without the history's index.")]
    not_examined: Annotated[str, Meta(description="Why the route files were not examined; empty if they were.")]
    more: Annotated[int, Meta(description="Routes beyond the first 1000, which are not counted.")]
    next: Annotated[str | None, Meta(description="The `cursor` of the next page; null on the last page.")]
