"""Problems and completions of edited routes, as the operator API shows them: offsets are those of the caller's text."""

from __future__ import annotations

import re
from bisect import bisect_right

from bridge.console.backtest.edit import Edit, Typed, edit_of
from bridge.console.backtest.messages import Check, Complete, Failed, Options, Problem, Problems
from bridge.console.backtest.runs import Backtests
from bridge.operator.actor import OperationError
from bridge.operator.backtest_model import (
    CheckRoutes,
    CompleteRoutes,
    RouteCompletion,
    RouteCompletions,
    RouteFix,
    RouteProblem,
    RouteProblems,
)

_CONFLICT, _BUSY = 409, 503


def problems(backtests: Backtests, request: CheckRoutes) -> RouteProblems:
    """The problems of a text. Raises EditError, OperationError."""
    edit, offsets = _edited(backtests, request)
    found = backtests.hints.ask(Check(backtests.config, edit.file.path, edit.text))
    if not isinstance(found, Problems):
        raise _refused(found)
    return RouteProblems(
        items=[_problem(each, edit, offsets) for each in found.items], more=found.more, usable=found.usable
    )


def completions(backtests: Backtests, request: CompleteRoutes) -> RouteCompletions:
    """What can be written at a place of a text. Raises EditError, OperationError."""
    edit, offsets = _edited(backtests, request)
    offset = edit.start + offsets.read(request.offset)
    found = backtests.hints.ask(Complete(backtests.config, edit.file.path, edit.text, offset))
    if not isinstance(found, Options):
        raise _refused(found)
    return RouteCompletions(
        start=offsets.shown(max(0, found.start - edit.start)),
        items=[RouteCompletion(label=each.label, text=each.text, detail=each.detail) for each in found.items],
    )


def _edited(backtests: Backtests, request: CheckRoutes | CompleteRoutes) -> tuple[Edit, Offsets]:
    offsets = Offsets(request.text, utf_16=request.units == "utf-16")
    return edit_of(backtests, Typed(request.file, offsets.text, request.route)), offsets


def _refused(answer: object) -> OperationError:
    if isinstance(answer, Failed):
        return OperationError(answer.text, _BUSY if answer.busy else _CONFLICT)
    return OperationError("the text was not checked; try again", _BUSY)


def _problem(problem: Problem, edit: Edit, offsets: Offsets) -> RouteProblem:
    length = len(offsets.text)
    start, end = problem.start - edit.start, problem.end - edit.start
    is_here = problem.path == edit.file.path and 0 <= start <= length
    place = offsets.text[:start]
    return RouteProblem(
        severity=problem.severity, code=problem.code, message=problem.message, hint=problem.hint, file=problem.path,
        line=place.count("\n") + 1 if is_here else problem.line,
        column=start - place.rfind("\n") if is_here else problem.column,
        start=offsets.shown(start) if is_here else None,
        end=offsets.shown(min(end, length)) if is_here else None,
        fixes=[
            RouteFix(
                title=fix.title, start=offsets.shown(fix.start - edit.start), end=offsets.shown(fix.end - edit.start),
                text=fix.text,
            )
            for fix in problem.fixes
            if is_here and fix.start >= edit.start and fix.end - edit.start <= length
        ],
    )  # fmt: skip


class Offsets:
    """Converts between offsets in a text as it was sent and in the same text with line feeds as its line ends."""

    def __init__(self, sent: str, *, utf_16: bool) -> None:
        """With ``utf_16``, offsets in the sent text are UTF-16 code units."""
        self.text = sent.replace("\r\n", "\n").replace("\r", "\n")
        self._sent = sent
        self._removed = [match.end() - count for count, match in enumerate(re.finditer("\r\n", sent), start=1)]
        self._wide = utf_16 and max(sent, default="") > "\uffff"

    def shown(self, offset: int) -> int:
        """Of the text in the sent one."""
        found = offset + bisect_right(self._removed, offset)
        return len(self._sent[:found].encode("utf-16-le", "surrogatepass")) // 2 if self._wide else found

    def read(self, offset: int) -> int:
        """Of the sent text in the text; the end for what is beyond it."""
        if self._wide:
            units = self._sent.encode("utf-16-le", "surrogatepass")[: 2 * offset]
            before = units.decode("utf-16-le", "ignore")
        else:
            before = self._sent[:offset]
        within = before.endswith("\r") and self._sent[len(before) : len(before) + 1] == "\n"
        return len(before) - before.count("\r\n") - within
