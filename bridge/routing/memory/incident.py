"""Incidents: what a person acknowledges. An incident is a route and a key; escalations are its timers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from bridge.routing.memory.clauses.passage import Passage, pack, unpack
from bridge.routing.memory.clauses.stage import StageResult
from bridge.routing.memory.held_back import HeldBack
from bridge.routing.notification import NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import NO_ENTRY, Table

DAY_NS = 86_400_000_000_000
RESOLVE_AFTER_NS = DAY_NS
_LISTED_NS = DAY_NS
"""How long a resolved incident can still be listed."""
_MOST_CHANNELS = 50


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


_OPEN, _RESOLVED = IncidentState.OPEN, IncidentState.RESOLVED
"""In Python 3.11, reading a member of an enumeration calls a function."""


class Incident(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """One incident. Times are processing times in nanoseconds since the epoch."""

    packed: msgspec.Raw
    """Its latest notification: the passage, packed."""
    opened_ns: int
    matched_ns: int
    """When its latest notification went out."""
    state: IncidentState = IncidentState.OPEN
    count: int = 0
    """Alerts in all its notifications."""
    notified: tuple[str, ...] = ()
    """The channels that were notified, in order."""
    pending: tuple[tuple[int, str], ...] = ()
    """Escalations that are due: when, and to which channel."""
    actor: str = ""
    """Who acknowledged or resolved it."""
    changed_ns: int = 0
    """When its state last changed."""

    @property
    def passage(self) -> Passage:
        """Its latest notification."""
        return unpack(self.packed)


class IncidentStage:
    """The last stage: opens incidents, escalates, resolves."""

    def __init__(
        self,
        to: tuple[str, ...],
        ladder: tuple[tuple[int, str], ...],
        held_back: HeldBack,
        resolve_after_ns: int,
    ) -> None:
        """``ladder`` are the escalations: after how long, and to which channel."""
        self._to = to
        self._ladder = ladder
        self._held_back = held_back
        self._resolve_after_ns = resolve_after_ns

    def enter(self, table: Table, passage: Passage, key: bytes, now_ns: int) -> Passage:
        """A notification goes out: it opens the incident of its key, or belongs to the open one."""
        row: Incident | None = table.entries.get(key, NO_ENTRY)[0]
        to = passage.to or self._to
        if row is None or row.state is _RESOLVED:
            ladder = (*self._ladder, *passage.ladder) if passage.ladder else self._ladder
            pending = tuple([(now_ns + after_ns, channel) for after_ns, channel in ladder]) if ladder else ()
            row = Incident(pack(passage), now_ns, now_ns, _OPEN, passage.count, to, pending, "", now_ns)
        else:
            notified = row.notified
            if notified is not to and notified[: len(to)] != to:
                notified = tuple(dict.fromkeys((*notified, *to)))[:_MOST_CHANNELS]
            row = Incident(
                pack(passage), row.opened_ns, now_ns, row.state, row.count + passage.count, notified, row.pending,
                row.actor, row.changed_ns,
            )  # fmt: skip
        if row.pending:
            self._store(table, key, row)
        else:
            table.put(key, row, now_ns + self._resolve_after_ns)
        return passage

    def wake(self, table: Table, key: bytes, now_ns: int) -> StageResult:
        """Escalate, resolve, or forget."""
        row: Incident = table.get(key)  # type: ignore[assignment]
        if row.state is IncidentState.RESOLVED:
            table.remove(key)
            return StageResult()
        if self._ends_ns(table, key, row) <= now_ns:
            return self.resolve(table, key, "", now_ns)
        due = tuple(channel for due_ns, channel in row.pending if due_ns <= now_ns)
        left = tuple(each for each in row.pending if each[0] > now_ns)
        if row.state is IncidentState.ACKNOWLEDGED or not due:
            self._store(table, key, msgspec.structs.replace(row, pending=left))
            return StageResult(reason=Reason.ACKNOWLEDGED if due else None)
        notified = tuple(dict.fromkeys((*row.notified, *due)))[:_MOST_CHANNELS]
        self._store(table, key, msgspec.structs.replace(row, pending=left, notified=notified))
        values = {"waited": str(now_ns - row.opened_ns), "notified": ", ".join(row.notified)}
        passage = row.passage
        escalation = msgspec.structs.replace(
            passage, kind=NotificationKind.ESCALATION, to=due, count=row.count, values=passage.values | values
        )
        return StageResult((escalation,))

    def evict(self, table: Table, key: bytes, row: Any, now_ns: int) -> StageResult:  # noqa: ARG002
        """Send the escalations that are still due: whether somebody acknowledges is not known any more."""
        channels = tuple(channel for _, channel in row.pending)
        if row.state is not IncidentState.OPEN or not channels:
            return StageResult()
        escalation = msgspec.structs.replace(
            row.passage, kind=NotificationKind.ESCALATION, to=channels, count=row.count
        )
        return StageResult((escalation,), Reason.STATE_EVICTED)

    def acknowledge(self, table: Table, key: bytes, actor: str, now_ns: int) -> StageResult:
        """Cancel the escalations of an open incident; the notified channels may be notified of that."""
        row: Incident | None = table.get(key)
        if row is None or row.state is not IncidentState.OPEN:
            return StageResult()
        changed = msgspec.structs.replace(
            row, state=IncidentState.ACKNOWLEDGED, pending=(), actor=actor, changed_ns=now_ns
        )
        self._store(table, key, changed)
        return StageResult((_about(changed, NotificationKind.ACKNOWLEDGED),), Reason.ACKNOWLEDGED)

    def resolve(self, table: Table, key: bytes, actor: str, now_ns: int) -> StageResult:
        """End the incident; the notified channels may be notified of that."""
        row: Incident | None = table.get(key)
        if row is None or row.state is IncidentState.RESOLVED:
            return StageResult()
        changed = msgspec.structs.replace(row, state=IncidentState.RESOLVED, pending=(), actor=actor, changed_ns=now_ns)
        self._store(table, key, changed)
        return StageResult((_about(changed, NotificationKind.RESOLVED),), Reason.RESOLVED)

    def about(self, table: Table, key: bytes, now_ns: int) -> str | None:
        """The alert that an escalation would be about, if one is due."""
        row: Incident = table.get(key)  # type: ignore[assignment]
        due = row.state is IncidentState.OPEN and any(due_ns <= now_ns for due_ns, _ in row.pending)
        return row.passage.alert_id if due and self._ends_ns(table, key, row) > now_ns else None

    def silence(self, table: Table, key: bytes, now_ns: int) -> None:
        """The escalation that is due is silenced: it is due when the incident next matches after the silence."""
        row: Incident = table.get(key)  # type: ignore[assignment]
        later = [due_ns for due_ns, _ in row.pending if due_ns > now_ns]
        table.put(key, row, min([self._ends_ns(table, key, row), *later]))

    def held_back(self, table: Table, key: bytes, now_ns: int) -> None:
        """A clause holds an alert of the incident back, which is not silenced: an overdue escalation is due now."""
        row: Incident | None = table.entries.get(key, NO_ENTRY)[0]
        if row is not None and row.state is _OPEN and any(due_ns <= now_ns for due_ns, _ in row.pending):
            self._store(table, key, row)

    def _store(self, table: Table, key: bytes, row: Incident) -> None:
        if row.state is IncidentState.RESOLVED:
            table.put(key, row, row.changed_ns + _LISTED_NS)
            return
        due_ns = self._ends_ns(table, key, row)
        if row.pending and row.state is IncidentState.OPEN:
            due_ns = min(due_ns, *[each[0] for each in row.pending])
        table.put(key, row, due_ns)

    def _ends_ns(self, table: Table, key: bytes, row: Incident) -> int:
        """When it ends if nothing matches until then. An alert that is held back has matched too."""
        return max(row.matched_ns, self._held_back.latest_ns(table.state, key)) + self._resolve_after_ns


def _about(incident: Incident, kind: NotificationKind) -> Passage:
    """The notification that an incident has changed, for the channels that were notified of it."""
    values = {"actor": incident.actor, "waited": str(incident.changed_ns - incident.opened_ns)}
    passage = incident.passage
    return msgspec.structs.replace(
        passage, kind=kind, to=incident.notified, count=incident.count, values=passage.values | values
    )
