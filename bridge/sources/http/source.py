"""Takes what Falco's http_output posts, and falcosidekick's other senders: 2xx once it is on the disk, not before.

The connections live in one thread; another hands everything that has come by then to the journal in one batch, so that
load makes the batches. While the disk takes nothing, requests are held in memory up to a bound and answered 202;
past the bound the answer is 507.
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
from bridge.common.reloading import Renewed
from bridge.http.connection import HttpConnection, Respond
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.listener import Listener
from bridge.http.request import FAULT, Reply, RequestHead, decompress
from bridge.sources.contract import Aborted, Accept, Batch, SourceState
from bridge.sources.http.pending import PendingRequest, PendingRequests
from bridge.sources.payload import MAX_ALERTS_PER_BODY, Payload, TooManyAlerts, make_test_alert, read_body
from bridge.sources.state import StateTracker

_MAX_UNFINISHED_BYTES = 64 << 20
"""Bytes of bodies whose end is still to come, on all connections together."""
_CHECK_SECONDS = 0.25
_FLUSH_CHECKS = 20
_MAX_REASON = 200
_HELD = Reply(202, "held in memory until the disk takes it; lost if the bridge dies before that")
_FULL = Reply(507, "the disk takes nothing, and the memory kept for that is full; this alert was not taken")


class HttpSource:
    """Listens at ``host:port``. Raises SetupError where it cannot."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        guard: Guard,
        tls: Renewed[ssl.SSLContext] | None = None,
        limits: ConnectionLimits | None = None,
        zone: ZoneInfo | None = None,
    ) -> None:
        self.name = name
        self._zone = zone
        self.guard = guard
        self._listener = Listener(host, port, guard, limits or ConnectionLimits(), tls)
        self.port = self._listener.port
        self._pending = PendingRequests()
        self._error: Exception | None = None
        self._unfinished = 0
        self._held = 0
        self._refusals: Counter[int] = Counter()
        self._stopping = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = StateTracker(name)
        self._log = structlog.get_logger("http")

    # The source's life

    def run(self, accept: Accept) -> None:
        """Serve until stopped; what was answered with 200 is committed."""
        self._pending, self._error, self._unfinished, self._closing = PendingRequests(), None, 0, False
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
            loop.run_until_complete(self._let_go())
            loop.close()
            committer.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Take no more connections; answer what has come."""
        self._stopping = True
        self._call_soon(self._begin_stop)

    def abort(self) -> int:
        """The drain deadline has come; how many requests were not committed."""
        self._stopping = True
        left = self._pending.abort()
        self._call_soon(self._stop_loop)
        return left

    def state(self) -> tuple[SourceState, ...]:
        """Listening since; how many are connected, were refused by which status, and are held in memory only."""
        said = [f"{self._listener.count} connections"]
        said += [f"{count} answered {status}" for status, count in sorted(self._refusals.items())]
        if self._held:
            said.append(f"{self._held} were held in memory only")
        if self._listener.failed_handshakes:
            said.append(f"{self._listener.failed_handshakes} TLS handshakes failed")
        self._state.note(", ".join(said))
        return (self._state.now(),)

    def _call_soon(self, action: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed: nobody is there to be told
                loop.call_soon_threadsafe(action)

    def _stop_loop(self) -> None:
        """No more of this, unless the end has begun already: that would be left half done."""
        assert self._loop is not None
        if not self._closing:
            self._loop.stop()

    def _begin_stop(self) -> None:
        self._listener.close()
        for connection in list(self._listener.connections):
            connection.stop()
        self._pending.stop()  # now that nobody brings anything more
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        assert self._loop is not None
        if self._pending.empty:
            self._stop_loop()
        else:
            self._loop.call_later(_CHECK_SECONDS / 10, self._stop_when_empty)

    async def _let_go(self) -> None:
        """Hang up on everybody, after what was encode_reply has gone out."""
        for _ in range(_FLUSH_CHECKS):
            if not any(connection.unsent for connection in self._listener.connections):
                break
            await asyncio.sleep(_CHECK_SECONDS / 10)
        await self._listener.abort_connections()

    # What the connections ask

    def on_closed(self, connection: HttpConnection) -> None:
        """One is gone."""
        self._listener.remove(connection)

    def on_refused(self, reply: Reply) -> None:
        """One was turned away."""
        self._refusals[reply.status] += 1

    def reserve(self, size: int) -> bool:
        """Whether so many more bytes may be gathered."""
        if size > 0 and self._unfinished + size > _MAX_UNFINISHED_BYTES:
            return False
        self._unfinished += size
        return True

    def on_internal_error(self, error: BaseException) -> None:
        """One request was too much for us; the others go on."""
        self._log.error("a request could not be handled", source=self.name, exc_info=error)

    def check_head(self, head: RequestHead) -> Reply | None:
        """Who may say what, told before a body is read."""
        if _is_health_check(head):
            return None
        if not self.guard.authorizes(head):
            return Reply(401, "this bridge wants its secret path or its token")
        if head.method not in {"POST", "PUT"}:
            return Reply(405, "post alerts here, as Falco's http_output does")
        return None

    def handle(self, head: RequestHead, body: bytes, respond: Respond) -> None:
        """Respond at once, or once it is committed."""
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
        plain = decompress(body, head.encoding)
        if isinstance(plain, Malformed):
            return Payload(rejected=[RejectedMessage(plain.reason, body)])
        return plain if isinstance(plain, Reply) else read_body(plain, now_ns, self._zone)

    def _refuse(self, reply: Reply, respond: Respond) -> None:
        self.on_refused(reply)
        respond(reply)

    def _check(self) -> None:
        """Four times a second: end what is too slow, and tell those whose commit takes too long."""
        assert self._loop is not None
        now = time.monotonic()
        for connection in list(self._listener.connections):
            connection.tick(now)
        self._answer_held([request for request in self._pending.overdue() if not request.answered])
        self._loop.call_later(_CHECK_SECONDS, self._check)

    def _answer_held(self, request: list[PendingRequest]) -> None:
        """202 to each: they are held in memory, and counted as such."""
        if request and not self._held:
            self._log.error(
                "alerts are held in memory only: the disk takes nothing", source=self.name,
                remedy="make room where the journal is; what is held is lost if the bridge dies before",
            )  # fmt: skip
        for each in request:
            self._held += 1
            each.reply(_HELD)

    def _settle(self, done: list[tuple[PendingRequest, Reply]]) -> None:
        for request, reply in done:
            if reply.status >= 400:
                self.on_refused(reply)
            request.reply(reply)

    # In the committer's thread

    def _commit(self, accept: Accept) -> None:
        """Serve the journal; a fault ends the source, which is started anew, rather than leave senders waiting."""
        try:
            self._commit_all(accept)
        except Exception as error:  # noqa: BLE001  # ``run`` raises it
            self._error = error
            self._call_soon(self._stop_loop)

    def _commit_all(self, accept: Accept) -> None:
        """Everything that has come by now is one batch."""
        while (taken := self._pending.take()) is not None:
            try:
                done = self._commit_batch(taken, accept)
            except Aborted:
                return
            # In this order: once nothing waits, whoever leaves hangs up.
            self._call_soon(lambda done=done: self._settle(done))  # type: ignore[misc]
            self._pending.done()

    def _commit_batch(self, taken: list[PendingRequest], accept: Accept) -> list[tuple[PendingRequest, Reply]]:
        """What each is to be told. Where a batch is too much for us, each is tried by itself: one costs itself only."""
        alerts = tuple(alert for request in taken for alert in request.payload.alerts)
        rejected = tuple(each for request in taken for each in request.payload.rejected)
        try:
            accept(Batch(self.name, time.time_ns(), alerts, rejected))
        except Aborted:
            raise
        except Exception:  # noqa: BLE001  # whatever it is, its neighbours must be taken
            if len(taken) > 1:
                return [each for request in taken for each in self._commit_batch([request], accept)]
            self._log.exception("an alert could not be taken in", source=self.name)
            return [(taken[0], FAULT)]
        return [(request, _reply_to(request.payload)) for request in taken]


def _is_health_check(head: RequestHead) -> bool:
    return head.method in {"GET", "HEAD"} and head.path.strip("/") in {"ping", "healthz"}


def _reply_to(payload: Payload) -> Reply:
    """What a sender is told of a body whose alerts are committed, and whose rest is kept aside."""
    if payload.alerts:
        aside = f", {len(payload.rejected)} refused and kept aside" if payload.rejected else ""
        return Reply(200, f"{len(payload.alerts)} taken{aside}")
    return Reply(400, f"not an alert: the body {payload.rejected[0].reason[:_MAX_REASON]}; it was kept aside")
