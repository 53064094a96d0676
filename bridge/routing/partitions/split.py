"""Decides in two halves: what needs no memory where an alert is received, the rest at the owner of its keys. Pure.

Together they decide as ``decide_with_memory`` does. ``stop``, ``drop`` and ``otherwise`` look at the matches alone, so
that the first half knows which routes act.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from bridge.alert import Alert, Priority
from bridge.language.program.program import Program
from bridge.routing.decision import Decision, Entry, Fault, Routed
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.memory.clauses.stage import Seen
from bridge.routing.memory.clauses.stages import Watch
from bridge.routing.memory.decide import Found, Turn, notify, notify_of_alert, otherwise, plain
from bridge.routing.memory.engine import Engine, event_time
from bridge.routing.memory.look_back import ClauseLookBack, pending
from bridge.routing.memory.pipeline import Pipeline
from bridge.routing.notification import Notification
from bridge.routing.partitions.matches import ID_SIZE, Match, RouteMatch, WatchMatch, encode_match, stage_ids
from bridge.routing.partitions.placement import RoutePartitions
from bridge.routing.reason import Reason
from bridge.routing.state import KEYS_PER_TABLE, State

NOT_AT_OWNER = "the bridge that owns its memory does not have this route"
"""The detail of such a decision."""
_ROOM = 2
"""How much more than its share of a clause's keys a partition may have: keys are spread unevenly."""


