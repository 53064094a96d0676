"""Takes what Falco's http_output posts, and falcosidekick's other senders: 2xx once it is on the disk, not before.

The connections live in one thread; another hands everything that has come by then to the journal in one batch, so that
load makes the batches. While the disk takes nothing, requests are held in memory up to a bound and answered 202;
past the bound the answer is 507.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import structlog

from bridge.language.values import Network
from bridge.sources.contract import Abandoned, Accept, Batch, SourceState
from bridge.sources.errors import SourceError
from bridge.sources.http_protocol import HttpConnection, Reply, Request
from bridge.sources.payload import Payload, read_body
from bridge.sources.state import StateKeeper

_MOST_CONNECTIONS = 1024
_MOST_HELD = 64 << 20
"""Bytes of bodies that wait for the journal."""
_MOST_IN_A_BATCH = 1000
HELD_SECONDS = 2.0
"""A commit that takes so long means that the disk takes nothing: the sender hears 202 and need not wait."""
_LOOK_SECONDS = 0.25
_FLUSH_LOOKS = 20
_MOST_SAID = 200


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may post. Empty values guard nothing."""

    path: str = ""
    """A secret path, without its slash: Falco's http_output cannot send a header."""
    token: str = field(default="", repr=False)
    allow: tuple[Network, ...] = ()

    def admits(self, peer: str) -> bool:
        """Whether this address may connect."""
        if not self.allow:
            return True
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address.version == each.version and address in each for each in self.allow)

    def knows(self, request: Request) -> bool:
        """Whether the request bears the path or the token, where one is asked for."""
        if not self.path and not self.token:
            return True
        path = request.path.partition("?")[0].strip("/").partition("/")[0]
        by_path = bool(self.path) and hmac.compare_digest(path.encode(), self.path.encode())
        by_token = bool(self.token) and hmac.compare_digest(request.token.encode(), self.token.encode())
        return by_path or by_token


@dataclass(slots=True)
class _Held:
    """One request that waits for its commit."""

    payload: Payload
    size: int
    since: float
    answer: Callable[[Reply], None]
    answered: bool = False


