"""The ASGI application of the console: checks each request, makes pages in threads, and runs the acts of forms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.console import tail
from bridge.console.api.access import VisitorAccess
from bridge.console.api.alerts import AlertOperations
from bridge.console.api.backtests import BacktestOperations
from bridge.console.api.forwarding import forwarded
from bridge.console.ask import Act, Ask, Page
from bridge.console.backtest.endpoints import Endpoints
from bridge.console.backtest.runs import Backtests
from bridge.console.data.channel_tests import ChannelTests
from bridge.console.data.reader import Reader
from bridge.console.forms import read_form
from bridge.console.pages import backtest, channels, now, routes, search, sessions, silences
from bridge.console.view import HEADERS, STATIC, message, render
from bridge.console.visitors.access import Access, RefusedError, Visitor
from bridge.console.visitors.oidc.endpoints import oidc_routes
from bridge.history.recent_hits import HitCounter
from bridge.journal.errors import JournalError
from bridge.operator.api.app import api_app
from bridge.operator.api.backtest_operations import backtest_operations
from bridge.operator.api.operations import Operation, described_operations
from bridge.operator.api.search_operations import CONSOLE, search_operations
from bridge.operator.client import AdminClient, AdminError
from bridge.operator.serving.connection import CALLER
from bridge.operator.serving.work import in_thread

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bridge.console.visitors.oidc.sign_in import SignIns

_MODULES = (now, search, routes, channels, silences, backtest, sessions)
_PAGES = tuple(page for each in _MODULES for page in each.PAGES)
_ACTS = (*now.ACTS, *routes.ACTS, *channels.ACTS, *silences.ACTS)
_STATIC = {
    "console.css": "text/css", "console.js": "text/javascript", "backtest.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}  # fmt: skip
_READ_ONLY = "this console only shows; write: true in the config, or --write, lets it act"
_MOST_PAGES = 16
"""Pages that are made at a time. A visitor who loads a slow one again and again does not end the first ones."""
_NO_EDITOR = "you may not act here; `editors` in the config lists who may"

Endpoint = Callable[[Request, Visitor], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Console:
    """What the console shows, and who may see it."""

    reader: Reader
    client: AdminClient
    access: Access
    backtests: Backtests
    """Of the bridge's config."""
    sign_ins: SignIns | None = None
    """With an OpenID provider."""


def console_app(console: Console) -> ASGIApp:
    """The application for one listener."""
    backtests, hits = console.backtests, HitCounter(console.reader.journal)
    answers = _Answers(console, hits)
    listed = [Route(page.path, answers.guarded(answers.page(page)), methods=["GET"]) for page in _PAGES]
    listed += [Route(act.path, answers.guarded(answers.act(act)), methods=["POST"]) for act in _ACTS]
    for path, endpoint, methods in Endpoints(backtests, console.reader.journal).listed():
        listed.append(Route(path, answers.guarded(endpoint), methods=methods))
    events = tail.Events(console.reader)

    async def tail_events(request: Request, _visitor: Visitor) -> Response:
        return events.answer(request, lambda: console.access.is_signed_in(request))

    listed += [
        Route("/tail/events", answers.guarded(tail_events), methods=["GET"]),
        Route("/sign-in", answers.sign_in, methods=["GET", "POST"]),
        *oidc_routes(console.access, console.sign_ins),
        Route("/sign-out", answers.guarded(answers.sign_out), methods=["POST"]),
        Route("/static/{name}", _static, methods=["GET"]),
    ]
    pages = Starlette(routes=listed, exception_handlers={HTTPException: _nothing, Exception: _failed})
    pages.router.redirect_slashes = False  # it would redirect to http, and to any Host
    api = api_app(_operations(console, hits), VisitorAccess(console.access), CONSOLE)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith("/api/")
        await (api if is_api else pages)(scope, receive, send)

    return either


def _operations(console: Console, hits: HitCounter) -> tuple[Operation, ...]:
    """Every operation of the operator API."""
    backtests = console.backtests
    searches = search_operations(AlertOperations(console.reader, hits, console.client, backtests))
    trials = backtest_operations(BacktestOperations(backtests, console.reader.journal))
    return *forwarded(described_operations(), console.client), *searches, *trials


