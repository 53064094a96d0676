"""The listener of acknowledgement links: GET shows the incident, POST acknowledges it.

Programs that preview links in chats fetch them, so GET changes nothing. The token in the path is all that a caller
needs; it names one incident, and expires.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bridge.common.text import one_line
from bridge.delivery.ack_link import PATH, Claim, read_token
from bridge.http.hosts import is_known_host, is_other_origin
from bridge.journal import JournalError
from bridge.operator.acknowledge.page import LONGEST_NAME, incident_page, message_page
from bridge.operator.serving.work import in_thread
from bridge.routing.memory.engine import IncidentRecord

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_RATE, _BURST = 5.0, 30.0
"""Requests with a valid link a second, and at once: people click, and chats fetch each link for its preview."""
_LARGEST_BODY = 4096
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


class IncidentControls(Protocol):
    """The part of the running bridge that has incidents."""

    def incidents(self) -> list[IncidentRecord]:
        """As in RunningIncidents."""

    def acknowledge(self, target: str, actor: str) -> list[IncidentRecord]:
        """As in RunningIncidents."""


def acknowledge_app(
    controls: IncidentControls, public_url: str, key: bytes, now: Callable[[], float] = time.time
) -> ASGIApp:
    """The ASGI application. ``key`` signs the tokens."""
    pages = _Pages(controls, public_url, key, now)
    route = Route(PATH + "{token}", pages.answer, methods=["GET", "POST"])
    app = Starlette(routes=[route], exception_handlers={404: _nothing, 405: _nothing, Exception: _failed})
    app.router.redirect_slashes = False  # it would redirect to http, with the token
    return app


class _Pages:
    def __init__(self, controls: IncidentControls, public_url: str, key: bytes, now: Callable[[], float]) -> None:
        self._controls = controls
        self._host = urlsplit(public_url).hostname or ""
        self._key = key
        self._now = now
        self._left, self._left_at = _BURST, time.monotonic()
        self._log = structlog.get_logger("acknowledge")

    async def answer(self, request: Request) -> Response:
        """Show the incident of a token, or acknowledge it."""
        host = request.headers.get("host", "")
        if not is_known_host(host, (self._host,)):
            return _page(403, "Not found here", "The Host header is not that of `acknowledge.public_url`.")
        claim = read_token(request.path_params["token"], self._now(), self._key)
        if claim is None:  # not counted: strangers must not use up the requests of those who have a link
            return _page(404, "This link is not valid", "It has expired, or is incomplete. Use a newer message's link.")
        if not self._may_answer():
            return _page(429, "Too many requests", "Try again in a moment.", {"Retry-After": "5"})
        if request.method != "POST":
            return await self._show(claim)
        if is_other_origin(request.headers.get("origin"), host) and not self._is_own(request):
            return _page(403, "Not accepted", "Requests from pages of other sites are not accepted.")
        try:
            name = await _name_of(request)
        except (ValueError, ClientDisconnect):
            return _page(400, "Not accepted", "The form could not be read. Open the link again.")
        actor = f"link via {one_line(claim.channel, 100)}"
        try:
            await in_thread(lambda: self._controls.acknowledge(claim.incident, f"{name} ({actor})" if name else actor))
        except JournalError as error:
            self._log.warning("incident not acknowledged", problem=str(error))
            return _page(503, "Not acknowledged", "Try again in a moment.", {"Retry-After": "5"})
        return await self._show(claim)

    async def _show(self, claim: Claim) -> Response:
        try:
            found = await in_thread(lambda: [each for each in self._controls.incidents() if each.id == claim.incident])
        except JournalError as error:
            self._log.warning("incident not read", problem=str(error))
            return _page(503, "Not available", "Try again in a moment.", {"Retry-After": "5"})
        if not found:
            return _page(404, "This incident is not known any more", "It was resolved more than a day ago.")
        return HTMLResponse(incident_page(found[0]), headers=_HEADERS)

    def _is_own(self, request: Request) -> bool:
        """Whether the page was this one: a proxy may pass on another Host than that of the page.

        As the page has the referrer policy ``no-referrer``, browsers send its form with ``Origin: null``. So do frames
        of other sites in a sandbox, which ``Sec-Fetch-Site`` tells apart.
        """
        origin = request.headers["origin"]
        if origin == "null":
            return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        try:
            return urlsplit(origin).hostname == self._host
        except ValueError:
            return False

    def _may_answer(self) -> bool:
        now = time.monotonic()
        self._left = min(_BURST, self._left + (now - self._left_at) * _RATE)
        self._left_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def _name_of(request: Request) -> str:
    """What the form says. Raises ValueError for a body that is no small form."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_BODY:
            raise ValueError
    values = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return one_line(values.get("name", [""])[0].strip(), LONGEST_NAME)


def _page(status: int, title: str, text: str, headers: dict[str, str] | None = None) -> Response:
    return HTMLResponse(message_page(title, text), status, headers=_HEADERS | (headers or {}))


async def _nothing(_request: Request, _error: Exception) -> Response:
    return _page(404, "Not found", "This address serves links of falco-bridge's messages.")


async def _failed(_request: Request, error: Exception) -> Response:
    structlog.get_logger("acknowledge").error("request failed", exc_info=error)
    return _page(500, "Internal error", "The bridge failed to answer; its log has the error.")
