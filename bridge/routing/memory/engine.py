"""All routes with memory: what an alert or a timer does to their state, and which notifications follow. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from bridge.alert import Alert
from bridge.language.diagnostics.source import Span
from bridge.language.program.program import Program, Route
from bridge.matching import Matcher
from bridge.routing.decision import Fault
from bridge.routing.memory.clauses.stage import Seen, SilencedBy
from bridge.routing.memory.clauses.stages import Watch
from bridge.routing.memory.first_passage import first_passage
from bridge.routing.memory.incident import Incident
from bridge.routing.memory.keys import read_field
from bridge.routing.memory.outcome import Emission, Run
from bridge.routing.memory.pipeline import Pipeline
from bridge.routing.memory.rows import named_alerts
from bridge.routing.state import State

FUTURE_NS = 60_000_000_000
"""How far ahead of its receipt an event time may be; beyond that the receipt time is used."""
_LONGEST_VALUE = 4096
"""Characters of a field of another alert that are remembered. A key remembers up to 100 alerts."""


@dataclass(frozen=True, slots=True)
class _Watcher:
    """A watched condition with what reads the fields that texts name."""

    pipeline: Pipeline
    watch: Watch
    reads: tuple[tuple[str, Callable[[Alert], object]], ...]


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident with its id."""

    id: str
    """16 hexadecimal digits."""
    route: str
    key: bytes
    incident: Incident


