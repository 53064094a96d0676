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
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from zoneinfo import ZoneInfo

import structlog

from bridge.common.files.reloading import Reloading
from bridge.http.connection import HttpConnection
from bridge.http.guard import Guard
from bridge.http.listener import Listener
from bridge.http.request import Reply, RequestHead
from bridge.http.response import Response
from bridge.sources.contract import Accept, SourceState
from bridge.sources.http.committing import Answers, Committer
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.pending import PendingRequest, PendingRequests
from bridge.sources.state import StateTracker

_CHECK_SECONDS = 0.25
_STOP_CHECK_SECONDS = 0.025
_FLUSH_CHECKS = 20
_RETIRE_SECONDS = 1.0
"""How long a source that is handed over still accepts, so that busy senders open other connections."""
_LAST_REQUEST_SECONDS = 1.0
"""How long connections may take for one more request after that."""
_DEFAULT_LIMITS = HttpLimits()
_FIRST_ERROR = 400
_HELD = Reply(202, "held in memory until the disk can be written; lost if the bridge dies before that")
_OK, _PONG = Reply(200, '{"status": "ok"}'), Reply(200, "pong")
_NO_SECRET = Reply(401, "the secret path or the token is missing or wrong")
_OTHER_ORIGIN = Reply(403, "web pages may not post; add the page's origin to the source's `origins`")
_NO_POST = Reply(405, "send alerts with POST, as Falco's http_output does")
_HEALTH_PATHS = {"ping", "healthz"}
_FULL = Reply(507, "the disk cannot be written and the memory for held alerts is full; the alert was not accepted")


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
        self._pending: PendingRequests | None = None
        self._committer: Committer | None = None
        self._committed: deque[Answers] = deque()
        """What was committed, and answered or not, since the loop last checked."""
        self._stuck = False
        """Whether the current commit waits for the disk, at the last check."""
        self._error: Exception | None = None
        self._unfinished = 0
        self._held = 0
        self._refusals: Counter[int] = Counter()
        self.stays_bound = stays_bound
        """Whether another process, such as systemd, listens on the same sockets, so that senders wait for the next."""
        self._stopping = False
        self._retiring = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = StateTracker(name)
        self._log = structlog.get_logger("http")

    # Called by the bridge

    def run(self, accept: Accept) -> None:
        """Serve until stopped. Every alert that was answered with 200 is committed."""
        selector = _Selector()
        loop = self._loop = asyncio.SelectorEventLoop(selector)
        pending = self._pending = PendingRequests(self._limits, loop)
        selector.before_wait = pending.before_wait
        self._error, self._unfinished, self._closing, self._stuck = None, 0, False, False
        self._committed = deque()
        self._committer = Committer(self.name, pending, self._state.counting(accept), self._answer, self._zone)
        committer = threading.Thread(target=self._commit, name=f"{self.name} commit", daemon=True)
        self._state.connected()
        self._listener.open(loop, self)
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
        waiting = 0 if self._pending is None else self._pending.abort()
        self._call_soon(self._stop_loop)
        return max(0, waiting - sum(map(len, list(self._committed))))

    def state(self) -> tuple[SourceState, ...]:
        """Listening since when; the numbers of connections, of refusals by status, and of alerts held in memory."""
        parts = [f"{self._listener.count} connections"]
        if self._listener.replaced:
            parts.append(f"{self._listener.replaced} idle connections closed for others")
        parts += [f"{count} answered {status}" for status, count in sorted(self._refusals.items())]
        if self._held:
            parts.append(f"{self._held} held in memory so far")
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
        assert self._pending is not None
        self._listener.stop()
        self._pending.stop()  # no request can arrive any more
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        assert self._loop is not None
        assert self._pending is not None
        self._settle()
        if self._pending.empty:
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

    # Called by the connections

    def on_closed(self, connection: HttpConnection) -> None:
        """A connection has ended."""
        self._listener.remove(connection)

    def on_refused(self, reply: Reply) -> None:
        """Count a refusal."""
        self._refusals[reply.status] += 1

    def reserve(self, size: int) -> bool:
        """Reserve memory for unfinished bodies."""
        if size > 0 and self._unfinished + size > self._limits.unfinished:
            return False
        self._unfinished += size
        return True

    def on_internal_error(self, error: BaseException) -> None:
        """Log a bug that affected one request."""
        self._log.error("request failed", source=self.name, exc_info=error)

    def is_health_check(self, head: RequestHead) -> bool:
        """Whether the request asks whether the source is alive."""
        return head.method in {"GET", "HEAD"} and head.path.strip("/") in _HEALTH_PATHS

    def check_head(self, head: RequestHead) -> Reply | None:
        """Check the secret and the method before the body is read."""
        if head.method not in {"POST", "PUT"} and self.is_health_check(head):
            return None
        if not self.guard.authorizes(head):
            return _NO_SECRET
        if not self.guard.accepts_origin(head):
            return _OTHER_ORIGIN
        return None if head.method in {"POST", "PUT"} else _NO_POST

    def handle(self, head: RequestHead, body: bytes, response: Response) -> None:
        """Respond at once, or after the commit."""
        if head.method not in {"POST", "PUT"}:
            response.respond(_PONG if head.path.strip("/") == "ping" else _OK)
            return
        assert self._pending is not None
        self._settle()
        is_test = head.path != "/" and self.guard.public_path(head) == "test"
        request = PendingRequest(body, head.encoding, response, is_test)
        if not self._pending.put(request, at_once=len(self._listener.connections) == 1):
            self._refuse(_FULL, response)
        elif self._stuck:
            self._answer_held([request])

    def _refuse(self, reply: Reply, response: Response) -> None:
        self.on_refused(reply)
        response.respond(reply)

    # In the loop's thread

    def _check(self) -> None:
        """Called four times a second: end slow connections, and answer requests whose commit takes too long."""
        assert self._loop is not None
        assert self._committer is not None
        assert self._pending is not None
        self._settle()
        self._listener.tick(time.monotonic())
        self._stuck = self._committer.current.longer_than(self._limits.hold_after)
        if self._stuck:
            self._answer_held(self._pending.overdue())
        self._loop.call_later(_CHECK_SECONDS, self._check)

    def _answer_held(self, requests: list[PendingRequest]) -> None:
        """Answer 202 to requests that are held in memory only."""
        if requests and not self._held:
            self._log.error(
                "alerts held in memory: the disk cannot be written", source=self.name,
                remedy="free disk space for the journal; held alerts are lost if the bridge dies before",
            )  # fmt: skip
        self._held += sum([request.reply(_HELD) for request in requests])

    def _settle(self) -> None:
        """Answer what was committed, unless the committer's thread has done that."""
        assert self._pending is not None
        while self._committed:
            self._stuck = False
            answers = self._committed.popleft()
            for request, reply in answers:
                if reply.status >= _FIRST_ERROR:
                    self.on_refused(reply)
                request.reply(reply)
            self._pending.done(len(answers))

    # In the committer's thread

    def _answer(self, answers: Answers) -> None:
        """Answer what was committed. A single request is answered in this thread, which saves waking the loop.

        For several, waking it costs less than their writes would cost while both threads run.
        """
        request, reply = answers[0]
        self._committed.append(answers)  # first: a sender with the answer may ask how many are not committed
        is_sent = len(answers) == 1 and reply.status < _FIRST_ERROR and request.response.send(reply)
        if not is_sent:
            self._call_soon(self._settle)

    def _commit(self) -> None:
        """Commit until stopped. An error ends the source, which is then restarted, so that no sender waits for ever."""
        assert self._committer is not None
        try:
            self._committer.run()
        except Exception as error:  # noqa: BLE001  # raised again by ``run``
            self._error = error
            self._call_soon(self._stop_loop)
