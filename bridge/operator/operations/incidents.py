"""Incidents: list, acknowledge, resolve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bridge.alert import Priority
from bridge.journal import JournalError
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.base import LARGEST_PAGE
from bridge.operator.model.incidents import ChangeIncidents, IncidentList, IncidentStatus, ListIncidents
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.memory.incident import IncidentState


class IncidentControls(Protocol):
    """The part of the running bridge that has incidents."""

    def incidents(self) -> list[IncidentRecord]:
        """As in RunningIncidents."""

    def acknowledge(self, target: str, actor: str) -> list[IncidentRecord]:
        """As in RunningIncidents."""

    def resolve(self, target: str, actor: str) -> list[IncidentRecord]:
        """As in RunningIncidents."""


class IncidentOperations:
    """The operations of a running bridge. Callable from any thread."""

    def __init__(self, controls: IncidentControls) -> None:
        self._controls = controls

    def list_all(self, _actor: Actor, request: ListIncidents) -> IncidentList:
        """The incidents, the latest match first."""
        found = _answered(self._controls.incidents)
        if request.open:
            found = [each for each in found if each.incident.state is IncidentState.OPEN]
        if request.limit is None and not request.cursor:
            return IncidentList(items=[_incident(each) for each in found])
        rest = sorted((each for each in found if _place(each) > _from(request.cursor)), key=_place)
        shown = rest[: request.limit or LARGEST_PAGE]
        following = f"{shown[-1].incident.matched_ns}-{shown[-1].id}" if len(shown) < len(rest) else None
        return IncidentList(items=[_incident(each) for each in shown], next=following)

    def acknowledge(self, actor: Actor, request: ChangeIncidents) -> IncidentList:
        """Cancel the escalations of incidents."""
        changed = _answered(lambda: self._controls.acknowledge(request.target, actor.name))
        return self._changed(changed, request.target, "open")

    def resolve(self, actor: Actor, request: ChangeIncidents) -> IncidentList:
        """End incidents."""
        changed = _answered(lambda: self._controls.resolve(request.target, actor.name))
        return self._changed(changed, request.target, "open or acknowledged")

    def _changed(self, changed: list[IncidentRecord], target: str, state: str) -> IncidentList:
        """The incidents as they are now."""
        if not changed:
            raise OperationError(
                f"no incident of `{target[:100]}` is {state}; `falco-bridge incidents` lists them", 404
            )
        ids = {each.id for each in changed}
        return IncidentList(items=[_incident(each) for each in _answered(self._controls.incidents) if each.id in ids])


def _answered(action: Callable[[], list[IncidentRecord]]) -> list[IncidentRecord]:
    """The result. In a fleet, the database or the owner of an incident may not answer."""
    try:
        return action()
    except JournalError as error:
        raise OperationError(str(error), 503) from error


def _place(record: IncidentRecord) -> tuple[int, str]:
    """The position of an incident in the list."""
    return -record.incident.matched_ns, record.id


def _from(cursor: str) -> tuple[int, str]:
    """The place after which a page begins. Raises OperationError."""
    if not cursor:
        return -(2**63), ""
    matched_ns, _, identity = cursor.partition("-")
    if not (matched_ns.isascii() and matched_ns.isdigit() and identity):
        raise OperationError("`cursor` is not the `next` of a page", 400)
    return -int(matched_ns), identity


def _incident(record: IncidentRecord) -> IncidentStatus:
    incident = record.incident
    pending = incident.pending if incident.state is IncidentState.OPEN else ()
    return IncidentStatus(
        id=record.id,
        route=record.route,
        key=incident.passage.shown,
        state=incident.state.value,
        severity=str(Priority(incident.passage.severity)),
        count=incident.count,
        opened_ns=incident.opened_ns,
        matched_ns=incident.matched_ns,
        channels=list(incident.notified),
        next_escalation_ns=min((due_ns for due_ns, _ in pending), default=None),
        actor=incident.actor,
        changed_ns=incident.changed_ns,
        alert_id=incident.passage.alert_id,
    )
