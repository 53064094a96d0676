"""Answers the requests of an http source: at once, after the commit, or while the disk cannot be written."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bridge.http.connection import HttpConnection
from bridge.http.guard import Guard
from bridge.http.listener import Listener
from bridge.http.request import Reply, RequestHead
from bridge.http.response import Response
from bridge.sources.http.committing import Answers
from bridge.sources.http.limits import HttpLimits
from bridge.sources.http.pending import PendingRequest, PendingRequests

_FIRST_ERROR = 400
_HELD = Reply(202, "held in memory until the disk can be written; lost if the bridge dies before that")
_OK, _PONG = Reply(200, '{"status": "ok"}'), Reply(200, "pong")
_NO_SECRET = Reply(401, "the secret path or the token is missing or wrong")
_OTHER_ORIGIN = Reply(403, "web pages may not post; add the page's origin to the source's `origins`")
_NO_POST = Reply(405, "send alerts with POST, as Falco's http_output does")
_HEALTH_PATHS = {"ping", "healthz"}
_FULL = Reply(507, "the disk cannot be written and the memory for held alerts is full; the alert was not accepted")


@dataclass(slots=True)
class AnswerCounts:
    """What a source has answered."""

    refusals: Counter[int] = field(default_factory=Counter)
    """Refused requests by status."""
    held: int = 0
    """Requests that were answered before their commit."""


class Answering:
    """The handler of all connections of a listener, for one run of the source.

    Called in the loop's thread, except for ``answer``. ``call_soon`` has the loop's thread call a function.
    """

    def __init__(
        self,
        source_name: str,
        guard: Guard,
        limits: HttpLimits,
        listener: Listener,
        pending: PendingRequests,
        counts: AnswerCounts,
        call_soon: Callable[[Callable[[], object]], None],
    ) -> None:
        self._source_name = source_name
        self._guard = guard
        self._limits = limits
        self._listener = listener
        self._counts = counts
        self._call_soon = call_soon
        self.pending = pending
        self.unfinished = 0
        """Bytes of the bodies that are not complete."""
        self._committed: deque[Answers] = deque()
        """What was committed, and answered or not, since the loop last checked."""
        self._stuck = False
        """Whether the current commit waits for the disk, at the last check."""
        self._log = structlog.get_logger("http")

    # Called by the connections

    def on_closed(self, connection: HttpConnection) -> None:
        """A connection has ended."""
        self._listener.remove(connection)

    def on_refused(self, reply: Reply) -> None:
        """Count a refusal."""
        self._counts.refusals[reply.status] += 1

    def reserve(self, size: int) -> bool:
        """Reserve memory for unfinished bodies."""
        if size > 0 and self.unfinished + size > self._limits.unfinished:
            return False
        self.unfinished += size
        return True

    def on_internal_error(self, error: BaseException) -> None:
        """Log a bug that affected one request."""
        self._log.error("request failed", source=self._source_name, exc_info=error)

    def is_health_check(self, head: RequestHead) -> bool:
        """Whether the request asks whether the source is alive."""
        return head.method in {"GET", "HEAD"} and head.path.strip("/") in _HEALTH_PATHS

    def check_head(self, head: RequestHead) -> Reply | None:
        """Check the secret and the method before the body is read."""
        if head.method not in {"POST", "PUT"} and self.is_health_check(head):
            return None
        if not self._guard.authorizes(head):
            return _NO_SECRET
        if not self._guard.accepts_origin(head):
            return _OTHER_ORIGIN
        return None if head.method in {"POST", "PUT"} else _NO_POST

    def handle(self, head: RequestHead, body: bytes, response: Response) -> None:
        """Respond at once, or after the commit."""
        if head.method not in {"POST", "PUT"}:
            response.respond(_PONG if head.path.strip("/") == "ping" else _OK)
            return
        self.settle()
        is_test = head.path != "/" and self._guard.public_path(head) == "test"
        request = PendingRequest(body, head.encoding, response, is_test)
        if not self.pending.put(request, at_once=len(self._listener.connections) == 1):
            self._refuse(_FULL, response)
        elif self._stuck:
            self._answer_held([request])

    def _refuse(self, reply: Reply, response: Response) -> None:
        self.on_refused(reply)
        response.respond(reply)

    # Called by the source

    @property
    def committed(self) -> int:
        """Requests that were committed since the loop last checked. Callable from any thread."""
        return sum(map(len, list(self._committed)))

    def hold(self, *, stuck: bool) -> None:
        """While the commit is ``stuck``, answer requests that have waited for long, and new ones at once."""
        self._stuck = stuck
        if stuck:
            self._answer_held(self.pending.overdue())

    def settle(self) -> None:
        """Answer what was committed, unless the committer's thread has done that."""
        while self._committed:
            self._stuck = False
            answers = self._committed.popleft()
            for request, reply in answers:
                if reply.status >= _FIRST_ERROR:
                    self.on_refused(reply)
                request.reply(reply)
            self.pending.done(len(answers))

    def _answer_held(self, requests: list[PendingRequest]) -> None:
        """Answer 202 to requests that are held in memory only."""
        if requests and not self._counts.held:
            self._log.error(
                "alerts held in memory: the disk cannot be written", source=self._source_name,
                remedy="free disk space for the journal; held alerts are lost if the bridge dies before",
            )  # fmt: skip
        self._counts.held += sum([request.hold(_HELD) for request in requests])

    # In the committer's thread

    def answer(self, answers: Answers) -> None:
        """Answer what was committed. A single request is answered in this thread, which saves waking the loop.

        For several, waking it costs less than their writes would cost while both threads run.
        """
        request, reply = answers[0]
        self._committed.append(answers)  # first: a sender with the answer may ask how many are not committed
        is_sent = len(answers) == 1 and reply.status < _FIRST_ERROR and request.response.send(reply)
        if not is_sent:
            self._call_soon(self.settle)
