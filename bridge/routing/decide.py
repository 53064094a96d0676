"""From matched routes to decisions and notifications. Pure: what was matched and the program decide alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import INTERNAL_SOURCE, Alert
from bridge.language.program.program import Program, Route
from bridge.routing.notification import Notification

OTHERWISE = "otherwise"
"""The name under which an ``otherwise`` statement decides."""


class Action(StrEnum):
    """What a route made of an alert."""

    NOTIFIED = "notified"
    DROPPED = "dropped"
    UNMATCHED = "unmatched"
    """No route matched, and ``otherwise`` spoke."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one route made of one alert."""

    route: str
    action: Action
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routed:
    """Everything that was decided of one alert."""

    decisions: tuple[Decision, ...]
    notifications: tuple[Notification, ...]


_UNROUTED = Routed((), ())


def decide(program: Program, matched: Iterable[int], alert: Alert) -> Routed:
    """What becomes of an alert that the routes with these indices matched, in file order."""
    routes = [program.routes[index] for index in matched]
    if not routes:
        return _unmatched(program, alert)
    decisions = tuple(_decision(route) for route in routes)
    return Routed(decisions, _once_per_channel(routes, alert))


def _decision(route: Route) -> Decision:
    if route.drop:
        return Decision(route.name, Action.DROPPED)
    return Decision(route.name, Action.NOTIFIED, route.to)


def _unmatched(program: Program, alert: Alert) -> Routed:
    """Falco's alerts about itself are not incidents: only a route that asks for them gets them."""
    if not program.otherwise or alert.source == INTERNAL_SOURCE:
        return _UNROUTED
    decision = Decision(OTHERWISE, Action.UNMATCHED, program.otherwise)
    notifications = (Notification(channel, (OTHERWISE,), alert.priority) for channel in program.otherwise)
    return Routed((decision,), tuple(notifications))


def _once_per_channel(routes: list[Route], alert: Alert) -> tuple[Notification, ...]:
    """One notification a channel: the first route's text, the highest severity, all routes named."""
    by_channel: dict[str, list[Route]] = {}
    for route in routes:
        for channel in route.to:
            by_channel.setdefault(channel, []).append(route)
    return tuple(_merge(channel, wanting, alert) for channel, wanting in by_channel.items())


def _merge(channel: str, routes: list[Route], alert: Alert) -> Notification:
    first = routes[0]
    severity = min(alert.priority if route.severity is None else route.severity for route in routes)
    return Notification(channel, tuple(route.name for route in routes), severity, first.title, first.message)
