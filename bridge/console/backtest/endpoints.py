"""What the forms of the backtest page do: start or cancel a backtest, show its progress, download a patch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.console.backtest.edit import Typed, typed_of
from bridge.console.backtest.files import EditError
from bridge.console.backtest.runs import Backtests, Run
from bridge.console.backtest.starting import patch_for, start_backtest
from bridge.console.forms import read_form
from bridge.console.visitors.access import RefusedError, Visitor
from bridge.journal.location import Location
from bridge.operator.serving.work import in_thread

_LARGEST = 4 << 20
"""Bytes of a form: a text field of 256 KiB is three times as long where every character is escaped."""
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Endpoint = Callable[[Request, Visitor], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of one console."""

    backtests: Backtests
    journal: Location

    def listed(self) -> list[tuple[str, Endpoint, list[str]]]:
        """Path, endpoint and methods of each."""
        return [
            ("/backtest/run", self._run, ["POST"]),
            ("/backtest/patch", self._patch, ["POST"]),
            ("/backtest/cancel", self._cancel, ["POST"]),
            ("/backtest/state", self._state, ["GET"]),
        ]

    async def _run(self, request: Request, visitor: Visitor) -> Response:
        typed = typed_of(await _form(request, visitor))
        return _shown(await in_thread(lambda: self._started(typed)))

    def _started(self, typed: Typed) -> Run:
        try:
            return start_backtest(self.backtests, self.journal, typed)
        except EditError as error:
            return self.backtests.refuse(typed, str(error))

    async def _patch(self, request: Request, visitor: Visitor) -> Response:
        typed = typed_of(await _form(request, visitor))

        try:
            patch, _, name = await in_thread(lambda: patch_for(self.backtests, typed))
        except EditError as error:
            return _shown(self.backtests.refuse(typed, str(error)))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        return Response(patch.encode(), media_type="text/x-patch", headers=_HEADERS | headers)

    async def _cancel(self, request: Request, visitor: Visitor) -> Response:
        run = self.backtests.find((await _form(request, visitor)).get("run", ""))
        if run is None:
            return RedirectResponse("/backtest", 303, _HEADERS)
        self.backtests.cancel(run)
        return _shown(run)

    async def _state(self, request: Request, _visitor: Visitor) -> Response:
        run = self.backtests.find(request.query_params.get("run", ""))
        if run is None:
            return Response(status_code=404, headers=_HEADERS)
        return _json({"running": run.result is None, "done": run.progress.done, "all": run.progress.all})


async def _form(request: Request, visitor: Visitor) -> dict[str, str]:
    """The fields of a form of this visitor's pages. Raises RefusedError."""
    form = await read_form(request, _LARGEST)
    if not visitor.sent(form.get("mark", "")):
        raise RefusedError("the form is from an earlier run of the console; load the page again")
    return form


def _shown(run: Run) -> Response:
    return RedirectResponse(f"/backtest?run={quote(run.id, safe='')}#result", 303, _HEADERS)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json", headers=_HEADERS)
