"""As ``routing.decide``, for programs with clauses that remember, and while there are silences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bridge.alert import Alert, Priority
from bridge.language.program.clauses import Absent, Clause, Then
from bridge.language.program.program import Program, Route
from bridge.routing.decide import merge, unmatched
from bridge.routing.decision import OTHERWISE, Decision, Fault, Routed
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.memory.clauses.passage import Passage
from bridge.routing.memory.engine import Engine, event_time
from bridge.routing.memory.outcome import Emission, Entered
from bridge.routing.memory.pipeline import Pipeline
from bridge.routing.notification import Notification, NotificationContext, NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import State

_SENT, _UNMATCHED, _SINGLE = Reason.SENT, Reason.UNMATCHED, NotificationKind.SINGLE
"""In Python 3.11, reading a member of an enumeration calls a function."""


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What a step works with."""

    state: State
    now_ns: int
    silenced: Callable[[str], str | None]
    """From an alert's id to the id of the silence that holds it back, or None."""


class Found(msgspec.Struct):
    """What follows from one alert, while its routes are asked."""

    decisions: list[Decision] = []  # msgspec copies the defaults
    now: list[tuple[Route, tuple[str, ...], NotificationContext | None]] = []
    """What is about the alert itself: the route, the channels, and the context if the route has memory."""
    held: list[Emission] = []
    """What is about alerts that were held, or about several."""
    faults: list[Fault] = []

    def add(self, route: Route, entered: Entered) -> None:
        """What became of a match of a route with memory."""
        decision, passage = entered.decision, entered.passage
        self.decisions.append(decision)
        if passage is not None:
            self.now.append((route, decision.channels, _context(passage, decision.incident)))
        if entered.others:
            self.held += entered.others


def decide_with_memory(
    program: Program,
    engine: Engine | None,
    matched: Iterable[int],
    alert: tuple[Alert, Alert],
    turn: Turn,
    incident_channels: IncidentChannels,
) -> Routed:
    """As ``decide``, with clauses that remember and with silences. ``alert`` is the original and the redacted one."""
    original, redacted = alert
    state, now_ns, silenced = turn.state, turn.now_ns, turn.silenced
    found = Found()
    pipelines: Mapping[int, Pipeline] = {}
    event_ns = 0
    if engine is not None:
        pipelines, event_ns = engine.pipelines, event_time(original, now_ns)
        if engine.watches:
            found.held += engine.observe(state, original, redacted, event_ns, now_ns, silenced, found.faults)
    for index in matched:
        pipeline = pipelines.get(index)
        try:
            if pipeline is None:
                plain(program.routes[index], original, silenced, found)
            else:
                passage = pipeline.passage(original, redacted, event_ns)
                found.add(pipeline.route, pipeline.enter(state, passage, now_ns, silenced))
        except Exception as error:  # noqa: BLE001  # any fault concerns this route only
            name = program.routes[index].name
            found.faults.append(Fault(name, error))
            found.decisions.append(Decision(name, Reason.FAILED, (), type(error).__name__))
    if engine is not None and state.is_too_large:
        found.held += engine.evict(state, now_ns, silenced, found.faults)
    notifications: tuple[Notification, ...] = ()
    if not found.decisions:
        found.decisions, notifications = otherwise(program, original, silenced)
    elif found.now:
        notifications = notify_of_alert(found.now, original.priority, incident_channels)
    if found.held:
        notifications += notify(program, found.held, incident_channels)
    return Routed(tuple(found.decisions), notifications, tuple(found.faults))


def plain(route: Route, alert: Alert, silenced: Callable[[str], str | None], found: Found) -> None:
    """A route without memory matched."""
    if route.drop:
        found.decisions.append(Decision(route.name, Reason.DROPPED))
    elif (silence := silenced(alert.id)) is not None:
        found.decisions.append(Decision(route.name, Reason.SILENCED, (), f"by silence {silence}"))
    else:
        channels = route.destinations(alert.get)
        found.decisions.append(Decision(route.name, _UNMATCHED if route.fallback else _SENT, channels))
        found.now.append((route, channels, None))


