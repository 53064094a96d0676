"""The first run of ``new`` and ``absent``: what recorded alerts say about combinations and keys. Pure.

Recorded alerts are collected, the oldest first, and then used in a few steps, by event time. Nothing is decided about
them. A marker row in the clause's table lasts until all are used, so that an interrupted look-back starts again; while
it is there, the clause passes nothing because of what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from bridge.alert import Alert
from bridge.language.program.clauses import Absent, New
from bridge.language.program.program import Redaction
from bridge.language.program.redacted import redacted_fields
from bridge.matching import Matcher
from bridge.routing.memory.clauses.absent import LastSeen
from bridge.routing.memory.clauses.new import LOOKING_BACK, STARTED, Sighting
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.clauses.stage import LATENESS_NS
from bridge.routing.memory.clauses.stages import held_before_ns
from bridge.routing.memory.engine import Engine, event_time
from bridge.routing.memory.pipeline import Pipeline
from bridge.routing.state import State, Table

ABSENT_NS = 24 * 3600 * 1_000_000_000
"""How far back ``absent`` looks."""


@dataclass(slots=True)
class ClauseLookBack:
    """A clause that looks back."""

    index: int
    """The route's place in the program."""
    pipeline: Pipeline
    identity: str
    clause: New | Absent
    place: int
    """The clause's place among the stages of the route."""
    since_ns: int
    first_ns: int | None = None
    """When the first recorded alert of this time was received."""
    found: dict[bytes, int | Passage] = field(default_factory=dict)
    """For each key its latest event: the time, or for ``absent`` the match. The longest unused first."""
    ordered: Iterator[tuple[int, bytes, int | Passage]] | None = None
    """What was found, by event time."""
    state: State | None = None
    """That of its partition, in a fleet. Without, it is the caller's."""
    wants: Callable[[Passage], bool] = lambda _passage: True
    """Whether a match belongs to it, and not to the same clause in another partition."""

    def state_or(self, state: State) -> State:
        """Its own state, or else this one."""
        return state if self.state is None else self.state


def prepare(engine: Engine, redactions: Sequence[Redaction], state: State, now_ns: int, *, recorded: bool) -> None:
    """Mark the clauses that run for the first time. They look back if alerts are recorded with the original values."""
    for pipeline in engine.pipelines.values():
        for identity, clause, _ in pipeline.looking():
            table = state.table(identity)
            if table.get(STARTED) is not None:
                continue
            if recorded and not table.entries and not redacted_fields(clause.key_fields, redactions):
                table.put(LOOKING_BACK, Sighting(0))
            table.put(STARTED, Sighting(now_ns))


def pending(engine: Engine, state: State, now_ns: int) -> list[ClauseLookBack]:
    """The clauses that are marked."""
    return [
        ClauseLookBack(index, pipeline, identity, clause, place, now_ns - _reach_ns(clause))
        for index, pipeline in engine.pipelines.items()
        for identity, clause, place in pipeline.looking()
        if identity in state.tables and state.tables[identity].get(LOOKING_BACK) is not None
    ]


def _reach_ns(clause: New | Absent) -> int:
    return clause.window_ns if isinstance(clause, New) else ABSENT_NS


