"""Incidents, as the operator API shows and changes them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, Limit, Request

_LATE_NS = 10_000_000_000
"""An escalation that is due for longer is silenced."""


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

    def is_held_back(self, now_ns: int) -> bool:
        """Whether a silence holds the next escalation back. It is sent when the incident next matches after it."""
        return self.next_escalation_ns is not None and self.next_escalation_ns < now_ns - _LATE_NS


class IncidentList(Answer, frozen=True):
    """Incidents, the latest match first."""

    items: list[IncidentStatus]
    next: Annotated[
        str | None, Meta(description="The `cursor` of the next page; null on the last page, and without a `limit`.")
    ] = None  # fmt: skip
    more: Annotated[
        int,
        Meta(description="Incidents that were left out because an answer without a `limit` cannot contain all: those "
             "that are not open, of lower severity, or younger."),
    ] = 0  # fmt: skip


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