def notify(
    program: Program, emissions: Iterable[Emission], incident_channels: IncidentChannels
) -> tuple[Notification, ...]:
    """The notifications of passages that were held, or that timers caused: one for each channel, not merged."""
    found: list[Notification] = []
    for emission in emissions:
        passage = emission.passage
        route = program.routes[emission.route]
        channels = passage.to or route.to
        channels = tuple([each for each in channels if incident_channels.takes(each, passage.kind)])
        severity = Priority(passage.severity)
        context = _with_meaning(emission, passage, route)
        found += [
            Notification(
                channel,
                (route.name,),
                severity,
                route.title,
                route.message,
                passage.alert_id,
                context,
                route.fields,
                route.links,
            )
            for channel in channels
        ]
    return tuple(found)


def otherwise(
    program: Program, alert: Alert, silenced: Callable[[str], str | None]
) -> tuple[list[Decision], tuple[Notification, ...]]:
    """What ``otherwise`` decides about an alert that no route matched."""
    routed = unmatched(program, alert)
    if routed.decisions and (silence := silenced(alert.id)) is not None:
        return [Decision(OTHERWISE, Reason.SILENCED, (), f"by silence {silence}")], ()
    return list(routed.decisions), routed.notifications


def notify_of_alert(
    now: Sequence[tuple[Route, tuple[str, ...], NotificationContext | None]],
    priority: Priority,
    incident_channels: IncidentChannels,
) -> tuple[Notification, ...]:
    """One notification a channel about one alert; on a channel that knows incidents one for each route with memory.

    ``now`` is as in Found. ``priority`` is the alert's.
    """
    if len(now) == 1:
        ((route, channels, context),) = now
        if len(channels) == 1:  # in Python 3.11, a comprehension calls a function
            return (merge(channels[0], (route,), priority, context),)
        return tuple([merge(channel, (route,), priority, context) for channel in channels])
    known = incident_channels.known
    by_channel: dict[tuple[str, str], list[tuple[Route, NotificationContext | None]]] = {}
    for route, channels, context in now:
        for channel in channels:
            apart = route.name if context is not None and channel in known else ""
            by_channel.setdefault((channel, apart), []).append((route, context))
    return tuple([_merged(channel, wanting, priority) for (channel, _), wanting in by_channel.items()])


def _merged(
    channel: str, wanting: Sequence[tuple[Route, NotificationContext | None]], priority: Priority
) -> Notification:
    """The context is that of the first route with memory."""
    context = next((context for _, context in wanting if context is not None), None)
    return merge(channel, [route for route, _ in wanting], priority, context)


def _with_meaning(emission: Emission, passage: Passage, route: Route) -> NotificationContext:
    """The context of a passage that was held, with what its alerts mean in the route."""
    context = _context(passage, emission.incident)
    evicted = emission.reason is Reason.STATE_EVICTED  # what would have come is not known
    not_followed_ns = 0 if evicted else max([_not_followed_ns(each) for each in route.clauses], default=0)
    if context.kind is _SINGLE and not not_followed_ns:
        return context
    return msgspec.structs.replace(
        context,
        own_severities=context.kind is NotificationKind.DIGEST and route.severity is None,
        silent=any(isinstance(each, Absent) for each in route.clauses),
        not_followed_ns=not_followed_ns,
    )


def _not_followed_ns(clause: Clause) -> int:
    last = clause.steps[-1] if isinstance(clause, Then) else None
    return last.window_ns if last is not None and last.negated else 0


def _context(passage: Passage, incident: str) -> NotificationContext:
    return NotificationContext(
        passage.kind,
        passage.count,
        passage.suppressed,
        passage.first_ns,
        passage.last_ns,
        passage.values,
        passage.alerts,
        incident,
        passage.shown,
    )
