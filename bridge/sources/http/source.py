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
from bridge.common.reloading import Renewed
from bridge.http.connection import Answer, HttpConnection
from bridge.http.guard import ConnectionLimits, Guard
from bridge.http.listener import Listener
from bridge.http.request import FAULT, Head, Reply, unpacked
from bridge.sources.contract import Abandoned, Accept, Batch, Refusal, SourceState
from bridge.sources.http.waiting import Posted, Waiting
from bridge.sources.payload import MOST_PIECES, Payload, TooMany, read_body, trial_alert
from bridge.sources.state import StateKeeper

_MOST_UNFINISHED = 64 << 20
"""Bytes of bodies whose end is still to come, on all connections together."""
_LOOK_SECONDS = 0.25
_FLUSH_LOOKS = 20
_MOST_SAID = 200
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
        places: ConnectionLimits | None = None,
        zone: ZoneInfo | None = None,
    ) -> None:
        self.name = name
        self._zone = zone
        self.guard = guard
        self._door = Listener(host, port, guard, places or ConnectionLimits(), tls)
        self.port = self._door.port
        self._waiting = Waiting()
        self._fault: Exception | None = None
        self._unfinished = 0
        self._held = 0
        self._refused: Counter[int] = Counter()
        self._stopping = False
        self._hanging_up = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._state = StateKeeper(name)
        self._log = structlog.get_logger("http")

    # The source's life

    def run(self, accept: Accept) -> None:
        """Serve until stopped; what was answered with 200 is committed."""
        self._waiting, self._fault, self._unfinished, self._hanging_up = Waiting(), None, 0, False
        loop = self._loop = asyncio.new_event_loop()
        committer = threading.Thread(
            target=self._commit, args=(self._state.counting(accept),), name=f"{self.name} commit", daemon=True
        )
        self._state.connected()
        self._door.open(loop, self)
        loop.call_soon(self._look)
        if self._stopping:
            loop.call_soon(self._leave)
        committer.start()
        try:
            loop.run_forever()
        finally:
            self._waiting.stop()
            self._door.close()
            self._hanging_up = True
            loop.run_until_complete(self._let_go())
            loop.close()
            committer.join()
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Take no more connections; answer what has come."""
        self._stopping = True
        self._soon(self._leave)

    def cancel(self) -> int:
        """The drain deadline has come; how many requests were not committed."""
        self._stopping = True
        left = self._waiting.cancel()
        self._soon(self._halt)
        return left

    def state(self) -> tuple[SourceState, ...]:
        """Listening since; how many are connected, were refused by which status, and are held in memory only."""
        said = [f"{self._door.inside} connections"]
        said += [f"{count} answered {status}" for status, count in sorted(self._refused.items())]
        if self._held:
            said.append(f"{self._held} were held in memory only")
        if self._door.failed_handshakes:
            said.append(f"{self._door.failed_handshakes} TLS handshakes failed")
        self._state.note(", ".join(said))
        return (self._state.now(),)

    def _soon(self, action: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed: nobody is there to be told
                loop.call_soon_threadsafe(action)

    def _halt(self) -> None:
        """No more of this, unless the end has begun already: that would be left half done."""
        assert self._loop is not None
        if not self._hanging_up:
            self._loop.stop()

    def _leave(self) -> None:
        self._door.close()
        for connection in list(self._door.connections):
            connection.leave()
        self._waiting.stop()  # now that nobody brings anything more
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        assert self._loop is not None
        if self._waiting.empty:
            self._halt()
        else:
            self._loop.call_later(_LOOK_SECONDS / 10, self._stop_when_empty)

    async def _let_go(self) -> None:
        """Hang up on everybody, after what was written has gone out."""
        for _ in range(_FLUSH_LOOKS):
            if not any(connection.owes for connection in self._door.connections):
                break
            await asyncio.sleep(_LOOK_SECONDS / 10)
        await self._door.let_go()

    # What the connections ask

    def closed(self, connection: HttpConnection) -> None:
        """One is gone."""
        self._door.left(connection)

    def refused(self, reply: Reply) -> None:
        """One was turned away."""
        self._refused[reply.status] += 1

    def make_room(self, size: int) -> bool:
        """Whether so many more bytes may be gathered."""
        if size > 0 and self._unfinished + size > _MOST_UNFINISHED:
            return False
        self._unfinished += size
        return True

    def broke(self, error: BaseException) -> None:
        """One request was too much for us; the others go on."""
        self._log.error("a request could not be handled", source=self.name, exc_info=error)

    def admit(self, head: Head) -> Reply | None:
        """Who may say what, told before a body is read."""
        if _asks_for_health(head):
            return None
        if not self.guard.knows(head):
            return Reply(401, "this bridge wants its secret path or its token")
        if head.method not in {"POST", "PUT"}:
            return Reply(405, "post alerts here, as Falco's http_output does")
        return None

    def handle(self, head: Head, body: bytes, answer: Answer) -> None:
        """Answer at once, or once it is committed."""
        if _asks_for_health(head):
            answer(Reply(200, "pong" if head.path.strip("/") == "ping" else '{"status": "ok"}'))
            return
        try:
            payload = self._payload(head, body)
        except TooMany:
            payload = Reply(413, f"a body holds at most {MOST_PIECES} alerts")
        if isinstance(payload, Reply):
            self._turn_away(payload, answer)
            return
        posted = Posted(payload, len(body), answer)
        if not self._waiting.put(posted):
            self._turn_away(_FULL, answer)
        elif self._waiting.stuck:
            self._tell_held([posted])

    def _payload(self, head: Head, body: bytes) -> Payload | Reply:
        now_ns = time.time_ns()
        if self.guard.public_path(head) == "test":
            return read_body(trial_alert(now_ns), now_ns)
        plain = unpacked(body, head.encoding)
        if isinstance(plain, Malformed):
            return Payload(refused=[Refusal(plain.reason, body)])
        return plain if isinstance(plain, Reply) else read_body(plain, now_ns, self._zone)

    def _turn_away(self, reply: Reply, answer: Answer) -> None:
        self.refused(reply)
        answer(reply)

    def _look(self) -> None:
        """Four times a second: end what is too slow, and tell those whose commit takes too long."""
        assert self._loop is not None
        now = time.monotonic()
        for connection in list(self._door.connections):
            connection.tick(now)
        self._tell_held([posted for posted in self._waiting.overdue() if not posted.answered])
        self._loop.call_later(_LOOK_SECONDS, self._look)

    def _tell_held(self, posted: list[Posted]) -> None:
        """202 to each: they are held in memory, and counted as such."""
        if posted and not self._held:
            self._log.error(
                "alerts are held in memory only: the disk takes nothing", source=self.name,
                remedy="make room where the journal is; what is held is lost if the bridge dies before",
            )  # fmt: skip
        for each in posted:
            self._held += 1
            each.reply(_HELD)

    def _settle(self, done: list[tuple[Posted, Reply]]) -> None:
        for posted, reply in done:
            if reply.status >= 400:
                self.refused(reply)
            posted.reply(reply)

    # In the committer's thread

    def _commit(self, accept: Accept) -> None:
        """Serve the journal; a fault ends the source, which is started anew, rather than leave senders waiting."""
        try:
            self._commit_all(accept)
        except Exception as error:  # noqa: BLE001  # ``run`` raises it
            self._fault = error
            self._soon(self._halt)

    def _commit_all(self, accept: Accept) -> None:
        """Everything that has come by now is one batch."""
        while (taken := self._waiting.take()) is not None:
            try:
                done = self._committed(taken, accept)
            except Abandoned:
                return
            # In this order: once nothing waits, whoever leaves hangs up.
            self._soon(lambda done=done: self._settle(done))  # type: ignore[misc]
            self._waiting.done()

    def _committed(self, taken: list[Posted], accept: Accept) -> list[tuple[Posted, Reply]]:
        """What each is to be told. Where a batch is too much for us, each is tried by itself: one costs itself only."""
        alerts = tuple(alert for posted in taken for alert in posted.payload.alerts)
        refused = tuple(each for posted in taken for each in posted.payload.refused)
        try:
            accept(Batch(self.name, time.time_ns(), alerts, refused))
        except Abandoned:
            raise
        except Exception:  # noqa: BLE001  # whatever it is, its neighbours must be taken
            if len(taken) > 1:
                return [each for posted in taken for each in self._committed([posted], accept)]
            self._log.exception("an alert could not be taken in", source=self.name)
            return [(taken[0], FAULT)]
        return [(posted, _verdict(posted.payload)) for posted in taken]


def _asks_for_health(head: Head) -> bool:
    return head.method in {"GET", "HEAD"} and head.path.strip("/") in {"ping", "healthz"}


def _verdict(payload: Payload) -> Reply:
    """What a sender is told of a body whose alerts are committed, and whose rest is kept aside."""
    if payload.alerts:
        aside = f", {len(payload.refused)} refused and kept aside" if payload.refused else ""
        return Reply(200, f"{len(payload.alerts)} taken{aside}")
    return Reply(400, f"not an alert: the body {payload.refused[0].reason[:_MOST_SAID]}; it was kept aside")
