"""The metrics listener: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for orchestrators.

It has a listener of its own, so that a sender of alerts does not need access to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.common.control_characters import escaped
from bridge.http.guard import Guard
from bridge.http.hosts import is_internal_host, is_known_host, is_other_origin
from bridge.operator.serving.tokens import authorizes
from bridge.operator.serving.work import in_thread

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_NOT_FOUND = "this listener serves GET /metrics, /healthz and /readyz\n"
_FAILED = "the bridge failed to answer; its log has the error\n"
_TOO_MANY = "other scrapes are still running; scrape less often\n"
_MOST_SCRAPES = 4
_OTHER_ORIGIN = "requests from pages of other origins are not accepted\n"
_OTHER_HOST = (
    "the Host header names neither an address nor an internal name of this listener; add it to metrics.hosts in the "
    "config\n"
)
_UNAUTHORIZED = "send the token of `metrics` in the config as Authorization: Bearer …\n"


def metrics_app(
    guard: Guard,
    collector: Collector,
    not_ready: Callable[[], str],
    hosts: Collection[str] = (),
    warnings: Callable[[], str] = lambda: "",
) -> ASGIApp:
    """The ASGI application.

    ``/metrics`` is served for ``Host`` headers that no page of another site can have (against DNS rebinding). The
    health checks are served for every name, because load balancers send names of their own.

    Args:
        guard: its token is required for ``/metrics``. Health checks need none: a kubelet cannot send one.
        collector: gathers the metrics.
        not_ready: why the bridge is not ready, or an empty text.
        warnings: what is wrong although the bridge is ready, or an empty text.
        hosts: further names by which clients may reach it.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    log = structlog.get_logger("metrics")

    scrapes = asyncio.Semaphore(_MOST_SCRAPES)

    async def metrics(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not is_known_host(host, hosts) and not is_internal_host(host):
            return PlainTextResponse(_OTHER_HOST, 403)
        if not authorizes(guard, request):
            return PlainTextResponse(_UNAUTHORIZED, 401, {"WWW-Authenticate": "Bearer"})
        if scrapes.locked():  # they wait for the journal; more of them would only take threads
            return PlainTextResponse(_TOO_MANY, 503, {"Retry-After": "5"})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            async with scrapes:
                page = await in_thread(lambda: escaped(encode(registry).decode()))
        except Exception:  # a fault in a metric must not end the health checks
            log.exception("metrics failed")
            return PlainTextResponse(_FAILED, 500)
        return Response(page, headers={"Content-Type": content_type})

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        return await _readiness(not_ready, warnings)

    async def failed(_request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return PlainTextResponse(_FAILED, 500)

    async def not_found(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse(_NOT_FOUND, 404)

    endpoints = {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}
    routes = [Route(path, _without_other_origins(endpoint)) for path, endpoint in endpoints.items()]
    return Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found, Exception: failed})


async def _readiness(not_ready: Callable[[], str], warnings: Callable[[], str]) -> Response:
    if problem := not_ready():
        return PlainTextResponse(f"{problem}\n", 503)
    warning = await in_thread(warnings)
    return PlainTextResponse(f"ready; {warning}\n" if warning else "ready\n")


def _without_other_origins(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if is_other_origin(request.headers.get("origin"), request.headers.get("host", "")):
            return PlainTextResponse(_OTHER_ORIGIN, 403)
        return await endpoint(request)

    return answer
