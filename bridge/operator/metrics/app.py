"""The metrics listener: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for orchestrators.

It has a listener of its own, so that whoever can post alerts does not need access to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.http.guard import Guard
from bridge.operator.serving.tokens import authorizes
from bridge.operator.serving.work import in_thread

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_NOT_FOUND = "this listener serves GET /metrics, /healthz and /readyz\n"
_FAILED = "the bridge failed to answer; its log has the error\n"
_TOO_MANY = "other scrapes are still running; scrape less often\n"
_MOST_SCRAPES = 4
_UNAUTHORIZED = "send the token of `metrics` in the config as Authorization: Bearer …\n"


def metrics_app(guard: Guard, collector: Collector, not_ready: Callable[[], str]) -> ASGIApp:
    """The ASGI application.

    Args:
        guard: its token is required for ``/metrics``. Health checks need none: a kubelet cannot send one.
        collector: gathers the metrics.
        not_ready: why the bridge is not ready, or an empty text.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    log = structlog.get_logger("metrics")

    scrapes = asyncio.Semaphore(_MOST_SCRAPES)

    async def metrics(request: Request) -> Response:
        if not authorizes(guard, request):
            return PlainTextResponse(_UNAUTHORIZED, 401, {"WWW-Authenticate": "Bearer"})
        if scrapes.locked():  # they wait for the journal; more of them would only take threads
            return PlainTextResponse(_TOO_MANY, 503, {"Retry-After": "5"})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            async with scrapes:
                page = await in_thread(lambda: encode(registry))
        except Exception:  # a fault in a metric must not end the health checks
            log.exception("metrics failed")
            return PlainTextResponse(_FAILED, 500)
        return Response(page, headers={"Content-Type": content_type})

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        problem = not_ready()
        return PlainTextResponse(f"{problem}\n", 503) if problem else PlainTextResponse("ready\n")

    async def failed(_request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return PlainTextResponse(_FAILED, 500)

    async def not_found(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse(_NOT_FOUND, 404)

    routes = [Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)]
    return Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found, Exception: failed})
