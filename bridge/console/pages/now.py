"""The first page: what needs somebody now, and the acts on incidents."""

from __future__ import annotations

from bridge.alert import parse_priority
from bridge.console.ask import Act, Ask, Page
from bridge.operator.model.incidents import ChangeIncidents, IncidentList, IncidentStatus
from bridge.operator.model.status import Status

_LEAST_SEVERE = 9


def _values(ask: Ask) -> dict[str, object]:
    status = ask.get("/api/v1/status", Status)
    incidents = ask.get("/api/v1/incidents", IncidentList)
    if isinstance(status, str) or isinstance(incidents, str):
        problem = status if isinstance(status, str) else incidents
        return {"problem": problem, "status": None, "incidents": [], "acknowledged": []}
    unresolved = sorted((each for each in incidents.items if each.state != "resolved"), key=_urgency)
    return {
        "problem": "",
        "status": status,
        "incidents": [each for each in unresolved if each.state == "open"],
        "acknowledged": [each for each in unresolved if each.state != "open"],
    }


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
