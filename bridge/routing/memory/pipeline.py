"""The clauses with memory of one route, in the order in which an alert passes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec import structs

from bridge.alert import Alert, Priority, make_alert
from bridge.language.program.clauses import (
    Absent,
    After,
    Clause,
    Group,
    New,
    Then,
    Throttle,
    Unless,
    incident_fields,
)
from bridge.language.program.program import Route
from bridge.routing.decision import Decision
from bridge.routing.memory.clauses.new import NewStage
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.sequence import as_one
from bridge.routing.memory.clauses.stage import SilencedBy, Speaking, StageResult, not_silenced
from bridge.routing.memory.clauses.stages import PlacedStage, Watch, own_key, placed_stages, watches_of
from bridge.routing.memory.describe import describe
from bridge.routing.memory.first_passage import FirstPassage, FirstPassages
from bridge.routing.memory.held_back import HeldBack
from bridge.routing.memory.incident import RESOLVE_AFTER_NS, Incident, IncidentStage
from bridge.routing.memory.keys import HASH_SIZE, key_reader, own_id, shown_key
from bridge.routing.memory.outcome import Emission, Entered, Run
from bridge.routing.memory.silenced import unsilenced, unsilenced_held
from bridge.routing.notification import NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import NO_ENTRY, State, Table

_BLANK = make_alert(
    time_ns=0, priority=Priority.DEBUG, rule="", source="", hostname="", tags=(), output="", fields={}
)  # fmt: skip


_SENT, _SINGLE = Reason.SENT, NotificationKind.SINGLE
"""In Python 3.11, reading a member of an enumeration calls a function."""


class Pipeline:
    """The stages of one route."""

    def __init__(
        self, index: int, route: Route, labels: Mapping[str, str], secret: bytes, passages: FirstPassages
    ) -> None:
        """``passages`` is shared by the routes of an engine."""
        self.index = index
        self.route = route
        self._name = route.name
        self._stages = placed_stages(route, labels, secret)
        clauses = [placed.clause for placed in self._stages if placed.clause is not None]
        self._silenced_before = sum(isinstance(clause, New | Unless | After | Then | Absent) for clause in clauses)
        by = incident_fields(clauses)
        self._absent = _absent_place(clauses)
        grouped = next((clause for clause in clauses if isinstance(clause, Group)), None)
        if grouped is not None:
            incident_key = own_key(grouped, labels, secret, route)
        else:
            incident_key = key_reader(by, labels, secret) if by is not None else own_id
        ladder = tuple(sorted((each.after_ns, each.channel) for each in route.escalations if each.table is None))
        self._named_ladder = [(each.after_ns, each.table) for each in route.escalations if each.table is not None]
        self.incidents = IncidentStage(
            route.to, ladder, HeldBack(self._stages), route.resolve_after_ns or RESOLVE_AFTER_NS
        )
        self.incident_table = f"{route.name}\nincident"
        self._incident_hash = blake2b(route.name.encode() + b"\n", digest_size=8)
        self._stages.append(PlacedStage(None, self.incidents, self.incident_table, incident_key))
        self._entrances = [placed.stage.enter for placed in self._stages]
        self._identities = [placed.identity for placed in self._stages]
        self._key_readers = [placed.key for placed in self._stages]
        self._keys = len(self._key_readers)
        self._key_sizes = tuple([len(read(_BLANK)) for read in self._key_readers])
        severity = None if route.severity is None else int(route.severity)
        read = passages(tuple(self._key_readers), shown_key(by or (), labels), severity)
        self.passage = self._naming_channels(read) if route.tables or self._named_ladder else read
        """From a match of the route to what its first clause gets."""
        self._escalates = bool(route.escalations)
        stages = [placed.stage for placed in self._stages]
        self._speaking = [stage if isinstance(stage, Speaking) else None for stage in stages]
        self._by_identity = {placed.identity: place for place, placed in enumerate(self._stages)}
        self.watches = tuple(watches_of(route, self._stages, labels, secret))

    @property
    def identities(self) -> tuple[str, ...]:
        """What identifies the state of each clause over a reload."""
        return tuple(self._by_identity)

    def clause_of(self, identity: str) -> Clause | None:
        """The clause with this identity; None for the incidents."""
        return self._stages[self._by_identity[identity]].clause

    def start(self, state: State, now_ns: int) -> None:
        """The route runs from now on."""
        for placed in self._stages:
            if isinstance(placed.stage, NewStage):
                placed.stage.start(state.table(placed.identity), now_ns)

    def looking(self) -> Iterator[tuple[str, New | Absent, int]]:
        """The clauses that look back at recorded alerts: what identifies their state, the clause, and its place."""
        for place, placed in enumerate(self._stages):
            if isinstance(placed.clause, New | Absent):
                yield placed.identity, placed.clause, place

    def enter(self, state: State, passage: Passage, now_ns: int, silenced: SilencedBy) -> Entered:
        """A match of the route, as ``passage`` returned it, passes the clauses."""
        keys = passage.keys
        if silenced is not not_silenced:
            return self._entered(passage, self._run(state, (passage,), 0, now_ns, silenced))
        tables, first = state.tables, passage
        for enter, identity, key in zip(self._entrances, self._identities, keys):  # noqa: B905  # ``strict`` costs more
            outcome = enter(tables[identity], passage, key, now_ns)
            if outcome is passage:
                continue
            if isinstance(outcome, Passage):
                passage = outcome
                continue
            place = self._by_identity[identity]
            if outcome.passed:
                return self._entered(first, self._continue(state, outcome, place, now_ns, silenced))
            if self._escalates:
                self._held_back(state, keys[-1], place, now_ns)
            ended = self._ended(state, passage, now_ns) if place == self._absent else ()
            decision = Decision(self._name, outcome.reason or _SENT, (), outcome.detail, self.incident_id(keys[-1]))
            return Entered(decision, None, ended)
        channels = passage.to or self.route.to
        return Entered(Decision(self._name, _SENT, channels, "", self.incident_id(keys[-1])), passage)

    def _entered(self, match: Passage, run: Run) -> Entered:
        """What became of a match that entered, and perhaps of others with it."""
        through: Passage | None = None
        others: tuple[Emission, ...] = ()
        for each in run.emissions:
            passage = each.passage
            if passage.alert_id == match.alert_id and passage.kind is _SINGLE and each.reason is None:
                through = passage
            else:
                others += (each,)
        channels = () if through is None else match.to or self.route.to
        incident = self.incident_id(match.keys[-1])
        return Entered(Decision(self._name, run.reason or _SENT, channels, run.detail, incident), through, others)

    def _naming_channels(self, read: FirstPassage) -> FirstPassage:
        """As ``read``, with the channels that tables name for the alert."""

        def passage(alert: Alert, redacted: Alert, event_ns: int) -> Passage:
            ladder = tuple(
                [(after_ns, channel) for after_ns, table in self._named_ladder for channel in table.chosen(alert.get)]
            )
            to = self.route.destinations(alert.get) if self.route.tables else ()
            return structs.replace(read(alert, redacted, event_ns), to=to, ladder=ladder)

        return passage

    def observe(self, state: State, watch: Watch, key: bytes, seen: Any, now_ns: int, silenced: SilencedBy) -> Run:
        """An alert with this key meets a condition of one of the clauses."""
        placed = self._stages[watch.stage]
        table = state.table(placed.identity)
        outcome = placed.stage.observe(table, watch.number, key, seen, now_ns)  # type: ignore[attr-defined]
        if isinstance(placed.clause, Then):
            outcome = structs.replace(outcome, passed=as_one(outcome.passed, silenced))
        return self._continue(state, outcome, watch.stage, now_ns, silenced)

    def wake(self, state: State, table: Table, key: bytes, now_ns: int, silenced: SilencedBy) -> Run:
        """A timer of one of the clauses has fired."""
        place = self._by_identity[table.clause]
        stage = self._stages[place].stage
        if silenced is not_silenced:
            return self._continue(state, stage.wake(table, key, now_ns), place, now_ns, silenced)
        speaking = self._speaking[place]
        if speaking is not None and (about := speaking.about(table, key, now_ns)) and silenced(about):
            speaking.silence(table, key, now_ns)
            return Run((), Reason.SILENCED)
        outcome = stage.wake(table, key, now_ns)
        if place >= self._silenced_before:
            outcome = structs.replace(outcome, passed=tuple(unsilenced_held(outcome.passed, silenced)))
        return self._continue(state, outcome, place, now_ns, silenced)

    def evict(self, state: State, table: Table, now_ns: int, silenced: SilencedBy) -> Run:
        """Remove the longest unused row of one of the clauses."""
        place = self._by_identity[table.clause]
        key, row = table.take_oldest()
        outcome = self._stages[place].stage.evict(table, key, row, now_ns)
        if key not in table.entries:  # some rows say something of the clause itself and stay
            state.evicted[table.clause] = state.evicted.get(table.clause, 0) + 1
        if self._silenced_before <= place < len(self._stages) - 1:  # an escalation could not be sent later
            outcome = structs.replace(outcome, passed=tuple(unsilenced_held(outcome.passed, silenced)))
        return self._continue(state, outcome, place, now_ns, silenced)

    def _continue(self, state: State, outcome: StageResult, place: int, now_ns: int, silenced: SilencedBy) -> Run:
        """Let what a stage passed go on behind it."""
        if not outcome.passed:
            return Run((), outcome.reason, outcome.detail)
        run = self._run(state, outcome.passed, place + 1, now_ns, silenced)
        emissions = run.emissions
        if outcome.reason is Reason.STATE_EVICTED:
            emissions = tuple(structs.replace(each, reason=outcome.reason) for each in emissions)
        return Run(emissions, run.reason or outcome.reason, run.detail or outcome.detail)

    def _run(self, state: State, passages: tuple[Passage, ...], first: int, now_ns: int, silenced: SilencedBy) -> Run:
        """Lead passages through the stages from ``first`` on."""
        reason: Reason | None = None
        detail = ""
        ended: tuple[Emission, ...] = ()
        for place in range(first, len(self._stages)):
            if place == self._silenced_before and silenced is not not_silenced:
                passages, by = unsilenced(passages, silenced)
                if by is not None:
                    reason, detail = Reason.SILENCED, f"by silence {by}"
            if not passages:
                return Run(ended, reason, detail)
            going: tuple[Passage, ...] = ()
            for passage in passages:
                outcome = self._outcome(state, passage, place, now_ns)
                if isinstance(outcome, Passage):
                    going += (outcome,)
                else:
                    going += outcome.passed
                    if outcome.reason is not None:
                        reason, detail = outcome.reason, outcome.detail
                if place == self._absent:
                    ended += self._ended(state, passage, now_ns)
            passages = going
        if not passages:
            return Run(ended, reason, detail)
        return Run(self._emissions(passages), reason, detail)

    def _outcome(self, state: State, passage: Passage, place: int, now_ns: int) -> Passage | StageResult:
        """What the stage at this place does with a passage.

        A passage that was held since before a reload has the keys of the clauses that the route had then. They cannot
        be computed again, so it continues without the other clauses.
        """
        placed, keys = self._stages[place], passage.keys
        if place == self._keys - 1:
            return placed.stage.enter(state.tables[placed.identity], passage, keys[-1], now_ns)
        if tuple([len(key) for key in keys]) != self._key_sizes:
            return passage
        outcome = placed.stage.enter(state.tables[placed.identity], passage, keys[place], now_ns)
        if self._escalates and isinstance(outcome, StageResult) and not outcome.passed:
            self._held_back(state, keys[-1], place, now_ns)
        return outcome

    def _held_back(self, state: State, key: bytes, place: int, now_ns: int) -> None:
        """A clause holds an alert back, which is not silenced if the clause comes after silences."""
        if place >= self._silenced_before:
            self.incidents.held_back(state.tables[self.incident_table], key, now_ns)

    def _emissions(self, passages: tuple[Passage, ...]) -> tuple[Emission, ...]:
        return tuple([Emission(self.index, each, None, self.incident_id(each.keys[-1])) for each in passages])

    def _ended(self, state: State, passage: Passage, now_ns: int) -> tuple[Emission, ...]:
        """The end of the incident that the silence of a key opened: the key is back."""
        table, key = state.table(self.incident_table), passage.keys[-1]
        row: Incident | None = table.entries.get(key, NO_ENTRY)[0]
        if row is None or passage.event_ns <= row.passage.event_ns:
            return ()
        return self._emissions(self.incidents.resolve(table, key, "", now_ns).passed)

    def incident_id(self, key: bytes) -> str:
        """The id of the incident with this key: 16 hexadecimal digits of the route and the key."""
        hashed = self._incident_hash.copy()
        hashed.update(key)
        return hashed.hexdigest()

    def remembered(self, state: State, alert: Alert, now_ns: int) -> Iterator[tuple[str, str]]:
        """What each clause remembers of the alert's key: the clause's word and its state in words."""
        for placed in self._stages:
            key = placed.key(alert)
            match placed.clause:
                case After() if placed.clause.distinct is not None:
                    key = key[:-HASH_SIZE]
                case Then():
                    key = b"\0" + key[:HASH_SIZE]
                case _:
                    pass
            table = state.tables.get(placed.identity)
            row, due_ns = (None, None) if table is None else (table.get(key), table.due_ns(key))
            name = (
                f"incident {self.incident_id(key)}" if placed.clause is None else placed.clause.text.partition(" ")[0]
            )
            yield name, describe(row, placed.clause, due_ns, now_ns)

    def listed(self, state: State) -> Iterator[tuple[str, bytes, Incident]]:
        """The incidents of the route: id, key and record, the longest unused first."""
        table = state.tables.get(self.incident_table)
        for key, row in () if table is None else list(table.rows()):
            yield self.incident_id(key), key, row

    def acknowledge(self, state: State, key: bytes, actor: str, now_ns: int) -> Run:
        """Cancel the escalations of an incident, if it is open."""
        outcome = self.incidents.acknowledge(state.table(self.incident_table), key, actor, now_ns)
        return self._continue(state, outcome, len(self._stages) - 1, now_ns, not_silenced)

    def resolve(self, state: State, key: bytes, actor: str, now_ns: int) -> Run:
        """End an incident, unless it has ended."""
        outcome = self.incidents.resolve(state.table(self.incident_table), key, actor, now_ns)
        return self._continue(state, outcome, len(self._stages) - 1, now_ns, not_silenced)


def _absent_place(clauses: Sequence[Clause]) -> int | None:
    """The place of the `absent` whose keys are those of the route's incidents; None if there is none."""
    if any(isinstance(each, Group | Throttle | After | Then) for each in clauses):
        return None
    return next((place for place, each in enumerate(clauses) if isinstance(each, Absent)), None)