class LookBack:
    """One pass over the recorded alerts for all clauses that are marked. Used by one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        matcher: Matcher,
        complete: Callable[[Alert], Alert],
        clauses: Sequence[ClauseLookBack],
    ) -> None:
        """``complete`` adds the columns of tables to an alert."""
        self.engine = engine
        self._complete = complete
        self._matcher = matcher
        self._clauses = list(clauses)

    @property
    def states(self) -> list[State]:
        """The states of the partitions, in a fleet."""
        return [each.state for each in self._clauses if each.state is not None]

    @property
    def since_ns(self) -> int:
        """The receipt time from which on alerts are needed."""
        return min(each.since_ns for each in self._clauses)

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes whose clauses look back."""
        return tuple(dict.fromkeys(each.pipeline.route.name for each in self._clauses))

    def collect(self, state: State, alerts: Iterable[tuple[Alert, int]]) -> None:
        """Read recorded alerts with the times of their receipt, in the order in which they were received."""
        for recorded, received_ns in alerts:
            for each in self._clauses:
                if each.first_ns is None and received_ns >= each.since_ns:
                    each.first_ns = received_ns
            with suppress(Exception):  # as for a live alert, a fault concerns this alert only
                self._collect(state, self._complete(recorded), received_ns)

    def _collect(self, state: State, alert: Alert, received_ns: int) -> None:
        wanting = [each for each in self._clauses if received_ns >= each.since_ns]
        matched = frozenset(self._matcher.match(alert, received_ns) if wanting else ())
        for each in wanting:
            if each.index in matched:
                with suppress(Exception):  # and this clause
                    event_ns = event_time(alert, received_ns)
                    _collect(each, alert, event_ns, each.state_or(state).table(each.identity).limit)

    def apply(self, state: State, now_ns: int, limit: int) -> bool:
        """Use up to ``limit`` of what was found. Returns whether all of it has been used."""
        while self._clauses:
            each = self._clauses[0]
            own = each.state_or(state)
            if each.ordered is None:
                each.ordered = iter(_by_time(each, own, own.table(each.identity)))
            taken = list(islice(each.ordered, limit))
            _apply(each, taken, own, now_ns)
            if len(taken) == limit:
                return False
            limit -= len(taken)
            _finish(each, own.table(each.identity))
            self._clauses.pop(0)
        return True

    def give_up(self, state: State) -> None:
        """End without using what was found."""
        for each in self._clauses:
            each.state_or(state).table(each.identity).remove(LOOKING_BACK)
        self._clauses.clear()


def _collect(each: ClauseLookBack, alert: Alert, event_ns: int, most: int) -> None:
    passage = each.pipeline.passage(alert, alert, event_ns)
    if not each.wants(passage):
        return
    key = passage.keys[each.place]
    before = each.found.pop(key, None)
    if before is not None and _time(before) > event_ns:
        each.found[key] = before
    else:
        each.found[key] = event_ns if isinstance(each.clause, New) else passage
    if len(each.found) > most:
        del each.found[next(iter(each.found))]


def _time(found: int | Passage) -> int:
    return found if isinstance(found, int) else found.event_ns


def _by_time(each: ClauseLookBack, state: State, table: Table) -> list[tuple[int, bytes, int | Passage]]:
    """What was found, as event time, key and content: the latest that there is room for, the oldest first."""
    found = [(_time(content), key, content) for key, content in each.found.items()]
    each.found = {}
    room = max(0, min(table.limit - len(table.entries), state.keys_in_all - state.size))
    return sorted(found, key=lambda entry: entry[:2])[-room:] if room else []


def _apply(
    each: ClauseLookBack, entries: Iterable[tuple[int, bytes, int | Passage]], state: State, now_ns: int
) -> None:
    table = state.table(each.identity)
    for event_ns, key, content in entries:
        row = table.get(key)
        if row is None and (len(table.entries) >= table.limit or state.size >= state.keys_in_all):
            continue  # those that were received since are more useful
        if isinstance(content, int):
            if row is None or row.last_ns < event_ns:
                table.put(key, Sighting(event_ns))
        elif row is None or row.passage.event_ns < event_ns:
            late_ns = held_before_ns(each.pipeline.route, each.clause) + LATENESS_NS
            table.put(key, LastSeen(content), max(event_ns + each.clause.window_ns + late_ns, now_ns + 1))


def _finish(each: ClauseLookBack, table: Table) -> None:
    """The clause has looked back: ``learn`` began with the first alert that it could have seen."""
    table.remove(LOOKING_BACK)
    started: Sighting | None = table.get(STARTED)
    if started is not None and each.first_ns is not None and each.first_ns < started.last_ns:
        table.put(STARTED, Sighting(each.first_ns))