class HttpSource:
    """Listens at ``host:port``. Raises SourceError where it cannot."""

    def __init__(self, name: str, host: str, port: int, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.port = port
        self._host = host
        self._guard = guard
        self._tls = tls
        self._connections: set[HttpConnection] = set()
        self._waiting: list[_Held] = []
        self._in_commit: list[_Held] = []
        self._size = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._cancelled = False
        self._loop = asyncio.new_event_loop()
        self._server: Any = None
        self._state = StateKeeper(name)
        self._log = structlog.get_logger("http")
        self._listen()

    def _listen(self) -> None:
        """Before the bridge starts, so that a port that is taken is told at once."""
        try:
            self._server = self._loop.run_until_complete(
                self._loop.create_server(
                    lambda: HttpConnection(self), self._host, self.port, ssl=self._tls, backlog=1024, reuse_address=True
                )
            )
        except (OSError, OverflowError) as error:
            self._loop.close()
            raise SourceError(
                f"{self._host}:{self.port}: cannot listen there ({error}); is the port taken, or another's?"
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    # The source's life

    def run(self, accept: Accept) -> None:
        """Serve until stopped; what was answered with 200 is committed."""
        self._state.connected()
        committer = threading.Thread(
            target=self._commit, args=(self._state.counting(accept),), name=f"{self.name} commit", daemon=True
        )
        committer.start()
        watch = self._loop.call_soon(self._watch_held)
        try:
            self._loop.run_forever()
        finally:
            watch.cancel()
            self._end()
        committer.join()

    def stop(self) -> None:
        """Take no more connections; answer what has come."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._soon(self._leave)

    def cancel(self) -> int:
        """The drain deadline has come; how many requests were not committed."""
        with self._changed:
            self._stopping = self._cancelled = True
            left = len(self._waiting) + len(self._in_commit)
            self._changed.notify_all()
        self._soon(self._loop.stop)
        return left

    def state(self) -> tuple[SourceState, ...]:
        """Listening since, and how many are connected."""
        self._state.note(f"{len(self._connections)} connections")
        return (self._state.now(),)

    def _soon(self, action: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def _leave(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.leave()
        self._stop_when_empty()

    def _stop_when_empty(self) -> None:
        with self._changed:
            empty = not self._waiting and not self._in_commit
        if empty or self._cancelled:
            self._loop.stop()
        else:
            self._loop.call_later(_LOOK_SECONDS / 10, self._stop_when_empty)

    def _end(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._server.close()
        self._loop.run_until_complete(self._let_go())
        self._loop.close()

    async def _let_go(self) -> None:
        """Hang up on everybody, after what was written has gone out."""
        for _ in range(_FLUSH_LOOKS):
            if not any(connection.owes for connection in self._connections):
                break
            await asyncio.sleep(_LOOK_SECONDS / 10)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)

    # In the loop's thread

    def opened(self, connection: HttpConnection, peer: str) -> Reply | None:
        """A new connection."""
        if not self._guard.admits(peer):
            return Reply(403, "this address may not post here")
        if len(self._connections) >= _MOST_CONNECTIONS:
            return Reply(503, "too many connections; try again")
        self._connections.add(connection)
        return None

    def closed(self, connection: HttpConnection) -> None:
        """One is gone."""
        self._connections.discard(connection)

    def handle(self, request: Request, answer: Callable[[Reply], None]) -> None:
        """Answer at once, or once it is committed."""
        reply = self._at_once(request)
        if reply is not None:
            answer(reply)
            return
        payload = read_body(request.body, time.time_ns())
        if not payload.alerts and not payload.refused:
            answer(Reply(400, "the body is empty; post an alert as Falco's http_output does"))
            return
        held = _Held(payload, len(request.body), time.monotonic(), answer)
        with self._changed:
            if self._size + held.size > _MOST_HELD:
                full = True
            else:
                full = False
                self._size += held.size
                self._waiting.append(held)
                self._changed.notify_all()
        if full:
            answer(Reply(507, "the disk takes nothing, and the memory kept for that is full; this alert was not taken"))

    def _at_once(self, request: Request) -> Reply | None:
        """The reply to all but an alert."""
        path = request.path.partition("?")[0].rstrip("/")
        if request.method == "GET" and path in {"/ping", "/healthz"}:
            return Reply(200, "pong" if path == "/ping" else '{"status": "ok"}')
        if not self._guard.knows(request):
            return Reply(401, "this bridge wants its secret path or its token")
        if request.method not in {"POST", "PUT"}:
            return Reply(405, "post alerts here, as Falco's http_output does")
        return None

    def _watch_held(self) -> None:
        """Answer 202 to those whose commit takes too long: they are held in memory, and counted as such."""
        late = time.monotonic() - HELD_SECONDS
        with self._changed:
            held = [each for each in (*self._in_commit, *self._waiting) if each.since < late and not each.answered]
        for each in held:
            each.answered = True
            each.answer(Reply(202, "held in memory until the disk takes it; lost if the bridge dies before that"))
        if held:
            self._log.error("alerts held in memory only", source=self.name, requests=len(held))
        self._loop.call_later(_LOOK_SECONDS, self._watch_held)

    def _settle(self, done: list[_Held]) -> None:
        for held in done:
            if not held.answered:
                held.answered = True
                held.answer(_verdict(held.payload))

    # In the committer's thread

    def _commit(self, accept: Accept) -> None:
        """Everything that has come by now is one batch."""
        while (taken := self._take()) is not None:
            alerts = tuple(alert for held in taken for alert in held.payload.alerts)
            refused = tuple(each for held in taken for each in held.payload.refused)
            try:
                accept(Batch(self.name, time.time_ns(), alerts, refused))
            except Abandoned:
                return
            with self._changed:
                self._in_commit = []
                self._size -= sum(held.size for held in taken)
            self._soon(lambda done=taken: self._settle(done))  # type: ignore[misc]

    def _take(self) -> list[_Held] | None:
        """What waits, up to a batch; None once it is time to leave."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._cancelled or (self._stopping and not self._waiting):
                return None
            taken, self._waiting = self._waiting[:_MOST_IN_A_BATCH], self._waiting[_MOST_IN_A_BATCH:]
            self._in_commit = taken
            return taken


def _verdict(payload: Payload) -> Reply:
    """What a sender is told of a body whose alerts are committed, and whose rest is kept aside."""
    if payload.alerts:
        aside = f", {len(payload.refused)} refused and kept aside" if payload.refused else ""
        return Reply(200, f"{len(payload.alerts)} taken{aside}")
    return Reply(400, f"not an alert: the body {payload.refused[0].reason[:_MOST_SAID]}; it was kept aside")
