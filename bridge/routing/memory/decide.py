"""As ``routing.decide``, for programs with clauses that remember, and while there are silences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from bridge.alert import Alert, Priority
from bridge.language.program.program import Program
from bridge.routing.decide import merge, unmatched
from bridge.routing.decision import OTHERWISE, Decision, Routed
from bridge.routing.memory.engine import Engine
from bridge.routing.memory.pipeline import Emission
from bridge.routing.notification import Notification, NotificationContext, NotificationKind
from bridge.routing.reason import Reason
from bridge.routing.state import State


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step works with."""

    state: State
    now_ns: int
    silenced: Callable[[str], str | None]
    """From an alert's id to the id of the silence that holds it back, or None."""


def decide_with_memory(
    program: Program,
    engine: Engine | None,
    matched: Iterable[int],
    alert: tuple[Alert, Alert],
    turn: Turn,
    incident_channels: frozenset[str],
) -> Routed:
    """As ``decide``, with clauses that remember and with silences. ``alert`` is the original and the redacted one."""
    original, redacted = alert
    state, now_ns, silenced = turn.state, turn.now_ns, turn.silenced
    others: list[Emission] = []
    if engine is not None:
        others += engine.observe(state, original, redacted, now_ns, now_ns, silenced)
    decisions: list[Decision] = []
    now: list[Emission] = []
    for index in matched:
        route = program.routes[index]
        if route.drop:
            decisions.append(Decision(route.name, Reason.DROPPED))
        elif engine is not None and route.remembers:
            run = engine.match(state, index, original, redacted, now_ns, now_ns, silenced)
            own = [each for each in run.emissions if _is_plain(each, original)]
            now += own
            others += [each for each in run.emissions if each not in own]
            channels = route.destinations(original.get) if own else ()
            decisions.append(Decision(route.name, run.reason or Reason.SENT, channels, run.detail, run.incident))
        elif (silence := silenced(original.id)) is not None:
            decisions.append(Decision(route.name, Reason.SILENCED, (), f"by silence {silence}"))
        else:
            now.append(Emission(index, None))
            decisions.append(Decision(route.name, Reason.SENT, route.destinations(original.get)))
    if not decisions:
        return _unmatched_or_silenced(program, original, others, turn, incident_channels)
    if engine is not None:
        others += engine.evict(state, now_ns, silenced)
    merged = _merge_emissions(program, now, original, incident_channels)
    return Routed(tuple(decisions), merged + notify(program, others, incident_channels))


def notify(
    program: Program, emissions: Iterable[Emission], incident_channels: frozenset[str]
) -> tuple[Notification, ...]:
    """The notifications of passages that were held, or that timers caused: one for each channel, not merged."""
    found: list[Notification] = []
    for emission in emissions:
        passage = emission.passage
        assert passage is not None
        route = program.routes[emission.route]
        channels = passage.to or route.to
        if passage.kind is NotificationKind.RESOLVED:
            channels = tuple(each for each in channels if each in incident_channels)
        severity = Priority(passage.severity)
        found += [
            Notification(
                channel,
                (route.name,),
                severity,
                route.title,
                route.message,
                passage.alert_id,
                _context(emission),
                route.fields,
                route.links,
            )
            for channel in channels
        ]
    return tuple(found)


def _unmatched_or_silenced(
    program: Program,
    alert: Alert,
    others: list[Emission],
    turn: Turn,
    incident_channels: frozenset[str],
) -> Routed:
    routed = unmatched(program, alert)
    if routed.decisions and (silence := turn.silenced(alert.id)) is not None:
        routed = Routed((Decision(OTHERWISE, Reason.SILENCED, (), f"by silence {silence}"),), ())
    return Routed(routed.decisions, routed.notifications + notify(program, others, incident_channels))


def _is_plain(emission: Emission, alert: Alert) -> bool:
    """Whether it is about the alert itself, at its own arrival."""
    passage = emission.passage
    assert passage is not None
    return passage.alert_id == alert.id and passage.kind is NotificationKind.SINGLE and emission.reason is None


def _merge_emissions(
    program: Program, emissions: list[Emission], alert: Alert, incident_channels: frozenset[str]
) -> tuple[Notification, ...]:
    """One notification a channel; on a channel that knows incidents one for each route that has any."""
    by_channel: dict[tuple[str, int], list[Emission]] = {}
    for emission in emissions:
        for channel in program.routes[emission.route].destinations(alert.get):
            apart = channel in incident_channels and emission.passage is not None
            by_channel.setdefault((channel, emission.route if apart else -1), []).append(emission)
    return tuple(_merge_routes(program, channel, wanting, alert) for (channel, _), wanting in by_channel.items())


def _merge_routes(program: Program, channel: str, emissions: list[Emission], alert: Alert) -> Notification:
    notification = merge(channel, [program.routes[each.route] for each in emissions], alert)
    remembered = next((each for each in emissions if each.passage is not None), None)
    if remembered is None:
        return notification
    return replace(notification, context=_context(remembered))


def _context(emission: Emission) -> NotificationContext:
    passage = emission.passage
    assert passage is not None
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
