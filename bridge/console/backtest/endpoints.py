"""What the backtest page sends: a text to check or complete, a backtest to start or cancel, a patch to download."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.console.access import RefusedError, Visitor
from bridge.console.backtest.edit import Edit, Typed, edit_of, typed_of
from bridge.console.backtest.files import EditError
from bridge.console.backtest.messages import Answer, Check, Complete, Failed, Options, Problem, Problems
from bridge.console.backtest.runs import Backtests, Run
from bridge.console.backtest.starting import patch_for, start_backtest
from bridge.console.forms import read_body, read_form
from bridge.journal.location import Location
from bridge.operator.serving.work import in_thread

_LARGEST = 4 << 20
"""Bytes of a form: a text field of 256 KiB is three times as long where every character is escaped."""
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Endpoint = Callable[[Request, Visitor], Awaitable[Response]]


class Sent(msgspec.Struct, frozen=True):
    """What the page's script sends. Offsets are UTF-16 code units of ``text``, as in a browser."""

    mark: str
    file: str
    text: str
    route: str = ""
    offset: int | None = None
    """Where to complete; None asks for problems."""


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
            ("/backtest/hints", self._hints, ["POST"]),
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

    async def _hints(self, request: Request, visitor: Visitor) -> Response:
        try:
            sent = msgspec.json.decode(await read_body(request, _LARGEST), type=Sent)
        except msgspec.DecodeError as error:
            raise RefusedError("the text could not be read") from error
        if not visitor.sent(sent.mark):
            raise RefusedError("the page is from an earlier run of the console; load it again")
        return _json(await in_thread(lambda: self._hint(sent)))

    def _hint(self, sent: Sent) -> Answer:
        typed = Typed(sent.file, sent.text.replace("\r\n", "\n"), sent.route)
        config = self.backtests.config
        try:
            edit = edit_of(self.backtests, typed)
        except EditError as error:
            return Failed(str(error))
        units = _Units(typed.text)
        if sent.offset is None:
            found = self.backtests.hints.ask(Check(config, edit.file.path, edit.text))
            return _own(found, edit, len(typed.text), units) if isinstance(found, Problems) else found
        offset = edit.start + units.characters(sent.offset)
        found = self.backtests.hints.ask(Complete(config, edit.file.path, edit.text, offset))
        if not isinstance(found, Options):
            return found
        return Options(units.units(max(0, found.start - edit.start)), found.items)

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


def _own(found: Problems, edit: Edit, length: int, units: _Units) -> Problems:
    """The problems with offsets in the typed text. Those of other places keep only their line."""
    items = []
    for each in found.items:
        start, end = each.start - edit.start, each.end - edit.start
        if each.path == edit.file.path and 0 <= start <= length:
            items.append(_moved(each, edit, start, min(end, length), units))
        else:
            items.append(msgspec.structs.replace(each, start=-1, end=-1, fixes=()))
    return Problems(tuple(items), found.more, found.usable)


def _moved(problem: Problem, edit: Edit, start: int, end: int, units: _Units) -> Problem:
    fixes = tuple(
        msgspec.structs.replace(fix, start=units.units(fix.start - edit.start), end=units.units(fix.end - edit.start))
        for fix in problem.fixes
        if fix.start >= edit.start and fix.end - edit.start <= units.length
    )
    place = units.text[:start]
    return msgspec.structs.replace(
        problem, path="", start=units.units(start), end=units.units(end), fixes=fixes,
        line=place.count("\n") + 1, column=start - place.rfind("\n"),
    )  # fmt: skip


class _Units:
    """Converts between offsets in characters and in UTF-16 code units."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)
        self._same = text.isascii() or max(text, default="") <= "\uffff"

    def units(self, offset: int) -> int:
        """From characters."""
        return offset if self._same else len(self.text[:offset].encode("utf-16-le")) // 2

    def characters(self, offset: int) -> int:
        """From code units."""
        if self._same:
            return max(0, min(offset, self.length))
        return len(self.text.encode("utf-16-le")[: 2 * max(0, offset)].decode("utf-16-le", "ignore"))
