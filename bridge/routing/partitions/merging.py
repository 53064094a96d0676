"""Merges two notifications about one alert to one channel, whose routes were decided apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.language.program.link import MAX_LINKS
from bridge.language.program.program import Program
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.notification import Notification, NotificationKind


def may_merge(notification: Notification, incident_channels: IncidentChannels) -> bool:
    """Whether it is about one alert, at its own arrival, and its channel takes several routes at once."""
    kind = NotificationKind.SINGLE if notification.context is None else notification.context.kind
    is_plain = notification.about is None and kind is NotificationKind.SINGLE
    return is_plain and notification.channel not in incident_channels.known


def merged(program: Program, one: Notification, other: Notification) -> Notification:
    """As if both had been decided at once: the texts of the first route in file order, the highest severity."""
    places = {route.name: place for place, route in enumerate(program.routes)}
    first, second = (one, other) if _place(one, places) <= _place(other, places) else (other, one)
    last = len(places)
    routes = sorted(dict.fromkeys((*first.routes, *second.routes)), key=lambda name: places.get(name, last))
    links = tuple(dict.fromkeys((*first.links, *second.links)))
    return msgspec.structs.replace(
        first,
        routes=tuple(routes),
        severity=min(first.severity, second.severity),
        links=links[:MAX_LINKS],
        context=_remembered(program, first, second).context,
        ordered=one.ordered or other.ordered,
    )


def _place(notification: Notification, places: Mapping[str, int]) -> int:
    return min(places.get(name, len(places)) for name in notification.routes)


def _remembered(program: Program, first: Notification, second: Notification) -> Notification:
    """The one whose first route with memory comes first."""
    if first.context is None or second.context is None:
        return second if first.context is None else first
    places = {route.name: place for place, route in enumerate(program.routes) if route.remembers}
    return first if _place(first, places) <= _place(second, places) else second
