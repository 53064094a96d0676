"""Where Prometheus scrapes, and where an orchestrator asks whether the bridge lives: a listener apart from alerts'."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import structlog

from bridge.http.connection import HttpConnection, Respond
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.listener import Listener
from bridge.http.request import INTERNAL_ERROR, Reply, RequestHead

_CHECK_SECONDS = 1.0
_MAX_BODY_BYTES = 1 << 10
_LIMITS = ConnectionLimits(total=64, per_peer=32)
_NOTHING = Reply(404, "one can GET /metrics, /healthz and /readyz here")
_OPEN = frozenset({"healthz", "readyz"})
"""What a kubelet asks, which has no token."""


class MetricsServer:
    """Listens from its making on, answers once started. Raises SetupError where it cannot listen."""

    def __init__(self, host: str, port: int, guard: Guard, page: Callable[[], str], unready: Callable[[], str]) -> None:
        """``page`` gives the metrics, ``unready`` why the bridge is not ready, or an empty text."""
        self.guard = guard
        self._listener = Listener(host, port, guard, _LIMITS)
        self.port = self._listener.port
        self._page = page
        self._unready = unready
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._log = structlog.get_logger("metrics")

    def start(self) -> None:
        """Respond from now on, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        self._listener.open(self._loop, self)
        self._loop.call_soon(self._check)
        try:
            self._loop.run_forever()
        finally:
            self._listener.close()
            self._loop.run_until_complete(self._listener.abort_connections())
            self._loop.close()

    def _check(self) -> None:
        """End what is too slow."""
        self._listener.tick(time.monotonic())
        self._loop.call_later(_CHECK_SECONDS, self._check)

    # What the connections ask

    def on_closed(self, connection: HttpConnection) -> None:
        """One is gone."""
        self._listener.remove(connection)

    def on_refused(self, reply: Reply) -> None:
        """One was turned away, which nobody need know."""

    def reserve(self, size: int) -> bool:
        """Nothing that is asked here has a body to speak of."""
        return size <= _MAX_BODY_BYTES

    def on_internal_error(self, error: BaseException) -> None:
        """One request was too much for us; the others go on."""
        self._log.error("request failed", exc_info=error)

    def check_head(self, head: RequestHead) -> Reply | None:
        """Who may look at what."""
        if head.method not in {"GET", "HEAD"}:
            return _NOTHING
        if head.path.strip("/") not in _OPEN and not self.guard.authorizes(head):
            return Reply(401, "these metrics want their token")
        return None

    def handle(self, head: RequestHead, _body: bytes, respond: Respond) -> None:
        """Respond at once."""
        respond(self._reply(head.path.strip("/")))

    def _reply(self, path: str) -> Reply:
        match path:
            case "metrics":
                return self._metrics()
            case "healthz":
                return Reply(200, "ok")
            case "readyz":
                problem = self._unready()
                return Reply(503, problem) if problem else Reply(200, "ready")
            case _:
                return _NOTHING

    def _metrics(self) -> Reply:
        try:
            return Reply(200, self._page().rstrip("\n"))
        except Exception:  # noqa: BLE001  # a fault in a metric must not end the health checks
            self._log.exception("metrics could not be gathered")
            return INTERNAL_ERROR
