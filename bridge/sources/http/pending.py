"""What was request and waits for its commit: bounded, handed over from the connections' thread to the committer's."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from bridge.http.connection import Respond
from bridge.http.request import Reply
from bridge.sources.payload import Payload

HOLD_AFTER_SECONDS = 2.0
"""A commit that takes so long means that the disk takes nothing: the sender hears 202 and need not wait."""
MAX_HELD_BYTES = 64 << 20
"""Bytes, about, of what waits."""
_ALERT_OVERHEAD = 2048
"""Bytes that an alert takes about, beside those of its body."""
_MAX_BATCH = 1000


@dataclass(slots=True)
class PendingRequest:
    """One request."""

    payload: Payload
    size: int
    respond: Respond
    since: float = field(default_factory=time.monotonic)
    answered: bool = False
    """By the loop's thread only."""

    @property
    def weight(self) -> int:
        """Bytes of memory, about."""
        return self.size + _ALERT_OVERHEAD * (len(self.payload.alerts) + len(self.payload.rejected))

    def reply(self, reply: Reply) -> None:
        """Respond, unless that was done already."""
        if not self.answered:
            self.answered = True
            self.respond(reply)


class PendingRequests:
    """The requests that wait, in their order."""

    def __init__(self) -> None:
        self._requests: deque[PendingRequest] = deque()
        self._committing: list[PendingRequest] = []
        self._commit_started = 0.0
        self._weight = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._aborted = False

    def put(self, request: PendingRequest) -> bool:
        """Whether there was room for it."""
        with self._changed:
            if self._aborted or (self._weight and self._weight + request.weight > MAX_HELD_BYTES):
                return False
            self._weight += request.weight
            self._requests.append(request)
            self._changed.notify_all()
        return True

    def take(self) -> list[PendingRequest] | None:
        """Everything that waits, up to a batch; waits for some. None once it is time to leave."""
        with self._changed:
            self._changed.wait_for(lambda: self._requests or self._stopping)
            if self._aborted or not self._requests:
                return None
            alerts = 0
            while self._requests and alerts < _MAX_BATCH:
                alerts += len(self._requests[0].payload.alerts)
                self._committing.append(self._requests.popleft())
            self._commit_started = time.monotonic()
            return self._committing

    def done(self) -> None:
        """What was taken is settled."""
        with self._changed:
            self._weight -= sum(request.weight for request in self._committing)
            self._committing = []

    def stop(self) -> None:
        """``take`` gives what waits, and then no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def abort(self) -> int:
        """``take`` gives nothing more; how many were not committed."""
        with self._changed:
            self._stopping = self._aborted = True
            self._changed.notify_all()
            return len(self._requests) + len(self._committing)

    @property
    def empty(self) -> bool:
        """Whether nothing waits, or nothing more can come of it."""
        with self._changed:
            return self._aborted or not (self._requests or self._committing)

    @property
    def stuck(self) -> bool:
        """Whether the disk takes nothing: a commit has begun long ago."""
        with self._changed:
            return bool(self._committing) and time.monotonic() - self._commit_started > HOLD_AFTER_SECONDS

    def overdue(self) -> list[PendingRequest]:
        """Those that have waited for so long that they are to be told, answered or not."""
        late = time.monotonic() - HOLD_AFTER_SECONDS
        with self._changed:
            return [each for each in (*self._committing, *self._requests) if each.since < late]
