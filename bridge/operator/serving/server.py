"""The HTTP server for operators and Prometheus: one thread with an event loop, for all listeners."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence

from uvicorn.config import Config
from uvicorn.server import ServerState

from bridge.operator.serving.connection import OperatorConnection, ServedSockets

LARGEST_HEAD = 16 << 10
"""Bytes of a request's head."""
REQUEST_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 5
_STOP_SECONDS = 2.0
_BACKLOG = 128


class OperatorServer:
    """Serves applications in a thread of its own, so that a slow request does not hold up the alerts."""

    def __init__(self, served: Sequence[ServedSockets], *, request_seconds: float = REQUEST_SECONDS) -> None:
        """The sockets must already listen."""
        self._served = served
        self._request_seconds = request_seconds
        self._state = ServerState()
        self._thread = threading.Thread(target=self._run, name="operator api", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        # uvicorn's own log lines repeat what the applications log.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """Close the listeners, let requests finish for a moment, then close the connections. Can be called twice."""
        if self._thread.is_alive() and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        for each in self._served:
            for listening in each.sockets:
                listening.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers = [
            await self._loop.create_server(lambda each=each: self._connection(each), sock=listening, backlog=_BACKLOG)  # type: ignore[misc]
            for each in self._served
            for listening in each.sockets
        ]
        self._started.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        await self._finish()

    def _connection(self, served: ServedSockets) -> OperatorConnection:
        config = Config(
            served.app, lifespan="off", log_config=None, access_log=False, proxy_headers=False, server_header=False,
            ws="none", timeout_keep_alive=_KEEP_ALIVE_SECONDS, h11_max_incomplete_event_size=LARGEST_HEAD,
        )  # fmt: skip
        assert self._stop is not None
        return OperatorConnection(config, self._state, served, self._stop, self._request_seconds)

    async def _finish(self) -> None:
        """Requests in progress have ``_STOP_SECONDS``; then they are cancelled."""
        for served in self._served:
            for connection in list(served.connections):
                connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=_STOP_SECONDS)
        for served in self._served:
            for connection in list(served.connections):
                connection.abort()
        await asyncio.sleep(0)
