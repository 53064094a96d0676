"""The requests that wait for their commit: bounded, and shared by the connections' thread and the committer's."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from bridge.http.connection import Respond
from bridge.http.request import Reply
from bridge.sources.http.limits import HttpLimits
from bridge.sources.payload import Payload

_ALERT_OVERHEAD = 2048
"""The approximate memory of a decoded alert, in bytes, in addition to the size of its body."""
_MAX_BATCH = 1000


@dataclass(slots=True)
class PendingRequest:
    """One request."""

    payload: Payload
    size: int
    """The size of its body in bytes."""
    respond: Respond
    since: float = field(default_factory=time.monotonic)
    answered: bool = False
    """Used by the loop's thread only."""

    @property
    def weight(self) -> int:
        """The approximate memory that it takes, in bytes."""
        return self.size + _ALERT_OVERHEAD * (len(self.payload.alerts) + len(self.payload.rejected))

    def reply(self, reply: Reply) -> None:
        """Respond, unless that was done already."""
        if not self.answered:
            self.answered = True
            self.respond(reply)


class PendingRequests:
    """A queue of requests in the order in which they came. Thread-safe."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._requests: deque[PendingRequest] = deque()
        self._committing: list[PendingRequest] = []
        self._commit_started = 0.0
        self._weight = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._aborted = False

    def put(self, request: PendingRequest) -> bool:
        """Queue a request. Returns False if the memory for waiting requests is full."""
        with self._changed:
            if self._aborted or (self._weight and self._weight + request.weight > self._limits.held):
                return False
            self._weight += request.weight
            self._requests.append(request)
            self._changed.notify_all()
        return True

    def take(self) -> list[PendingRequest] | None:
        """Wait for requests and take up to a batch of them. Returns None once stopped."""
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
        """The requests that were taken are committed, or failed."""
        with self._changed:
            self._weight -= sum(request.weight for request in self._committing)
            self._committing = []

    def stop(self) -> None:
        """Let ``take`` return what is queued, and then None."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def abort(self) -> int:
        """Let ``take`` return None at once. Returns the number of requests that were not committed."""
        with self._changed:
            self._stopping = self._aborted = True
            self._changed.notify_all()
            return len(self._requests) + len(self._committing)

    @property
    def empty(self) -> bool:
        """Whether no request waits, or none will be committed any more."""
        with self._changed:
            return self._aborted or not (self._requests or self._committing)

    @property
    def stuck(self) -> bool:
        """Whether the current commit takes longer than ``hold_after``."""
        with self._changed:
            return bool(self._committing) and time.monotonic() - self._commit_started > self._limits.hold_after

    def overdue(self) -> list[PendingRequest]:
        """The requests that have waited longer than ``hold_after``, answered or not."""
        late = time.monotonic() - self._limits.hold_after
        with self._changed:
            return [request for request in (*self._committing, *self._requests) if request.since < late]
