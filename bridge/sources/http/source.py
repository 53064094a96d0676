"""Accepts alerts by HTTP from Falco's http_output and from falcosidekick's senders, and answers 200 after the commit.

One thread serves the connections. Another decodes and commits everything that has arrived by then as one batch, so
batches grow with the load, and a body that is expensive to decode does not keep others from being served. While the
disk is full or stalled, requests are held in memory up to a limit and answered 202. Beyond the limit the answer is 507.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfo

from bridge.common.files.reloading import Reloading
from bridge.http.guard import Guard
from bridge.http.listener import Listener
from bridge.sources.contract import Accept, SourceState
from bridge.sources.http.answering import AnswerCounts, Answering
from bridge.sources.http.committing import Committer
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.pending import PendingRequests
from bridge.sources.state import StateTracker

_CHECK_SECONDS = 0.25
_STOP_CHECK_SECONDS = 0.025
_FLUSH_CHECKS = 20
_RETIRE_SECONDS = 1.0
"""How long a source that is handed over still accepts, so that busy senders open other connections."""
_LAST_REQUEST_SECONDS = 1.0
"""How long connections may take for one more request after that."""
_DEFAULT_LIMITS = HttpLimits()


class _Selector(selectors.DefaultSelector):
    """Calls ``before_wait`` whenever the loop is about to wait for events."""

    before_wait: Callable[[], None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As in the base class."""
        if self.before_wait is not None:
            self.before_wait()
        return super().select(timeout)


class HttpSource:
    """Listens at ``host:port``. Raises SetupError if it cannot listen."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        guard: Guard,
        tls: Reloading[ssl.SSLContext] | None = None,
        limits: HttpLimits = _DEFAULT_LIMITS,
        zone: ZoneInfo | None = None,
        sockets: Sequence[socket.socket] = (),
        *,
        stays_bound: bool = False,
    ) -> None:
        """``sockets`` already listen at this address; without them, it is bound."""
        self.name = name
        self.guard = guard
        self._limits = limits
        self._zone = zone
        self._listener = Listener(host, port, guard, limits.connections, tls, limits.timeouts, sockets)
        self.port = self._listener.port
        self._answering: Answering | None = None
        self._counts = AnswerCounts()
        self._committer: Committer | None = None
        self._error: Exception | None = None
        self.stays_bound = stays_bound
        """Whether another process, such as systemd, listens on the same sockets, so that senders wait for the next."""
        self._stopping = False
        self._retiring = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = StateTracker(name)

    # Called by the bridge

    def run(self, accept: Accept) -> None:
        """Serve until stopped. Every alert that was answered with 200 is committed."""
        selector = _Selector()
        loop = self._loop = asyncio.SelectorEventLoop(selector)
        pending = PendingRequests(self._limits, loop)
        selector.before_wait = pending.before_wait
        self._error, self._closing = None, False
        answering = self._answering = Answering(
            self.name, self.guard, self._limits, self._listener, pending, self._counts, self._call_soon
        )
        self._committer = Committer(self.name, pending, self._state.counting(accept), answering.answer, self._zone)
        committer = threading.Thread(target=self._commit, name=f"{self.name} commit", daemon=True)
        self._state.connected()
        self._listener.open(loop, answering)
        loop.call_soon(self._check)
        if self._stopping or self._retiring:
            loop.call_soon(self._begin_stop if self._stopping else self._retire)
        committer.start()
        try:
            loop.run_forever()
        finally:
            pending.stop()
            if self._stopping:
                self._listener.close()
            else:
                self._listener.pause()
            self._closing = True
            loop.run_until_complete(self._close_connections())
            loop.close()
            committer.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Accept no more connections, and answer the requests that have arrived."""
        if self.stays_bound:
            self.hand_over()
        else:
            self._stop_now()

    def _stop_now(self) -> None:
        self._stopping = True
        self._call_soon(self._begin_stop)

    def hand_over(self) -> None:
        """Stop, because another process listens on the same sockets from now on. No request is refused or lost.

        Connections end with their next response. Those that send no request for a while are closed.
        """
        self._retiring = True
        self._call_soon(self._retire)

    def abort(self) -> int:
        """The drain deadline was reached. Returns the number of requests that were not committed."""
        self._stopping = True
        answering = self._answering
        waiting = 0 if answering is None else answering.pending.abort()
        self._call_soon(self._stop_loop)
        return 0 if answering is None else max(0, waiting - answering.committed)

    def state(self) -> tuple[SourceState, ...]:
        """Listening since when; the numbers of connections, of refusals by status, and of alerts held in memory."""
        parts = [f"{self._listener.count} connections"]
        if self._listener.replaced:
            parts.append(f"{self._listener.replaced} idle connections closed for others")
        parts += [f"{count} answered {status}" for status, count in sorted(self._counts.refusals.items())]
        if self._counts.held:
            parts.append(f"{self._counts.held} held in memory so far")
        if self._listener.failed_handshakes:
            parts.append(f"{self._listener.failed_handshakes} TLS handshakes failed")
        self._state.note(", ".join(parts))
        return (self._state.now(),)

    def _call_soon(self, action: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is closed: ``run`` has ended
                loop.call_soon_threadsafe(action)

    def _stop_loop(self) -> None:
        """Stop serving. Does nothing while ``run`` is closing connections, which must not be interrupted."""
        assert self._loop is not None
        if not self._closing:
            self._loop.stop()

    def _retire(self) -> None:
        assert self._loop is not None
        self._listener.retire()
        self._loop.call_later(_RETIRE_SECONDS, self._leave_backlog)

    def _leave_backlog(self) -> None:
        """Accept no more. The connections that have just been accepted may still send their request."""
        self._listener.pause()
        self._stop_when_unconnected(time.monotonic() + _LAST_REQUEST_SECONDS)

    def _stop_when_unconnected(self, deadline: float) -> None:
        assert self._loop is not None
        if self._listener.connections and time.monotonic() < deadline:
            self._loop.call_later(_STOP_CHECK_SECONDS, self._stop_when_unconnected, deadline)
        else:
            self._stop_now()

    def _begin_stop(self) -> None:
        assert self._answering is not None
        self._listener.stop()
        self._answering.pending.stop()  # no request can arrive any more
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        assert self._loop is not None
        assert self._answering is not None
        self._answering.settle()
        if self._answering.pending.empty:
            self._stop_loop()
        else:
            self._loop.call_later(_STOP_CHECK_SECONDS, self._stop_when_empty)

    async def _close_connections(self) -> None:
        """Close all connections after the written responses have been sent."""
        for _ in range(_FLUSH_CHECKS):
            if not any(connection.unsent for connection in self._listener.connections):
                break
            await asyncio.sleep(_STOP_CHECK_SECONDS)
        await self._listener.abort_connections()

    # In the loop's thread

    def _check(self) -> None:
        """Called four times a second: end slow connections, and answer requests whose commit takes too long."""
        assert self._loop is not None
        assert self._committer is not None
        assert self._answering is not None
        self._answering.settle()
        self._listener.tick(time.monotonic())
        self._answering.hold(stuck=self._committer.current.longer_than(self._limits.hold_after))
        self._loop.call_later(_CHECK_SECONDS, self._check)

    # In the committer's thread

    def _commit(self) -> None:
        """Commit until stopped. An error ends the source, which is then restarted, so that no sender waits for ever."""
        assert self._committer is not None
        try:
            self._committer.run()
        except Exception as error:  # noqa: BLE001  # raised again by ``run``
            self._error = error
            self._call_soon(self._stop_loop)
