"""The first page: what needs somebody now, and the acts on incidents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.alert import Alert, parse_priority
from bridge.channels.message.second_line import deed_of, where_of
from bridge.console.ask import Act, Ask, Page
from bridge.operator.model.incidents import ChangeIncidents, IncidentList, IncidentStatus
from bridge.operator.model.silences import SilenceList
from bridge.operator.model.status import Status
from bridge.routing import Reason

_LEAST_SEVERE = 9
_MOST_INCIDENTS = 100
"""Incidents of each state that are shown, the most severe ones."""
_HELD_BACK = (Reason.THROTTLED, Reason.GROUPED, Reason.SILENCED, Reason.SUPPRESSED_BY_UNLESS, Reason.OUTSIDE_SCHEDULE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is shown of the latest alert of an incident."""

    rule: str
    place: str
    deed: str
    """Who did what."""


def _values(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    incidents = status if isinstance(status, str) else ask.get("/api/v1/incidents", IncidentList)
    if isinstance(status, str) or isinstance(incidents, str):
        problem = status if isinstance(status, str) else incidents
        return {"problem": problem, "status": None, "groups": [], "facts": {}, "held_back": [], "silences": 0}
    unresolved = sorted((each for each in incidents.items if each.state != "resolved"), key=_urgency)
    groups = [
        ("Open incidents", [each for each in unresolved if each.state == "open"]),
        ("Acknowledged incidents", [each for each in unresolved if each.state != "open"]),
    ]
    shown = [(title, some[:_MOST_INCIDENTS], max(0, len(some) - _MOST_INCIDENTS)) for title, some in groups]
    alerts = ask.reader.alerts_of([each.alert_id for _, some, _ in shown for each in some])
    silences = ask.get("/api/v1/silences", SilenceList)
    return {
        "problem": "",
        "status": status,
        "groups": shown,
        "left_out": incidents.more,
        "now_ns": time.time_ns(),
        "facts": {each: _facts(alert, ask.reader.labels) for each, alert in alerts.items()},
        "held_back": _held_back(status),
        "silences": 0 if isinstance(silences, str) else sum(each.state == "active" for each in silences.items),
    }


def _facts(alert: Alert, labels: Mapping[str, str]) -> Facts:
    return Facts(alert.rule, where_of(alert, labels), deed_of(alert))


def _held_back(status: Status) -> list[tuple[Reason, int]]:
    """How many decisions since the start held a notification back, by reason."""
    counts: Counter[str] = Counter()
    for each in status.routes:
        counts.update(each.decisions)
    return [(reason, counts[reason.value]) for reason in _HELD_BACK if counts[reason.value]]


def _urgency(incident: IncidentStatus) -> tuple[int, int]:
    """The most severe first, and of those the oldest."""
    severity = parse_priority(incident.severity)
    return _LEAST_SEVERE if severity is None else severity, incident.opened_ns


def _changed(action: str) -> Act:
    def run(ask: Ask) -> str:
        ask.client.post(f"/api/v1/incidents/{action}", IncidentList, ChangeIncidents(ask.text("incident")))
        return "/"

    return Act(f"/incidents/{action}", run)


PAGES = (Page("/", "now.html", "Now", _values, in_menu=True),)
ACTS = (_changed("acknowledge"), _changed("resolve"))
