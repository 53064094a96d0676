"""The operations on backtests, for programs: what the page Backtest does."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bridge.console.api import hints
from bridge.console.backtest.edit import Typed, open_file, typed_of
from bridge.console.backtest.files import EditError, routes_of
from bridge.console.backtest.messages import Failed, Tried
from bridge.console.backtest.runs import Backtests, Run
from bridge.console.backtest.starting import patch_for, start_backtest
from bridge.journal.location import Location
from bridge.operator.actor import Actor, OperationError
from bridge.operator.backtest_model import (
    BacktestResult,
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

_WRONG, _UNKNOWN, _TOO_MANY = 400, 404, 429


@dataclass(frozen=True, slots=True)
class BacktestOperations:
    """The operations of one console. Callable from any thread."""

    backtests: Backtests
    journal: Location

    def file(self, _actor: Actor, request: ShowRouteFile) -> RouteFileText:
        """One route file, or one of its routes."""
        try:
            files, file = self.backtests.files(), open_file(self.backtests, request.file)
            place = file.part(request.route)
        except EditError as error:
            raise OperationError(str(error), _UNKNOWN) from error
        text = file.text[place.start : place.stop]
        return RouteFileText(file=file.path, version=file.version, text=text, routes=routes_of(file.text), files=files)

    def check(self, _actor: Actor, request: CheckRoutes) -> RouteProblems:
        """The problems of edited routes."""
        try:
            return hints.problems(self.backtests, request)
        except EditError as error:
            raise OperationError(str(error), _WRONG) from error

    def complete(self, _actor: Actor, request: CompleteRoutes) -> RouteCompletions:
        """The completions at a position in edited routes."""
        try:
            return hints.completions(self.backtests, request)
        except EditError as error:
            raise OperationError(str(error), _WRONG) from error

    def patch(self, _actor: Actor, request: EditedRoutes) -> RoutesPatch:
        """An edit as a patch."""
        try:
            patch, folder, _ = patch_for(self.backtests, self._typed(request))
        except EditError as error:
            raise OperationError(str(error), _WRONG) from error
        return RoutesPatch(folder=folder, patch=patch)

    def start(self, _actor: Actor, request: StartBacktest) -> BacktestStatus:
        """Start one."""
        try:
            run = start_backtest(self.backtests, self.journal, self._typed(request))
        except EditError as error:
            raise OperationError(str(error), _WRONG) from error
        if run.worker is None and isinstance(run.result, Failed):
            raise OperationError(run.result.text, _TOO_MANY)
        return _status(run)

    def show(self, _actor: Actor, request: NameBacktest) -> BacktestStatus:
        """Its progress, or its result."""
        return _status(self._find(request))

    def cancel(self, _actor: Actor, request: NameBacktest) -> BacktestStatus:
        """Stop one."""
        run = self._find(request)
        self.backtests.cancel(run)
        return _status(run)

    def _typed(self, request: EditedRoutes | StartBacktest) -> Typed:
        return typed_of({name: getattr(request, name) for name in request.__struct_fields__})

    def _find(self, request: NameBacktest) -> Run:
        run = self.backtests.find(request.id)
        if run is None:
            raise OperationError(f"no backtest {request.id} is stored; POST /api/v1/backtests starts one", _UNKNOWN)
        return run


def _status(run: Run) -> BacktestStatus:
    result = run.result
    state = "running" if result is None else "done" if isinstance(result, Tried) else "failed"
    return BacktestStatus(
        id=run.id,
        state=state,
        started_ns=run.started_ns,
        done=run.progress.done,
        all=run.progress.all,
        problem=result.text if isinstance(result, Failed) else "",
        result=msgspec.convert(msgspec.to_builtins(result), BacktestResult) if isinstance(result, Tried) else None,
    )
