"""The operations on recorded alerts: the console's process serves them, so that no search competes with intake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from bridge.operator.actor import Actor, OperationError
from bridge.operator.alert_model import (
    AlertDetail,
    AlertPage,
    ListRoutes,
    ListSessions,
    RouteMatchPage,
    SearchAlerts,
    SessionPage,
    ShowAlert,
    ShowSession,
    Tail,
    TerminalSession,
    WatchAlerts,
)
from bridge.operator.api.operations import PREFIX, Operation
from bridge.operator.model.status import ConsoleStatus

CONSOLE = "console"
_MISDIRECTED = 421


class RecordedAlerts(Protocol):
    """What answers the operations. Callable from any thread."""

    def search(self, actor: Actor, request: SearchAlerts) -> AlertPage:
        """The alerts that a question asks for."""

    def show(self, actor: Actor, request: ShowAlert) -> AlertDetail:
        """One alert."""

    def tail(self) -> Callable[[Actor, WatchAlerts], Tail]:
        """Begin a stream. What is returned gives an event each time it is called."""

    def list_sessions(self, actor: Actor, request: ListSessions) -> SessionPage:
        """Terminal sessions."""

    def list_routes(self, actor: Actor, request: ListRoutes) -> RouteMatchPage:
        """How often routes have matched."""

    def show_session(self, actor: Actor, request: ShowSession) -> TerminalSession:
        """One terminal session."""


class ElsewhereAlerts:
    """Refers to the console, in the bridge's own process."""

    def __init__(self, console: Callable[[], ConsoleStatus | None]) -> None:
        self._console = console

    def search(self, _actor: Actor, _request: Any) -> Any:
        """Raises OperationError that says where this is served."""
        console = self._console()
        if console is None:
            raise OperationError("the console serves this; set `console` in the config", _MISDIRECTED)
        where = (
            f"at {console.address}" if console.address else f"and it is not running: {console.problem or 'starting'}"
        )
        raise OperationError(f"the console serves this, {where}", _MISDIRECTED)

    show = list_sessions = show_session = list_routes = search
    file = check = complete = patch = start = cancel = search

    def tail(self) -> Any:
        """As ``search``."""
        return self.search


def search_operations(alerts: RecordedAlerts) -> tuple[Operation, ...]:
    """Every operation on recorded alerts."""

    def no_stream(_actor: Actor, _request: WatchAlerts) -> Tail:
        raise AssertionError("streams are opened")

    return (
        Operation(
            "GET", f"{PREFIX}/alerts", "Search recorded alerts, newest first.", SearchAlerts, AlertPage, alerts.search,
            served_by=CONSOLE,
        ),
        Operation(
            "GET", f"{PREFIX}/alerts/{{id}}", "One recorded alert with its decisions, messages and attempts.",
            ShowAlert, AlertDetail, alerts.show, served_by=CONSOLE,
        ),
        Operation(
            "GET", f"{PREFIX}/tail", "Server-sent events: each has the alerts that were stored since the last event.",
            WatchAlerts, Tail, no_stream, streams=True, open=alerts.tail, served_by=CONSOLE,
        ),
        Operation(
            "GET", f"{PREFIX}/routes", "How often routes have matched.", ListRoutes, RouteMatchPage,
            alerts.list_routes, served_by=CONSOLE,
        ),
        Operation(
            "GET", f"{PREFIX}/sessions", "Terminal sessions, the latest first.", ListSessions, SessionPage,
            alerts.list_sessions, served_by=CONSOLE,
        ),
        Operation(
            "GET", f"{PREFIX}/sessions/{{id}}", "One terminal session.", ShowSession, TerminalSession,
            alerts.show_session, served_by=CONSOLE,
        ),
    )  # fmt: skip
