"""The metrics listener: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for orchestrators.

It has a listener of its own, so that whoever can post alerts does not need access to it.
"""

from __future__ import annotations

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

    async def metrics(request: Request) -> Response:
        if not authorizes(guard, request):
            return PlainTextResponse(_UNAUTHORIZED, 401, {"WWW-Authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        try:
            page = await in_thread(lambda: encode(registry))
        except Exception:  # a fault in a metric must not end the health checks
            log.exception("metrics failed")
            return PlainTextResponse("the metrics could not be collected; the bridge's log has the error\n", 500)
        return Response(page, headers={"Content-Type": content_type})

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        problem = not_ready()
        return PlainTextResponse(f"{problem}\n", 503) if problem else PlainTextResponse("ready\n")

    async def not_found(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse(_NOT_FOUND, 404)

    routes = [Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz)]
    return Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found})
