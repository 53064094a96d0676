"""From matched routes to decisions and notifications. Pure: depends only on the program and the matched routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.alert import INTERNAL_SOURCE, Alert, Priority
from bridge.language.program.link import MAX_LINKS
from bridge.language.program.program import Program, Route
from bridge.routing.decision import OTHERWISE, Decision, Fault, Routed
from bridge.routing.notification import Notification, NotificationContext
from bridge.routing.reason import Reason

NOTHING = Routed((), ())
"""No decision and no notification."""


def decide(program: Program, matched: Iterable[int], alert: Alert) -> Routed:
    """Decide about an alert. ``matched`` holds the indices of the routes that matched it, in file order."""
    routes = [program.routes[index] for index in matched]
    if not routes:
        return unmatched(program, alert)
    try:
        decisions = tuple([_decision(route, alert) for route in routes])
        return Routed(decisions, _once_per_channel(routes, alert))
    except Exception:  # noqa: BLE001  # decide about each route, so that a fault concerns one only
        return _one_by_one(routes, alert)


def _one_by_one(routes: list[Route], alert: Alert) -> Routed:
    """The same, without the routes that fail."""
    decisions: list[Decision] = []
    working: list[Route] = []
    faults: list[Fault] = []
    for route in routes:
        try:
            decisions.append(_decision(route, alert))
            working.append(route)
        except Exception as error:  # noqa: BLE001  # any fault concerns this route only
            decisions.append(Decision(route.name, Reason.FAILED, (), type(error).__name__))
            faults.append(Fault(route.name, error))
    return Routed(tuple(decisions), _once_per_channel(working, alert), tuple(faults))


def _decision(route: Route, alert: Alert) -> Decision:
    if route.drop:
        return Decision(route.name, Reason.DROPPED)
    return Decision(route.name, Reason.UNMATCHED if route.fallback else Reason.SENT, route.destinations(alert.get))


def unmatched(program: Program, alert: Alert) -> Routed:
    """Apply ``otherwise``, except to internal alerts: these reach only routes that test for them."""
    channels = program.unmatched(alert.get)
    if not channels or alert.source == INTERNAL_SOURCE:
        return NOTHING
    decision = Decision(OTHERWISE, Reason.UNMATCHED, channels)
    notifications = (Notification(channel, (OTHERWISE,), alert.priority) for channel in channels)
    return Routed((decision,), tuple(notifications))


def _once_per_channel(routes: list[Route], alert: Alert) -> tuple[Notification, ...]:
    """Merge the notifications of several routes to one channel."""
    by_channel: dict[str, list[Route]] = {}
    for route in routes:
        for channel in route.destinations(alert.get):
            by_channel.setdefault(channel, []).append(route)
    return tuple(merge(channel, wanting, alert.priority) for channel, wanting in by_channel.items())


def merge(
    channel: str, routes: Sequence[Route], priority: Priority, context: NotificationContext | None = None
) -> Notification:
    """One notification with the first route's text, the highest severity and the names of all routes.

    ``priority`` is the alert's, which routes without a severity have.
    """
    first = routes[0]
    severity = priority if first.severity is None else first.severity
    names: tuple[str, ...] = (first.name,)
    links = first.links
    if len(routes) > 1:
        for route in routes[1:]:
            severity = min(severity, priority if route.severity is None else route.severity)
            names += (route.name,)
            links += route.links
        links = tuple(dict.fromkeys(links))[:MAX_LINKS] if links else ()
    return Notification(channel, names, severity, first.title, first.message, None, context, first.fields, links)