class SharedEngine:
    """The partitions of a program's memory, and what its matches name."""

    def __init__(self, engine: Engine, count: int) -> None:
        self.engine = engine
        self.count = count
        self._partitions = {
            index: RoutePartitions(pipeline.route, count) for index, pipeline in engine.pipelines.items()
        }
        self._stages = {index: stage_ids(pipeline.identities) for index, pipeline in engine.pipelines.items()}
        self._by_stages = {self._stages[index]: pipeline for index, pipeline in engine.pipelines.items()}
        self._by_route = {stages[-ID_SIZE:]: index for index, stages in self._stages.items()}
        self._watches: dict[tuple[bytes, int], tuple[Pipeline, Watch]] = {}
        for index, pipeline in engine.pipelines.items():
            for watch in pipeline.watches:
                self._watches[self._clause(index, watch), watch.number] = pipeline, watch

    def state(self) -> State:
        """An empty state of one partition."""
        return State(keys_per_clause=self.limits)

    @property
    def limits(self) -> dict[str, int]:
        """How many keys of a clause one partition may have, where they are spread: its share, with some room."""
        share = max(1, -(-KEYS_PER_TABLE * _ROOM // self.count))
        keyed = (index for index, partitions in self._partitions.items() if partitions.is_keyed)
        clauses = (identity for index in keyed for identity in self.engine.pipelines[index].identities)
        return dict.fromkeys(clauses, min(share, KEYS_PER_TABLE))

    def partitions_of(self, identity: str, key: bytes, row: object) -> range:
        """The partitions to which a stored row belongs; none if no route has its clause."""
        pipeline = self.engine.pipeline_of(identity)
        if pipeline is None:
            return range(0)
        return self._partitions[pipeline.index].of_row(pipeline.clause_of(identity), key, row)

    def partition_of(self, pipeline: Pipeline, alert: Alert) -> int:
        """The partition of an alert that matches the route."""
        return self._partitions[pipeline.index].of_passage(pipeline.passage(alert, alert, alert.time_ns))

    def looking(self, number: int, state: State, now_ns: int) -> Iterator[ClauseLookBack]:
        """The clauses that look back for one partition."""
        for each in pending(self.engine, state, now_ns):
            partitions = self._partitions[each.index]
            each.state = state
            each.wants = lambda passage, partitions=partitions: partitions.of_passage(passage) == number  # type: ignore[misc]
            yield each

    def watch_match(self, pipeline: Pipeline, watch: Watch, key: bytes, seen: Seen) -> tuple[int, WatchMatch]:
        """The match of an alert that meets a watched condition, and its partition."""
        found = WatchMatch(self._clause(pipeline.index, watch), watch.number, key, seen.values)
        return self._partitions[pipeline.index].of_key(key), found

    def route_match(self, pipeline: Pipeline, alert: tuple[Alert, Alert], event_ns: int) -> tuple[int, RouteMatch]:
        """The match of a route, and its partition. ``alert`` is the original and the redacted one."""
        passage = pipeline.passage(*alert, event_ns)
        found = RouteMatch(self._stages[pipeline.index], passage, pipeline.route.name)
        return self._partitions[pipeline.index].of_passage(passage), found

    def watched(self, match: WatchMatch) -> tuple[Pipeline, Watch] | None:
        """The clause that watches; None if no route has it."""
        return self._watches.get((match.clause, match.number))

    def matched(self, match: RouteMatch) -> tuple[Pipeline, RouteMatch] | None:
        """The route, with the match as its clauses take it; None if there is no such route, or one with another key."""
        pipeline = self._by_stages.get(match.stages)
        if pipeline is not None:
            return pipeline, match
        index = self._by_route.get(match.stages[-ID_SIZE:])
        if index is None:
            return None
        ids = [match.stages[at : at + ID_SIZE] for at in range(0, len(match.stages), ID_SIZE)]
        keys = dict(zip(ids, match.passage.keys, strict=False))
        stages = self._stages[index]
        wanted = [keys.get(stages[at : at + ID_SIZE]) for at in range(0, len(stages), ID_SIZE)]
        known = tuple(key for key in wanted if key is not None)
        if len(known) < len(wanted):
            return None
        passage = msgspec.structs.replace(match.passage, keys=known)
        return self.engine.pipelines[index], RouteMatch(stages, passage, match.name)

    def unknown(self, match: Match) -> Iterator[bytes]:
        """The ids of the routes and clauses of a match that this program does not have."""
        yield from (each.stages for each in match.routes if self.matched(each) is None)
        yield from (each.clause for each in match.watches if self.watched(each) is None)

    def _clause(self, index: int, watch: Watch) -> bytes:
        return self._stages[index][watch.stage * ID_SIZE : (watch.stage + 1) * ID_SIZE]


def offer(
    program: Program,
    shared: SharedEngine,
    matched: Iterable[int],
    alert: tuple[Alert, Alert],
    turn: Turn,
    incident_channels: IncidentChannels,
) -> Entry:
    """What needs no memory, with the matches for the owners. ``turn.state`` is not used."""
    now_ns, silenced = turn.now_ns, turn.silenced
    found = Found()
    event_ns = event_time(alert[0], now_ns)
    watches: defaultdict[int, list[WatchMatch]] = defaultdict(list)
    routes: defaultdict[int, list[RouteMatch]] = defaultdict(list)
    awaited: set[str] = set()
    for watching in shared.engine.seen(*alert, event_ns, now_ns, found.faults):
        partition, watch_match = shared.watch_match(*watching)
        watches[partition].append(watch_match)
    for index in matched:
        pipeline = shared.engine.pipelines.get(index)
        try:
            if pipeline is None:
                plain(program.routes[index], alert[0], silenced, found)
            else:
                partition, route_match = shared.route_match(pipeline, alert, event_ns)
                routes[partition].append(route_match)
                awaited.update(route_match.passage.to or pipeline.route.to)
                incident = pipeline.incident_id(route_match.passage.keys[-1])
                found.decisions.append(Decision(pipeline.route.name, Reason.PENDING, (), "", incident))
        except Exception as error:  # noqa: BLE001  # any fault concerns this route only
            name = program.routes[index].name
            found.faults.append(Fault(name, error))
            found.decisions.append(Decision(name, Reason.FAILED, (), type(error).__name__))
    notifications: tuple[Notification, ...] = ()
    if not found.decisions:
        found.decisions, notifications = otherwise(program, alert[0], silenced)
    elif found.now:
        notifications = notify_of_alert(found.now, alert[0].priority, incident_channels)
    silence = (silenced(alert[0].id) or "") if watches or routes else ""
    about = (alert[0].id, now_ns, event_ns, int(alert[0].priority), silence)
    matches = tuple(
        (each, encode_match(Match(*about, tuple(watches.get(each, ())), tuple(routes.get(each, ())))))
        for each in sorted(watches.keys() | routes.keys())
    )
    routed = Routed(tuple(found.decisions), notifications, tuple(found.faults))
    return Entry(alert[1], routed, matches, frozenset(awaited))


def take(
    program: Program, shared: SharedEngine, match: Match, turn: Turn, incident_channels: IncidentChannels
) -> Routed:
    """What follows from a match at the owner of its partition, whose state changes.

    The decisions are those of routes with memory. Notifications about the alert itself may be merged with others of it.
    """
    state, now_ns, silenced = turn.state, turn.now_ns, turn.silenced
    found = Found()
    for each in match.watches:
        watching = shared.watched(each)
        if watching is None:
            continue
        pipeline, watch = watching
        try:
            seen = Seen(match.alert_id, match.event_ns, each.values)
            found.held += pipeline.observe(state, watch, each.key, seen, now_ns, silenced).emissions
        except Exception as error:  # noqa: BLE001  # any fault concerns this clause only
            found.faults.append(Fault(pipeline.route.name, error))
    for route in match.routes:
        known = shared.matched(route)
        if known is not None:
            _enter(*known, turn, found)
        else:
            found.decisions.append(not_decided(route))
    if state.is_too_large:
        found.held += shared.engine.evict(state, now_ns, silenced, found.faults)
    notifications: tuple[Notification, ...] = ()
    if found.now:
        notifications = notify_of_alert(found.now, Priority(match.priority), incident_channels)
    notifications += notify(program, found.held, incident_channels)
    return Routed(tuple(found.decisions), notifications, tuple(found.faults))


def not_decided(route: RouteMatch) -> Decision:
    """The decision about a route that the owner does not have."""
    return Decision(route.name, Reason.FAILED, (), NOT_AT_OWNER)


def _enter(pipeline: Pipeline, route: RouteMatch, turn: Turn, found: Found) -> None:
    """A route matched."""
    name = pipeline.route.name
    try:
        found.add(pipeline.route, pipeline.enter(turn.state, route.passage, turn.now_ns, turn.silenced))
    except Exception as error:  # noqa: BLE001  # any fault concerns this route only
        found.faults.append(Fault(name, error))
        found.decisions.append(Decision(name, Reason.FAILED, (), type(error).__name__))
