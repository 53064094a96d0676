"""Reports routes that fail because of an internal error: in the log, in the counts, and to the route's channels."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import structlog
from msgspec.structs import replace

from bridge.alert import INTERNAL_SOURCE, Priority, make_alert
from bridge.delivery import HEALTH_ALERT_ROUTE
from bridge.language.program.program import Program, Route
from bridge.routing import Decision, Entry, Notification, Reason, Routed
from bridge.routing.decision import Fault

_AGAIN_NS = 3600 * 1_000_000_000


class RouteFaults:
    """Used by one thread at a time."""

    def __init__(self) -> None:
        self._reported: dict[str, int] = {}
        """When each route was last reported to its channels."""
        self._log = structlog.get_logger("intake")

    def report(self, faults: Iterable[Fault], program: Program, now_ns: int) -> list[Entry]:
        """Once an hour for each route, log the fault. Returns a health alert for the channels of each of these."""
        entries = []
        for fault in faults:
            last_ns = self._reported.get(fault.route)
            if last_ns is None or abs(now_ns - last_ns) >= _AGAIN_NS:
                self._reported[fault.route] = now_ns
                self._log.error(
                    "route failed", route=fault.route, remedy="report the error; other routes are not affected",
                    exc_info=fault.error,
                )  # fmt: skip
                entries.append(_health_alert(fault, program, now_ns))
        return entries


def _channels(route: Route) -> tuple[str, ...]:
    """The route's own channels; where only tables name some, those of ``else``, or all that the tables can name."""
    if route.to:
        return route.to
    otherwise = dict.fromkeys(channel for each in route.tables for channel in each.otherwise)
    return tuple(otherwise or dict.fromkeys(route.channels))


def _health_alert(fault: Fault, program: Program, now_ns: int) -> Entry:
    channels = next((_channels(route) for route in program.routes if route.name == fault.route), ())
    alert = make_alert(
        time_ns=now_ns,
        priority=Priority.CRITICAL,
        rule=f"Route {fault.route} fails",
        source=INTERNAL_SOURCE,
        hostname=socket.gethostname(),
        tags=("falco-bridge",),
        output="",
        fields={"bridge.route": fault.route},
    )
    output = (
        f"Route {fault.route} failed because of an internal error of falco-bridge ({type(fault.error).__name__}). "
        "It may have missed alerts; `falco-bridge history --reason failed` lists them. The log has the details."
    )
    decision = Decision(HEALTH_ALERT_ROUTE, Reason.SENT, channels)
    notifications = tuple(Notification(name, (HEALTH_ALERT_ROUTE,), alert.priority) for name in channels)
    return Entry(replace(alert, output=output), Routed((decision,), notifications))
