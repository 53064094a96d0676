"""As ``routing.decide``, for programs with clauses that remember, and while there are silences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from bridge.alert import Alert, Priority
from bridge.language.program.clauses import Absent
from bridge.language.program.program import Program, Route
from bridge.routing.decide import merge, unmatched
from bridge.routing.decision import OTHERWISE, Decision, Fault, Routed
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.memory.engine import Engine, event_time
from bridge.routing.memory.pipeline import Emission, Pipeline
from bridge.routing.notification import Notification, NotificationContext, NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import State

_SENT, _UNMATCHED = Reason.SENT, Reason.UNMATCHED
_SINGLE = NotificationKind.SINGLE
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
    now: list[tuple[Emission, tuple[str, ...]]] = []
    """What is about the alert itself, with the channels that are notified of it."""
    held: list[Emission] = []
    """What is about alerts that were held, or about several."""
    faults: list[Fault] = []


def decide_with_memory(
    program: Program,
    engine: Engine | None,
    matched: Iterable[int],
    alert: tuple[Alert, Alert],
    turn: Turn,
    incident_channels: IncidentChannels,
) -> Routed:
    """As ``decide``, with clauses that remember and with silences. ``alert`` is the original and the redacted one."""
    state, now_ns, silenced = turn.state, turn.now_ns, turn.silenced
    found = Found()
    pipelines: Mapping[int, Pipeline] = {}
    event_ns = 0
    if engine is not None:
        pipelines, event_ns = engine.pipelines, event_time(alert[0], now_ns)
        if engine.watches:
            found.held += engine.observe(state, *alert, event_ns, now_ns, silenced, found.faults)
    for index in matched:
        pipeline = pipelines.get(index)
        try:
            if pipeline is None:
                plain(program.routes[index], index, alert[0], silenced, found)
            else:
                _remember(pipeline, alert, event_ns, turn, found)
        except Exception as error:  # noqa: BLE001  # any fault concerns this route only
            name = program.routes[index].name
            found.faults.append(Fault(name, error))
            found.decisions.append(Decision(name, Reason.FAILED, (), type(error).__name__))
    if engine is not None and state.is_too_large:
        found.held += engine.evict(state, now_ns, silenced, found.faults)
    notifications: tuple[Notification, ...] = ()
    if not found.decisions:
        found.decisions, notifications = otherwise(program, alert[0], silenced)
    elif found.now:
        notifications = merge_emissions(program, found.now, alert[0].priority, incident_channels)
    if found.held:
        notifications += notify(program, found.held, incident_channels)
    return Routed(tuple(found.decisions), notifications, tuple(found.faults))


def plain(route: Route, index: int, alert: Alert, silenced: Callable[[str], str | None], found: Found) -> None:
    """A route without memory matched."""
    if route.drop:
        found.decisions.append(Decision(route.name, Reason.DROPPED))
    elif (silence := silenced(alert.id)) is not None:
        found.decisions.append(Decision(route.name, Reason.SILENCED, (), f"by silence {silence}"))
    else:
        channels = route.destinations(alert.get)
        found.decisions.append(Decision(route.name, _UNMATCHED if route.fallback else _SENT, channels))
        found.now.append((Emission(index, None), channels))


def _remember(pipeline: Pipeline, alert: tuple[Alert, Alert], event_ns: int, turn: Turn, found: Found) -> None:
    """A route with memory matched."""
    original, redacted = alert
    route = pipeline.route
    passage = pipeline.passage(original, redacted, event_ns)
    run = pipeline.enter(turn.state, passage, turn.now_ns, turn.silenced)
    channels: tuple[str, ...] = ()
    for each in run.emissions:
        if is_plain(each, original.id):
            channels = route.destinations(original.get) if route.tables else route.to
            found.now.append((each, channels))
        else:
            found.held.append(each)
    found.decisions.append(Decision(route.name, run.reason or _SENT, channels, run.detail, run.incident))


def notify(
    program: Program, emissions: Iterable[Emission], incident_channels: IncidentChannels
) -> tuple[Notification, ...]:
    """The notifications of passages that were held, or that timers caused: one for each channel, not merged."""
    found: list[Notification] = []
    for emission in emissions:
        passage = emission.passage
        assert passage is not None
        route = program.routes[emission.route]
        channels = passage.to or route.to
        channels = tuple([each for each in channels if incident_channels.takes(each, passage.kind)])
        severity = Priority(passage.severity)
        context = _with_meaning(_context(emission), route)
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


def is_plain(emission: Emission, alert_id: str) -> bool:
    """Whether it is about the alert itself, at its own arrival."""
    passage = emission.passage
    assert passage is not None
    return passage.alert_id == alert_id and passage.kind is _SINGLE and emission.reason is None


def merge_emissions(
    program: Program,
    emissions: Sequence[tuple[Emission, tuple[str, ...]]],
    priority: Priority,
    incident_channels: IncidentChannels,
) -> tuple[Notification, ...]:
    """One notification a channel; on a channel that knows incidents one for each route that has any.

    ``emissions`` come with their channels. ``priority`` is the alert's.
    """
    routes = program.routes
    if len(emissions) == 1:
        ((only, channels),) = emissions
        route, context = [routes[only.route]], _context(only)
        return tuple([merge(channel, route, priority, context) for channel in channels])
    known = incident_channels.known
    by_channel: dict[tuple[str, int], list[Emission]] = {}
    for emission, channels in emissions:
        for channel in channels:
            apart = channel in known and emission.passage is not None
            by_channel.setdefault((channel, emission.route if apart else -1), []).append(emission)
    return tuple([_merged(program, channel, wanting, priority) for (channel, _), wanting in by_channel.items()])


def _merged(program: Program, channel: str, emissions: list[Emission], priority: Priority) -> Notification:
    """The context is that of the first route with memory."""
    routes = program.routes
    context = next(filter(None, map(_context, emissions)), None)
    return merge(channel, [routes[each.route] for each in emissions], priority, context)


def _with_meaning(context: NotificationContext | None, route: Route) -> NotificationContext | None:
    """What the alerts of a digest, a summary or an incident's change mean in this route."""
    if context is None or context.kind is _SINGLE:
        return context
    return msgspec.structs.replace(
        context,
        own_severities=context.kind is NotificationKind.DIGEST and route.severity is None,
        silent=any(isinstance(each, Absent) for each in route.clauses),
    )


def _context(emission: Emission) -> NotificationContext | None:
    passage = emission.passage
    if passage is None:
        return None
    return NotificationContext(
        passage.kind,
        passage.count,
        passage.suppressed,
        passage.first_ns,
        passage.last_ns,
        passage.values,
        passage.alerts,
        emission.incident,
        passage.shown,
    )
