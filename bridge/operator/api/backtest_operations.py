"""The operations on backtests: the console's process serves them, and runs each in a process of its own."""

from __future__ import annotations

from typing import Protocol

from bridge.operator.actor import Actor
from bridge.operator.api.operations import PREFIX, Operation
from bridge.operator.api.search_operations import CONSOLE
from bridge.operator.backtest_model import (
    BacktestStatus,
    CheckRoutes,
    CompleteRoutes,
    EditedRoutes,
    NameBacktest,
    RouteCompletions,
    RouteFileText,
    RouteProblems,
    RoutesPatch,
    ShowRouteFile,
    StartBacktest,
)

_LARGEST_BODY = 4 << 20
"""Bytes. A text of 256 Ki characters has up to 3 MiB as JSON in which they are escaped."""


class BacktestControls(Protocol):
    """What answers the operations. Callable from any thread."""

    def file(self, actor: Actor, request: ShowRouteFile) -> RouteFileText:
        """One route file."""

    def check(self, actor: Actor, request: CheckRoutes) -> RouteProblems:
        """The problems of edited routes."""

    def complete(self, actor: Actor, request: CompleteRoutes) -> RouteCompletions:
        """The completions at a position in edited routes."""

    def patch(self, actor: Actor, request: EditedRoutes) -> RoutesPatch:
        """An edit as a patch."""

    def start(self, actor: Actor, request: StartBacktest) -> BacktestStatus:
        """Start one."""

    def show(self, actor: Actor, request: NameBacktest) -> BacktestStatus:
        """Its progress, or its result."""

    def cancel(self, actor: Actor, request: NameBacktest) -> BacktestStatus:
        """Stop one."""


def backtest_operations(backtests: BacktestControls) -> tuple[Operation, ...]:
    """Every operation on backtests. None changes the bridge, its journal or a file."""
    return (
        Operation(
            "GET", f"{PREFIX}/backtests/file", "A route file, and the names of all files.", ShowRouteFile,
            RouteFileText, backtests.file, served_by=CONSOLE,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests/problems", "Check edited routes.", CheckRoutes, RouteProblems,
            backtests.check, only_reads=True, served_by=CONSOLE, largest_body=_LARGEST_BODY,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests/completions", "The completions at a position in edited routes.",
            CompleteRoutes, RouteCompletions, backtests.complete, only_reads=True, served_by=CONSOLE,
            largest_body=_LARGEST_BODY,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests/patch", "An edited route file as a patch.", EditedRoutes, RoutesPatch,
            backtests.patch, only_reads=True, served_by=CONSOLE, largest_body=_LARGEST_BODY,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests", "Route recorded alerts through edited routes.", StartBacktest,
            BacktestStatus, backtests.start, only_reads=True, served_by=CONSOLE, largest_body=_LARGEST_BODY,
        ),
        Operation(
            "GET", f"{PREFIX}/backtests/{{id}}", "The progress of a backtest, or its result.", NameBacktest,
            BacktestStatus, backtests.show, served_by=CONSOLE,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests/{{id}}/cancel", "Stop a backtest.", NameBacktest, BacktestStatus,
            backtests.cancel, only_reads=True, served_by=CONSOLE,
        ),
    )  # fmt: skip
