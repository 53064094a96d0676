"""The router: from an alert to what is stored and sent. Pure: state and time are arguments.

Intake, ``test``, ``explain`` and route tests all decide through this module, so that they agree. An alert passes three
steps: ``complete`` recovers what a text alert leaves out, ``step`` decides about the original, and ``route`` adds the
redacted alert that is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bridge.alert import Alert
from bridge.language.falco.rules import FalcoRule
from bridge.language.falco.text_alerts import TextAlerts
from bridge.language.program.program import Program
from bridge.matching import Matcher
from bridge.routing.decide import NOTHING, decide
from bridge.routing.decision import Entry, Routed
from bridge.routing.incident_channels import NO_INCIDENT_CHANNELS, IncidentChannels
from bridge.routing.memory.decide import Turn, decide_with_memory, notify
from bridge.routing.memory.engine import Engine, IncidentRecord
from bridge.routing.memory.look_back import LookBack, pending, prepare
from bridge.routing.memory.outcome import Emission
from bridge.routing.notification import Notification
from bridge.routing.partitions.matches import Match
from bridge.routing.partitions.merging import may_merge, merged
from bridge.routing.partitions.split import SharedEngine, not_decided, offer, take
from bridge.routing.redaction import Redactor
from bridge.routing.silences import NO_SILENCES, Silences, StoredAlert, none_stored
from bridge.routing.state import State, Timer
from bridge.routing.tables import Tables

NOT_MATCHED: Mapping[str, tuple[int, ...]] = {}
"""What ``Router.match`` returns where ``route`` matches."""


class Router:
    """A checked program, compiled. A reload replaces the whole router. Used by one thread at a time."""

    def __init__(
        self,
        program: Program,
        labels: Mapping[str, str],
        falco_rules: Iterable[FalcoRule] = (),
        *,
        secret: bytes = bytes(16),
        incident_channels: IncidentChannels = NO_INCIDENT_CHANNELS,
        ordered_channels: frozenset[str] = frozenset(),
    ) -> None:
        """``falco_rules`` are the rules that ``complete`` recognises text alerts by.

        ``secret`` keys the hashes of keys in the state, 16 to 64 bytes. ``incident_channels`` get more than alerts.
        ``ordered_channels`` get the notifications of each route in order.
        """
        self.program = program
        self._labels = labels
        self._matcher = Matcher(program, labels)
        self._text_alerts = TextAlerts(falco_rules)
        self._tables = Tables(program.tables, labels)
        self.completes = bool(program.tables) or self._text_alerts.has_rules
        """Whether ``complete`` may change an alert."""
        self._redactor = Redactor(program.redactions)
        self._incident_channels = incident_channels
        self._ordered_channels = ordered_channels
        self.engine = Engine(program, labels, secret) if any(route.remembers for route in program.routes) else None
        self.shared: SharedEngine | None = None
        """The partitions of its memory in a fleet; None where ``route`` decides about everything."""

    def use_secret(self, secret: bytes) -> None:
        """Key the hashes of keys with this secret. Comes before the first step."""
        if self.engine is not None:
            self.engine = Engine(self.program, self._labels, secret)

    def share(self, partitions: int) -> None:
        """Decide in two halves: ``route`` leaves to ``take`` what needs memory. Comes after ``use_secret``."""
        if self.engine is not None:
            self.shared = SharedEngine(self.engine, partitions)

    def start(self, state: State, now_ns: int) -> dict[str, int]:
        """The program runs from now on. Returns the clauses whose state it forgot, with the number of keys."""
        if self.engine is None:
            return {clause: state.forget(clause) for clause in list(state.tables)}
        forgotten = self.engine.forget_others(state)
        self.engine.start(state, now_ns)
        return forgotten

    def prepare_look_back(self, state: State, now_ns: int, *, recorded: bool = True) -> None:
        """Mark the clauses that run for the first time: they look back. Comes before ``start``, in a live bridge only.

        ``recorded`` is whether there are alerts to look back at.
        """
        if self.engine is not None:
            prepare(self.engine, self.program.redactions, state, now_ns, recorded=recorded)

    def look_back(self, state: State, now_ns: int) -> LookBack | None:
        """What the marked clauses look back at; None if there are none."""
        if self.engine is None:
            return None
        clauses = pending(self.engine, state, now_ns)
        return LookBack(self.engine, self._matcher, self._tables.added, clauses) if clauses else None

    def look_back_in(self, states: Mapping[int, State], now_ns: int) -> LookBack | None:
        """As ``look_back``, for the states of several partitions at once."""
        if self.shared is None:
            return None
        clauses = [each for number, state in states.items() for each in self.shared.looking(number, state, now_ns)]
        return LookBack(self.shared.engine, self._matcher, self._tables.added, clauses) if clauses else None

    def complete(self, alert: Alert) -> Alert:
        """The alert with its rule, source, tags and fields, where a Falco rule explains its text; and with its columns.

        An alert that a rule explains has another id, so this comes before looking for duplicates.
        """
        return self._tables.added(self._text_alerts.completed(alert))

    def step(
        self,
        state: State,
        cause: Alert | Timer,
        now_ns: int,
        silences: Silences = NO_SILENCES,
        stored: StoredAlert = none_stored,
    ) -> Routed:
        """What follows from an alert, as ``complete`` returned it, or from timers that are due. Changes ``state``.

        ``now_ns`` is the time for schedules and timers, in nanoseconds since the epoch. Silences are asked about the
        ``stored`` alerts that an alert releases, such as the first step of a sequence.
        """
        if isinstance(cause, Timer):
            return self._in_order(self._wake(state, cause, now_ns, silences))
        matched = self._matcher.match(cause, now_ns)
        if self.engine is None and not silences:
            return self._in_order(decide(self.program, matched, cause))
        turn, both = Turn(state, now_ns, silences.asked(cause, now_ns, stored)), (cause, self._redactor.alert(cause))
        return self._in_order(
            decide_with_memory(self.program, self.engine, matched, both, turn, self._incident_channels)
        )

    def match(self, alerts: Sequence[Alert], now_ns: int) -> Mapping[str, tuple[int, ...]]:
        """The routes that match alerts, by the id of the alert, for ``route``; nothing where that saves no time.

        Matching and memory displace each other from the processor's caches, so a batch is matched before ``route``.
        An alert that cannot be matched is left out: ``route`` fails for it then, and for no other one.
        """
        if self.engine is None or len(alerts) == 1:
            return NOT_MATCHED
        matched: dict[str, tuple[int, ...]] = {}
        for alert in alerts:
            try:
                matched[alert.id] = self._matcher.match(alert, now_ns)
            except Exception:  # noqa: BLE001, S112  # ``route`` reports it
                continue
        return matched

    def route(
        self,
        state: State,
        alert: Alert,
        now_ns: int,
        silences: Silences = NO_SILENCES,
        stored: StoredAlert = none_stored,
        matched: Mapping[str, tuple[int, ...]] = NOT_MATCHED,
    ) -> Entry:
        """What to store for an alert, as ``complete`` returned it: the redacted alert and what ``step`` decides.

        ``matched`` is what ``match`` returned; an alert that is not in it is matched here.
        """
        redacted = self._redactor.alert(alert)
        routes = matched.get(alert.id)
        if routes is None:
            routes = self._matcher.match(alert, now_ns)
        if self.engine is None and not silences:
            return Entry(redacted, self._in_order(decide(self.program, routes, alert)))
        turn, both = Turn(state, now_ns, silences.asked(alert, now_ns, stored)), (alert, redacted)
        if self.shared is None:
            routed = decide_with_memory(self.program, self.engine, routes, both, turn, self._incident_channels)
            return Entry(redacted, self._in_order(routed) if self._ordered_channels else routed)
        entry = offer(self.program, self.shared, routes, both, turn, self._incident_channels)
        return msgspec.structs.replace(entry, routed=self._in_order(entry.routed))

    def take(
        self, state: State, match: Match, silences: Silences = NO_SILENCES, stored: StoredAlert = none_stored
    ) -> Routed:
        """What follows from a match of ``route`` at the owner of its partition. Changes ``state``.

        The alert itself is silenced if the original was; other alerts are those that are ``stored``.
        """
        if self.shared is None:
            return Routed(tuple(not_decided(each) for each in match.routes), ())
        turn = Turn(
            state,
            match.received_ns,
            silences.asked_for_match(match.alert_id, match.silenced, match.received_ns, stored),
        )
        return self._in_order(take(self.program, self.shared, match, turn, self._incident_channels))

    def unknown(self, match: Match) -> tuple[bytes, ...]:
        """The ids of the routes of a match, and of conditions that it meets, that this program does not have."""
        if self.shared is None:
            return (*(each.stages for each in match.routes), *(each.clause for each in match.watches))
        return tuple(self.shared.unknown(match))

    def may_merge(self, notification: Notification) -> bool:
        """Whether others about its alert to its channel can become one with it."""
        return may_merge(notification, self._incident_channels)

    def merged(self, one: Notification, other: Notification) -> Notification:
        """Two that may merge, as if both had been decided at once."""
        return merged(self.program, one, other)

    def due_alerts(self, state: State, now_ns: int, limit: int, silences: Silences) -> tuple[set[str], int]:
        """The ids of stored alerts that timers need while there are silences, and how many timers may fire."""
        return (set(), limit) if self.engine is None else self.engine.due_alerts(state, now_ns, limit, silences.knows)

    def remembered(self, state: State, route: str, alert: Alert, now_ns: int) -> list[tuple[str, str]]:
        """What each clause of a route remembers of the alert's key: the clause's word and its state in words."""
        if self.engine is None:
            return []
        found = (each for each in self.engine.pipelines.values() if each.route.name == route)
        return [line for pipeline in found for line in pipeline.remembered(state, alert, now_ns)]

    def incidents(self, state: State) -> list[IncidentRecord]:
        """The incidents that are open, acknowledged or resolved lately, the latest match first."""
        return [] if self.engine is None else self.engine.incidents(state)

    def acknowledge(
        self, state: State, target: str, actor: str, now_ns: int
    ) -> tuple[list[IncidentRecord], tuple[Notification, ...]]:
        """Acknowledge an incident by its id, or all of a route by its name. Returns those that were open."""
        if self.engine is None:
            return [], ()
        acknowledged, emissions = self.engine.acknowledge(state, target, actor, now_ns)
        return acknowledged, self._notifications(emissions)

    def resolve(
        self, state: State, target: str, actor: str, now_ns: int
    ) -> tuple[list[IncidentRecord], tuple[Notification, ...]]:
        """Resolve an incident by its id, or all of a route by its name. Returns those that had not ended."""
        if self.engine is None:
            return [], ()
        resolved, emissions = self.engine.resolve(state, target, actor, now_ns)
        return resolved, self._notifications(emissions)

    def redact(self, alert: Alert) -> Alert:
        """The alert as it would be stored."""
        return self._redactor.alert(alert)

    def redact_raw(self, raw: bytes) -> bytes:
        """A message that is not an alert, without secrets."""
        return self._redactor.raw(raw)

    def _notifications(self, emissions: list[Emission]) -> tuple[Notification, ...]:
        return self._in_order(Routed((), notify(self.program, emissions, self._incident_channels))).notifications

    def _in_order(self, routed: Routed) -> Routed:
        """The same, with the notifications of ordered channels marked."""
        if not self._ordered_channels:
            return routed
        marked = (
            msgspec.structs.replace(each, ordered=each.channel in self._ordered_channels)
            for each in routed.notifications
        )
        return msgspec.structs.replace(routed, notifications=tuple(marked))

    def _wake(self, state: State, timer: Timer, now_ns: int, silences: Silences) -> Routed:
        if self.engine is None:
            return NOTHING
        turn = Turn(state, now_ns, silences.asked_of(timer.alerts, now_ns))
        emissions, faults = self.engine.wake(state, now_ns, turn.silenced, timer.limit)
        emissions += self.engine.evict(state, now_ns, turn.silenced, faults)
        return Routed((), notify(self.program, emissions, self._incident_channels), tuple(faults))