class Engine:
    """The compiled clauses with memory of a program. Used by one thread at a time."""

    def __init__(self, program: Program, labels: Mapping[str, str], secret: bytes) -> None:
        """``secret`` keys the hashes of keys: 16 to 64 bytes."""
        passages = cache(first_passage)
        self.pipelines = {
            index: Pipeline(index, route, labels, secret, passages)
            for index, route in enumerate(program.routes)
            if route.remembers
        }
        self._by_identity = {
            identity: pipeline for pipeline in self.pipelines.values() for identity in pipeline.identities
        }
        self._watchers = [
            _Watcher(pipeline, watch, tuple((name, read_field(name, labels)) for name in watch.fields))
            for pipeline in self.pipelines.values()
            for watch in pipeline.watches
        ]
        self.watches = bool(self._watchers)
        """Whether a clause watches for alerts besides those of its route: ``observe`` does nothing without one."""
        self._watching = Matcher(_watch_program(self._watchers), labels) if self._watchers else None

    @property
    def clauses(self) -> frozenset[str]:
        """What identifies the state of each clause."""
        return frozenset(self._by_identity)

    def start(self, state: State, now_ns: int) -> None:
        """The program runs from now on. Routes that ran before keep the time of their start."""
        for pipeline in self.pipelines.values():
            pipeline.start(state, now_ns)

    def forget_others(self, state: State) -> dict[str, int]:
        """Remove the state of clauses that the program does not have, and return how many rows each had."""
        return {clause: state.forget(clause) for clause in set(state.tables) - self._by_identity.keys()}

    def observe(
        self, state: State, alert: Alert, redacted: Alert, event_ns: int, now_ns: int, silenced: SilencedBy,
        faults: list[Fault],
    ) -> Sequence[Emission]:  # fmt: skip
        """Offer an alert to the clauses that watch for others. Comes before its routes' own ``Pipeline.enter``.

        What fails is added to ``faults``; it concerns one clause.
        """
        emissions: list[Emission] = []
        for pipeline, watch, key, seen in self.seen(alert, redacted, event_ns, now_ns, faults):
            try:
                emissions += pipeline.observe(state, watch, key, seen, now_ns, silenced).emissions
            except Exception as error:  # noqa: BLE001  # any fault concerns this clause only
                faults.append(Fault(pipeline.route.name, error))
        return emissions

    def seen(
        self, alert: Alert, redacted: Alert, event_ns: int, now_ns: int, faults: list[Fault]
    ) -> list[tuple[Pipeline, Watch, bytes, Seen]]:
        """The watched conditions that an alert meets, with its key and what the clauses need of it."""
        if self._watching is None:
            return []
        found = []
        for index in self._watching.match(alert, now_ns):
            watcher = self._watchers[index]
            try:
                values = {name: _text(read(redacted)) for name, read in watcher.reads}
                found.append(
                    (watcher.pipeline, watcher.watch, watcher.watch.key(alert), Seen(alert.id, event_ns, values))
                )
            except Exception as error:  # noqa: BLE001  # any fault concerns this clause only
                faults.append(Fault(watcher.pipeline.route.name, error))
        return found

    def pipeline_of(self, identity: str) -> Pipeline | None:
        """The route that has the clause with this identity."""
        return self._by_identity.get(identity)

    def wake(self, state: State, now_ns: int, silenced: SilencedBy, limit: int) -> tuple[list[Emission], list[Fault]]:
        """Fire up to ``limit`` timers that are due. A fault of one is returned, so that the others are not lost."""
        emissions: list[Emission] = []
        faults: list[Fault] = []
        for _ in range(limit):
            due = state.pop_due(now_ns)
            if due is None:
                break
            table, key = due
            pipeline = self._by_identity.get(table.clause)
            if pipeline is None or table.get(key) is None:
                continue
            try:
                emissions += pipeline.wake(state, table, key, now_ns, silenced).emissions
            except Exception as error:  # noqa: BLE001  # any fault concerns this timer only
                faults.append(Fault(pipeline.route.name, error))
        return emissions, faults

    def due_alerts(self, state: State, now_ns: int, limit: int, knows: Callable[[str], bool]) -> tuple[set[str], int]:
        """The ids of the alerts that silences are asked about when due timers fire, and for how many timers.

        Without those that the silences know already. These are at most ``limit``, and so few that not many more alerts
        than that are named, but at least one.
        """
        found: set[str] = set()
        timers = 0
        for table, key in state.due(now_ns, limit):
            row = table.get(key)
            named: list[str] = []
            with suppress(Exception):  # the timer reports it, and others fire
                named = [] if row is None else [each for each in named_alerts(row) if not knows(each)]
            if timers and len(found) + len(named) > limit:
                break
            found.update(named)
            timers += 1
        return found, timers

    def evict(self, state: State, now_ns: int, silenced: SilencedBy, faults: list[Fault]) -> list[Emission]:
        """Bring the state within its bounds, the longest unused keys first. What fails is added to ``faults``."""
        emissions: list[Emission] = []
        for table in state.overflowing():
            pipeline = self._by_identity.get(table.clause)
            if pipeline is None:
                state.forget(table.clause)
                continue
            try:
                emissions += pipeline.evict(state, table, now_ns, silenced).emissions
            except Exception as error:  # noqa: BLE001  # any fault concerns this key only, which is forgotten
                faults.append(Fault(pipeline.route.name, error))
        return emissions

    def incidents(self, state: State) -> list[IncidentRecord]:
        """All incidents that are open, acknowledged or resolved lately, the latest match first."""
        found = [
            IncidentRecord(incident_id, pipeline.route.name, key, row)
            for pipeline in self.pipelines.values()
            for incident_id, key, row in pipeline.listed(state)
        ]
        return sorted(found, key=lambda each: each.incident.matched_ns, reverse=True)

    def acknowledge(
        self, state: State, target: str, actor: str, now_ns: int
    ) -> tuple[list[IncidentRecord], list[Emission]]:
        """Acknowledge an open incident by its id, or all of a route by its name. Returns those that were open."""
        return self._change(state, target, lambda pipeline, key: pipeline.acknowledge(state, key, actor, now_ns))

    def resolve(
        self, state: State, target: str, actor: str, now_ns: int
    ) -> tuple[list[IncidentRecord], list[Emission]]:
        """Resolve the incident with this id, or all of the route with this name: those that had not ended."""
        return self._change(state, target, lambda pipeline, key: pipeline.resolve(state, key, actor, now_ns))

    def _change(
        self, state: State, target: str, change: Callable[[Pipeline, bytes], Run]
    ) -> tuple[list[IncidentRecord], list[Emission]]:
        """The incidents that were changed, and what follows."""
        changed: list[IncidentRecord] = []
        emissions: list[Emission] = []
        for each in self._targeted(state, target):
            run = change(self._pipeline(each.route), each.key)
            if run.emissions:
                changed.append(each)
                emissions += run.emissions
        return changed, emissions

    def _targeted(self, state: State, target: str) -> list[IncidentRecord]:
        return [each for each in self.incidents(state) if target in {each.id, each.route}]

    def _pipeline(self, route: str) -> Pipeline:
        return next(each for each in self.pipelines.values() if each.route.name == route)


def event_time(alert: Alert, received_ns: int) -> int:
    """The alert's event time; its receipt, if the event time is more than a minute after it."""
    return alert.time_ns if alert.time_ns <= received_ns + FUTURE_NS else received_ns


def _watch_program(watchers: list[_Watcher]) -> Program:
    """The watched conditions as routes, so that one lookup per field finds those that hold."""
    nowhere = Span("", 0, 0, 1, 1)
    blank = Route("", None, (), None, None, None, drop=False, stop=False, span=nowhere)
    return Program(tuple(replace(blank, when=each.watch.condition) for each in watchers), ())


def _text(value: object) -> str:
    if value is None:
        return "<NA>"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
