"""Incidents: list, acknowledge, resolve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.alert import Priority
from bridge.common.clocks.times import iso_text
from bridge.common.suggest import did_you_mean
from bridge.common.text import one_line
from bridge.journal import JournalError
from bridge.operator.actor import Actor, OperationError
from bridge.operator.model.base import LARGEST_PAGE
from bridge.operator.model.incidents import ChangeIncidents, IncidentList, IncidentStatus, ListIncidents
from bridge.operator.operations.pages import Page
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.memory.incident import IncidentState

_SHOWN = 100
_SHORTEST = 4
"""Characters of an id from which its beginning is recognized."""
_MOST_NAMED = 5
_LARGEST = 12 << 20
"""Bytes of incidents in one answer. A flood of alerts with different keys can open more."""
_STATES = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED)
_UP_TO_SECONDS = len("2026-01-05T12:00:00")


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
            return _whole(found)
        rest = sorted((each for each in found if _place(each) > _from(request.cursor)), key=_place)
        shown = rest[: request.limit or LARGEST_PAGE]
        following = f"{shown[-1].incident.matched_ns}-{shown[-1].id}" if len(shown) < len(rest) else None
        return IncidentList(items=[_incident(each) for each in shown], next=following)

    def acknowledge(self, actor: Actor, request: ChangeIncidents) -> IncidentList:
        """Cancel the escalations of incidents."""
        changed = _answered(lambda: self._controls.acknowledge(request.target, actor.name))
        return self._changed(changed, request.target, frozenset({IncidentState.OPEN}))

    def resolve(self, actor: Actor, request: ChangeIncidents) -> IncidentList:
        """End incidents."""
        changed = _answered(lambda: self._controls.resolve(request.target, actor.name))
        return self._changed(changed, request.target, frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED}))

    def _changed(self, changed: list[IncidentRecord], target: str, states: frozenset[IncidentState]) -> IncidentList:
        """The incidents as they are now. Raises OperationError if there was none in one of these states."""
        known = _answered(self._controls.incidents)
        if not changed:
            raise _refusal(target, known, states)
        ids = {each.id for each in changed}
        return _whole([each for each in known if each.id in ids])


def _whole(found: Sequence[IncidentRecord]) -> IncidentList:
    """All of them in this order. If an answer cannot contain them, the most urgent ones."""
    shown = _that_fit(found)
    if len(shown) < len(found):
        shown = sorted(_that_fit(sorted(found, key=_urgency)), key=lambda each: (-each.matched_ns, each.id))
    return IncidentList(items=shown, more=len(found) - len(shown))


def _that_fit(found: Sequence[IncidentRecord]) -> list[IncidentStatus]:
    page = Page[IncidentStatus](len(found), _LARGEST)
    for each in found:
        if not page.add(_incident(each)):
            break
    return page.items


def _urgency(record: IncidentRecord) -> tuple[int, int, int]:
    """Those that are open first, the most severe of them first, and of those the oldest."""
    incident = record.incident
    return _STATES.index(incident.state), incident.passage.severity, incident.opened_ns


def _refusal(target: str, known: list[IncidentRecord], states: frozenset[IncidentState]) -> OperationError:
    """Why none of the known incidents was changed."""
    shown, listed = one_line(target, _SHOWN), "`falco-bridge incidents` lists them"
    named = next((each for each in known if each.id == target), None)
    if named is not None:
        return OperationError(f"the incident {named.id} {_is_already(named)}")
    of_route = Counter(each.incident.state for each in known if each.route == target)
    if of_route:
        found = " and ".join(f"{count} {state}" for state, count in sorted(of_route.items()))
        wanted = " or ".join(sorted(states, reverse=True))
        return OperationError(f"no incident of the route `{shown}` is {wanted}, but {found}; {listed}")
    begun = [each.id for each in known if len(target) >= _SHORTEST and each.id.startswith(target)][:_MOST_NAMED]
    if begun:
        return OperationError(f"`{shown}` is only the beginning of an id; write all of it: {' or '.join(begun)}", 404)
    nearest = did_you_mean(target, {each.route for each in known})
    return OperationError(f"no incident has the id or the route `{shown}`; {nearest or listed}", 404)


def _is_already(record: IncidentRecord) -> str:
    """``is resolved already, by alice at 2026-11-28T17:53:19Z; …``."""
    incident = record.incident
    actor = f" by {one_line(incident.actor, _SHOWN)}" if incident.actor else ""
    since = f"{iso_text(incident.changed_ns)[:_UP_TO_SECONDS]}Z"
    following = (
        "its next notification opens it again"
        if incident.state is IncidentState.RESOLVED
        else f"`falco-bridge resolve {record.id}` ends it"
    )
    return f"is {incident.state} already,{actor} at {since}; {following}"


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
