"""Accepts alerts by HTTP from Falco's http_output and from falcosidekick's senders, and answers 200 after the commit.

One thread serves the connections. Another commits everything that has arrived by then as one batch, so batches grow
with the load. While the disk is full or stalled, requests are held in memory up to a limit and answered 202. Beyond the
limit the answer is 507.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from zoneinfo import ZoneInfo

import structlog

from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.common.reloading import Reloading
from bridge.http.connection import HttpConnection, Respond
from bridge.http.guard import Guard
from bridge.http.listener import Listener
from bridge.http.request import INTERNAL_ERROR, Reply, RequestHead, decompress
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.pending import PendingRequest, PendingRequests
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, make_test_alert, read_body
from bridge.sources.state import StateTracker

_CHECK_SECONDS = 0.25
_STOP_CHECK_SECONDS = 0.025
_FLUSH_CHECKS = 20
_MAX_REASON = 200
_DEFAULT_LIMITS = HttpLimits()
_HELD = Reply(202, "held in memory until the disk can be written; lost if the bridge dies before that")
_FULL = Reply(507, "the disk cannot be written and the memory for held alerts is full; the alert was not accepted")


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
    ) -> None:
        self.name = name
        self.guard = guard
        self._limits = limits
        self._zone = zone
        self._listener = Listener(host, port, guard, limits.connections, tls, limits.timeouts)
        self.port = self._listener.port
        self._pending = PendingRequests(limits)
        self._error: Exception | None = None
        self._unfinished = 0
        self._held = 0
        self._refusals: Counter[int] = Counter()
        self._stopping = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = StateTracker(name)
        self._log = structlog.get_logger("http")

    # Called by the bridge

    def run(self, accept: Accept) -> None:
        """Serve until stopped. Every alert that was answered with 200 is committed."""
        self._pending, self._error, self._unfinished, self._closing = PendingRequests(self._limits), None, 0, False
        loop = self._loop = asyncio.new_event_loop()
        committer = threading.Thread(
            target=self._commit, args=(self._state.counting(accept),), name=f"{self.name} commit", daemon=True
        )
        self._state.connected()
        self._listener.open(loop, self)
        loop.call_soon(self._check)
        if self._stopping:
            loop.call_soon(self._begin_stop)
        committer.start()
        try:
            loop.run_forever()
        finally:
            self._pending.stop()
            self._listener.close()
            self._closing = True
            loop.run_until_complete(self._close_connections())
            loop.close()
            committer.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Accept no more connections, and answer the requests that have arrived."""
        self._stopping = True
        self._call_soon(self._begin_stop)

    def abort(self) -> int:
        """The drain deadline was reached. Returns the number of requests that were not committed."""
        self._stopping = True
        uncommitted = self._pending.abort()
        self._call_soon(self._stop_loop)
        return uncommitted

    def state(self) -> tuple[SourceState, ...]:
        """Listening since when; the numbers of connections, of refusals by status, and of alerts held in memory."""
        parts = [f"{self._listener.count} connections"]
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

    def _begin_stop(self) -> None:
        self._listener.stop()
        self._pending.stop()  # no request can arrive any more
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        assert self._loop is not None
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

    def check_head(self, head: RequestHead) -> Reply | None:
        """Check the secret and the method before the body is read."""
        if _is_health_check(head):
            return None
        if not self.guard.authorizes(head):
            return Reply(401, "the secret path or the token is missing or wrong")
        if head.method not in {"POST", "PUT"}:
            return Reply(405, "send alerts with POST, as Falco's http_output does")
        return None

    def handle(self, head: RequestHead, body: bytes, respond: Respond) -> None:
        """Respond at once, or after the commit."""
        if _is_health_check(head):
            respond(Reply(200, "pong" if head.path.strip("/") == "ping" else '{"status": "ok"}'))
            return
        try:
            payload = self._payload(head, body)
        except TooManyAlerts:
            payload = Reply(413, f"a body holds at most {MAX_ALERTS_PER_BODY} alerts")
        if isinstance(payload, Reply):
            self._refuse(payload, respond)
            return
        request = PendingRequest(payload, len(body), respond)
        if not self._pending.put(request):
            self._refuse(_FULL, respond)
        elif self._pending.stuck:
            self._answer_held([request])

    def _payload(self, head: RequestHead, body: bytes) -> Payload | Reply:
        now_ns = time.time_ns()
        if self.guard.public_path(head) == "test":
            return read_body(make_test_alert(now_ns), now_ns)
        content = decompress(body, head.encoding)
        if isinstance(content, Malformed):
            return Payload(rejected=[RejectedMessage(content.reason, body)])
        return content if isinstance(content, Reply) else read_body(content, now_ns, self._zone)

    def _refuse(self, reply: Reply, respond: Respond) -> None:
        self.on_refused(reply)
        respond(reply)

    # In the loop's thread

    def _check(self) -> None:
        """Called four times a second: end slow connections, and answer requests whose commit takes too long."""
        assert self._loop is not None
        self._listener.tick(time.monotonic())
        self._answer_held([request for request in self._pending.overdue() if not request.answered])
        self._loop.call_later(_CHECK_SECONDS, self._check)

    def _answer_held(self, requests: list[PendingRequest]) -> None:
        """Answer 202 to requests that are held in memory only."""
        if requests and not self._held:
            self._log.error(
                "alerts held in memory: the disk cannot be written", source=self.name,
                remedy="free disk space for the journal; held alerts are lost if the bridge dies before",
            )  # fmt: skip
        for request in requests:
            self._held += 1
            request.reply(_HELD)

    def _answer(self, done: list[tuple[PendingRequest, Reply]]) -> None:
        for request, reply in done:
            if reply.status >= 400:
                self.on_refused(reply)
            request.reply(reply)

    # In the committer's thread

    def _commit(self, accept: Accept) -> None:
        """Commit until stopped. An error ends the source, which is then restarted, so that no sender waits for ever."""
        try:
            self._commit_all(accept)
        except Exception as error:  # noqa: BLE001  # raised again by ``run``
            self._error = error
            self._call_soon(self._stop_loop)

    def _commit_all(self, accept: Accept) -> None:
        while (requests := self._pending.take()) is not None:
            try:
                done = self._commit_batch(requests, accept)
            except Aborted:
                return
            # The answers must be scheduled first: once no request is pending, a source that stops closes connections.
            self._call_soon(lambda done=done: self._answer(done))  # type: ignore[misc]
            self._pending.done()

    def _commit_batch(self, requests: list[PendingRequest], accept: Accept) -> list[tuple[PendingRequest, Reply]]:
        """Commit the requests as one batch and return the reply to each. If that fails, commit them one by one."""
        alerts = tuple(alert for request in requests for alert in request.payload.alerts)
        rejected = tuple(message for request in requests for message in request.payload.rejected)
        try:
            accept(Batch(self.name, time.time_ns(), alerts, rejected))
        except Aborted:
            raise
        except Exception:  # noqa: BLE001  # a bug must affect one request only
            if len(requests) > 1:
                return [each for request in requests for each in self._commit_batch([request], accept)]
            self._log.exception("commit failed", source=self.name)
            return [(requests[0], INTERNAL_ERROR)]
        return [(request, _reply_to(request.payload)) for request in requests]


def _is_health_check(head: RequestHead) -> bool:
    return head.method in {"GET", "HEAD"} and head.path.strip("/") in {"ping", "healthz"}


def _reply_to(payload: Payload) -> Reply:
    """The reply to a request whose alerts are committed and whose rejected messages are quarantined."""
    if payload.alerts:
        rejected = f", {len(payload.rejected)} rejected and quarantined" if payload.rejected else ""
        return Reply(200, f"{len(payload.alerts)} accepted{rejected}")
    return Reply(400, f"not an alert: the body {payload.rejected[0].reason[:_MAX_REASON]}; it was quarantined")
