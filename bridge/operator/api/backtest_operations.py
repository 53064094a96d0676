"""The operations on backtests: the console's process serves them, and runs each in a process of its own."""

from __future__ import annotations

from typing import Protocol

from bridge.operator.actor import Actor
from bridge.operator.api.operations import PREFIX, Operation
from bridge.operator.api.search_operations import CONSOLE
from bridge.operator.backtest_model import (
    BacktestStatus,
    EditedRoutes,
    NameBacktest,
    RouteFileText,
    RoutesPatch,
    ShowRouteFile,
    StartBacktest,
)


class BacktestControls(Protocol):
    """What answers the operations. Callable from any thread."""

    def file(self, actor: Actor, request: ShowRouteFile) -> RouteFileText:
        """One route file."""

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
            "GET", f"{PREFIX}/backtests/file", "A route file, and the names of all.", ShowRouteFile, RouteFileText,
            backtests.file, served_by=CONSOLE,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests/patch", "An edited route file as a patch.", EditedRoutes, RoutesPatch,
            backtests.patch, only_reads=True, served_by=CONSOLE,
        ),
        Operation(
            "POST", f"{PREFIX}/backtests", "Route recorded alerts through edited routes.", StartBacktest,
            BacktestStatus, backtests.start, only_reads=True, served_by=CONSOLE,
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