class _Answers:
    def __init__(self, console: Console, hits: HitCounter) -> None:
        self._console = console
        self._hits = hits
        self._channel_tests = ChannelTests()
        self._pages = asyncio.Semaphore(_MOST_PAGES)
        self._log = structlog.get_logger("console")

    def guarded(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint, for requests of visitors who may see it."""

        async def answer(request: Request) -> Response:
            try:
                self._console.access.check_names(request)
                visitor = self._console.access.visitor(request)
                if visitor is None:
                    return RedirectResponse("/sign-in", 303, HEADERS)
                return await endpoint(request, visitor)
            except RefusedError as error:
                return message(403, "Not accepted", str(error))
            except ClientDisconnect:
                return Response(status_code=400)
            except JournalError as error:
                return message(503, "The journal cannot be read", str(error))

        return answer

    def page(self, page: Page) -> Endpoint:
        """A page as an endpoint."""

        async def answer(request: Request, visitor: Visitor) -> Response:
            if self._pages.locked():
                return message(503, "Busy", f"{_MOST_PAGES} pages are being made; load this one again in a moment")
            ask = self._ask({**request.query_params, **request.path_params}, visitor)
            async with self._pages:
                values = await in_thread(lambda: page.values(ask))
            if values is None:
                return message(404, "Not stored", "The journal has no such alert, or not any more.")
            return HTMLResponse(render(page.template, values | self._frame(page, visitor)), headers=HEADERS)

        return answer

    def act(self, act: Act) -> Endpoint:
        """An act as an endpoint. Only forms of this visitor's own pages are accepted."""

        async def answer(request: Request, visitor: Visitor) -> Response:
            form = await read_form(request)
            if not visitor.sent(form.get("mark", "")):
                raise RefusedError("the form is from an earlier run of the console; load the page again")
            if not visitor.may_write:
                raise RefusedError(_NO_EDITOR if self._console.access.people.write else _READ_ONLY)
            try:
                following = await in_thread(lambda: act.run(self._ask(form, visitor)))
            except AdminError as error:
                return message(409, "Not done", str(error))
            self._log.info("console action", action=act.path, visitor=visitor.name)
            return RedirectResponse(following, 303, HEADERS)

        return answer

    async def sign_in(self, request: Request) -> Response:
        """Ask for the token, or begin a session with it."""
        access = self._console.access
        try:
            access.check_names(request)
            form = await read_form(request) if request.method == "POST" else None
        except RefusedError as error:
            return message(403, "Not accepted", str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        if form is None:
            return HTMLResponse(render("sign_in.html", self._ways(wrong=False)), headers=HEADERS)
        caller = getattr(request.state, CALLER)
        session = access.sign_in(form.get("token", ""), caller)
        if session is None:
            self._log.warning("sign-in refused", problem="the token is wrong", address=caller.address)
            return HTMLResponse(render("sign_in.html", self._ways(wrong=True)), 403, HEADERS)
        self._log.info("signed in", visitor=f"token from {caller.address}")
        answer = RedirectResponse("/", 303, HEADERS)
        answer.set_cookie(access.cookie, session, httponly=True, samesite="strict", secure=access.is_secure)
        return answer

    def _ways(self, *, wrong: bool) -> dict[str, object]:
        """How visitors can sign in."""
        console = self._console
        return {"wrong": wrong, "has_token": bool(console.access.token), "has_oidc": console.sign_ins is not None}

    async def sign_out(self, request: Request, visitor: Visitor) -> Response:
        """End the session."""
        if visitor.sent((await read_form(request)).get("mark", "")):
            self._console.access.sign_out(request)
        answer = RedirectResponse("/sign-in", 303, HEADERS)
        access = self._console.access
        answer.delete_cookie(access.cookie, httponly=True, samesite="strict", secure=access.is_secure)
        return answer

    def _ask(self, parameters: dict[str, str], visitor: Visitor) -> Ask:
        console = self._console
        client = console.client.acting_for(f"{visitor.name} (console)")
        return Ask(
            parameters, console.reader, client, visitor, console.backtests, self._hits, self._channel_tests,
            visitor.may_write,
        )  # fmt: skip

    def _frame(self, page: Page, visitor: Visitor) -> dict[str, object]:
        """What every page shows."""
        return {
            "menu": [each for each in _PAGES if each.in_menu],
            "here": page,
            "visitor": visitor,
            "may_write": visitor.may_write,
            "signed_in": not self._console.access.is_unix,
        }


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return message(404, "Not found", "The console has no such file.")
    return FileResponse(STATIC / name, media_type=_STATIC[name], headers=HEADERS | {"Cache-Control": "no-cache"})


async def _nothing(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return message(status, "Not found", "The console has no such page.")


async def _failed(_request: Request, error: Exception) -> Response:
    structlog.get_logger("console").error("request failed", exc_info=error)
    return message(500, "Internal error", "The console failed to answer; its log has the error.")
