"""Where Prometheus scrapes, and where an orchestrator asks whether the bridge lives: a listener apart from alerts'."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import structlog

from bridge.http.connection import Answer, HttpConnection
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.listener import Listener
from bridge.http.request import FAULT, Head, Reply

_LOOK_SECONDS = 1.0
_LARGEST_BODY = 1 << 10
_PLACES = ConnectionLimits(total=64, per_peer=32)
_NOTHING = Reply(404, "one can GET /metrics, /healthz and /readyz here")
_OPEN = frozenset({"healthz", "readyz"})
"""What a kubelet asks, which has no token."""


class MetricsServer:
    """Listens from its making on, answers once started. Raises SetupError where it cannot listen."""

    def __init__(self, host: str, port: int, guard: Guard, page: Callable[[], str], unready: Callable[[], str]) -> None:
        """``page`` gives the metrics, ``unready`` why the bridge is not ready, or an empty text."""
        self.guard = guard
        self._door = Listener(host, port, guard, _PLACES, None)
        self.port = self._door.port
        self._page = page
        self._unready = unready
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._log = structlog.get_logger("metrics")

    def start(self) -> None:
        """Answer from now on, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        self._door.open(self._loop, self)
        self._loop.call_soon(self._look)
        try:
            self._loop.run_forever()
        finally:
            self._door.close()
            self._loop.run_until_complete(self._door.let_go())
            self._loop.close()

    def _look(self) -> None:
        """End what is too slow."""
        now = time.monotonic()
        for connection in list(self._door.connections):
            connection.tick(now)
        self._loop.call_later(_LOOK_SECONDS, self._look)

    # What the connections ask

    def closed(self, connection: HttpConnection) -> None:
        """One is gone."""
        self._door.left(connection)

    def refused(self, reply: Reply) -> None:
        """One was turned away, which nobody need know."""

    def make_room(self, size: int) -> bool:
        """Nothing that is asked here has a body to speak of."""
        return size <= _LARGEST_BODY

    def broke(self, error: BaseException) -> None:
        """One request was too much for us; the others go on."""
        self._log.error("a request could not be handled", exc_info=error)

    def admit(self, head: Head) -> Reply | None:
        """Who may look at what."""
        if head.method not in {"GET", "HEAD"}:
            return _NOTHING
        if head.path.strip("/") not in _OPEN and not self.guard.knows(head):
            return Reply(401, "these metrics want their token")
        return None

    def handle(self, head: Head, _body: bytes, answer: Answer) -> None:
        """Answer at once."""
        answer(self._reply(head.path.strip("/")))

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
            return FAULT
