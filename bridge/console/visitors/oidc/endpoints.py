"""The addresses of a sign-in with an OpenID provider: where it begins, and where the provider sends visitors back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.console.view import HEADERS, message, render
from bridge.console.visitors.access import Access, RefusedError
from bridge.console.visitors.oidc.settings import CALLBACK
from bridge.operator.serving.work import in_thread

if TYPE_CHECKING:
    from bridge.console.visitors.oidc.sign_in import SignIns

_COOKIE = "falco_bridge_sign_in"
_PATH = "/sign-in"
_SECONDS = 600
_MOST_RUNNING = 16
"""Questions to the provider at a time. Strangers can ask for them, and each takes a thread."""


def oidc_routes(access: Access, sign_ins: SignIns | None) -> list[Route]:
    """The two addresses; none without a provider."""
    if sign_ins is None:
        return []
    made = _Endpoints(access, sign_ins)
    return [
        Route("/sign-in/oidc", made.guarded(made.begin), methods=["GET"]),
        Route(CALLBACK, made.guarded(made.end), methods=["GET"]),
    ]


class _Endpoints:
    def __init__(self, access: Access, sign_ins: SignIns) -> None:
        self._access = access
        self._sign_ins = sign_ins
        self._running = asyncio.Semaphore(_MOST_RUNNING)
        self._log = structlog.get_logger("console")

    def guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint, with refusals as pages."""
        from bridge.console.visitors.oidc.sign_in import SignInError

        async def answer(request: Request) -> Response:
            try:
                self._access.check_names(request)
                if self._running.locked():
                    return message(503, "Not signed in", "other sign-ins wait for the provider; try again in a moment")
                async with self._running:
                    return await endpoint(request)
            except RefusedError as error:
                return message(403, "Not accepted", str(error))
            except SignInError as error:
                self._log.warning("sign-in refused", problem=str(error))
                return message(403, "Not signed in", str(error))

        return answer

    async def begin(self, _request: Request) -> Response:
        """Send the browser to the provider. Its cookie binds the answer to this browser."""
        url, browser = await in_thread(self._sign_ins.begin)
        answer = RedirectResponse(url, 303, HEADERS)
        answer.set_cookie(
            _COOKIE, browser, max_age=_SECONDS, path=_PATH, httponly=True, samesite="lax",
            secure=self._access.is_secure,
        )  # fmt: skip
        return answer

    async def end(self, request: Request) -> Response:
        """Begin the session of somebody whom the provider signed in.

        The page opens the first one without a click: a redirect from the provider would not send a strict cookie.
        """
        given, browser = dict(request.query_params), request.cookies.get(_COOKIE, "")
        person = await in_thread(lambda: self._sign_ins.end(given, browser))
        session = self._access.begin(person)
        self._log.info("signed in", visitor=person.name)
        answer = HTMLResponse(render("signed_in.html", {"name": person.name}), headers=HEADERS)
        access = self._access
        answer.set_cookie(access.cookie, session, httponly=True, samesite="strict", secure=access.is_secure)
        answer.delete_cookie(_COOKIE, path=_PATH, httponly=True, samesite="lax", secure=access.is_secure)
        return answer
