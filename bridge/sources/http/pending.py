"""The requests that wait for their commit: bounded, in order, and passed from the loop's thread to the committer's."""

from __future__ import annotations

import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from bridge.http.request import Reply
from bridge.http.response import Response
from bridge.sources.http.limits import HttpLimits

_OVERHEAD = 2048
"""The approximate memory of a waiting request, in bytes, in addition to its body."""
_MAX_BATCH = 1000
"""Requests that are taken at once."""
_MAX_BATCH_BYTES = 1 << 20
"""The bodies that are taken at once have less than this and one body more."""
_MAX_GATHERING_SECONDS = 0.001
"""The longest that a request waits for others."""


@dataclass(slots=True, eq=False)
class PendingRequest:
    """One request. Its body is still encoded."""

    body: bytes
    encoding: bytes
    response: Response
    is_test: bool = False
    """Whether it asks for a test alert."""
    since: float = field(default_factory=time.monotonic)
    answered: bool = False
    """Set by the loop's thread only, which may not know yet what the committer's thread has answered."""
    is_refused: bool = False
    """Set by the committer's thread only: nothing of it is stored, and the reply says why."""

    def reply(self, reply: Reply) -> bool:
        """Respond, unless that was done already. Returns whether it was not."""
        if self.answered:
            return False
        self.answered = True
        return self.response.respond(reply)

    def hold(self, reply: Reply) -> bool:
        """Accept it before its commit, unless that was done, or it is refused. Returns whether it was accepted."""
        if self.answered:
            return False
        self.answered = True  # first: the committer's thread reads it after it has refused the request
        if self.is_refused:
            self.answered = False
            return False
        return self.response.respond(reply)


class _Handover:
    """Passes lists of requests to one thread, at half the cost of a ``Queue``, which locks and waits in Python."""

    def __init__(self) -> None:
        self._lists: deque[list[PendingRequest] | None] = deque()
        self._arrived = threading.Lock()
        """Free once something was put after the last wait."""
        self._arrived.acquire()
        self._wakes = False

    def __bool__(self) -> bool:
        """Whether ``take`` returns something at once."""
        return bool(self._lists)

    def put(self, requests: list[PendingRequest] | None) -> None:
        """Pass on a list, or None for the end, and wake the other thread. Thread-safe."""
        self._lists.append(requests)
        self._wake()

    def put_later(self, requests: list[PendingRequest]) -> None:
        """Pass on a list. The other thread is woken by ``wake``, or takes it before."""
        self._lists.append(requests)
        self._wakes = True

    def wake(self) -> None:
        """Wake the other thread for what ``put_later`` passed on. Both are called by the same thread."""
        if self._wakes:
            self._wakes = False
            self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # free already
            self._arrived.release()

    def wait(self, timeout: float | None) -> bool:
        """Whether there is something to take. May return False before the timeout."""
        if not self._lists:
            self._arrived.acquire(timeout=-1 if timeout is None else timeout)
        return bool(self._lists)

    def take(self) -> list[PendingRequest] | None:
        """The next list, or None for the end."""
        return self._lists.popleft()


class PendingRequests:
    """A queue of requests in the order in which they came.

    Requests of one turn of the loop are passed on together. All methods but ``take`` and ``abort`` are for the loop's
    thread, so that only the queue itself is shared.
    """

    def __init__(self, limits: HttpLimits, loop: AbstractEventLoop) -> None:
        self._limits = limits
        self._loop = loop
        self._arrived: list[PendingRequest] = []
        """Requests of this turn."""
        self._handover = _Handover()
        self._open: deque[PendingRequest] = deque()
        """Requests that are not committed."""
        self._weight = 0
        self._left: deque[PendingRequest] = deque()
        """Requests that the committer took from the queue and has not begun to commit."""
        self._stopped = False
        self._expected = 0
        """Requests that were open when the last batch was taken."""
        self._taken_at = 0.0
        self._aborted = False

    def put(self, request: PendingRequest, *, at_once: bool = False) -> bool:
        """Queue a request. Returns False if the memory for waiting requests is full.

        ``at_once``: no other request is expected in this turn of the loop.
        """
        weight = len(request.body) + _OVERHEAD
        if self._aborted or (self._weight and self._weight + weight > self._limits.held):
            return False
        self._weight += weight
        self._open.append(request)
        if at_once and not self._arrived:
            self._handover.put_later([request])
            return True
        if not self._arrived:
            self._loop.call_soon(self._pass_on)
        self._arrived.append(request)
        return True

    def before_wait(self) -> None:
        """Wake the committer's thread for what was put. Called when the loop's thread is about to wait for events.

        Woken earlier, it would wait for the interpreter's lock, and both threads would switch once more.
        """
        self._handover.wake()

    def take(self) -> list[PendingRequest] | None:
        """Wait for requests and take up to a batch of them. Returns None once stopped. For the committer's thread."""
        gathering = self._gathering_time()
        while not self._stopped and (not self._left or self._handover):
            self._get(None)
        if gathering:
            self._gather(time.monotonic() + gathering)
        if self._aborted or not self._left:
            return None
        taken = self._batch()
        self._expected = len(taken) + len(self._left)
        self._taken_at = time.monotonic()
        return taken

    def _gathering_time(self) -> float:
        """How long to wait for more requests: as long as the last commit took, if it had more than one.

        The senders of that commit are answered now and post again soon. Without the wait, the requests that came
        meanwhile would be a commit of their own, and commits would be half as large and twice as many.
        """
        if self._expected <= 1:
            return 0.0
        return min(time.monotonic() - self._taken_at, _MAX_GATHERING_SECONDS)

    def _gather(self, deadline: float) -> None:
        while len(self._left) < self._expected and not self._stopped:
            wait = deadline - time.monotonic()
            if wait <= 0:
                return
            self._get(wait)

    def _get(self, timeout: float | None) -> None:
        if not self._handover.wait(timeout):
            return
        arrived = self._handover.take()
        if arrived is None:
            self._stopped = True
        else:
            self._left.extend(arrived)

    def _batch(self) -> list[PendingRequest]:
        taken: list[PendingRequest] = []
        size = 0
        while self._left and len(taken) < _MAX_BATCH and size < _MAX_BATCH_BYTES:
            request = self._left.popleft()
            size += len(request.body)
            taken.append(request)
        return taken

    def done(self, requests: int) -> None:
        """The oldest requests, as many as this, are committed or failed."""
        for _ in range(requests):
            self._weight -= len(self._open.popleft().body) + _OVERHEAD

    def stop(self) -> None:
        """Let ``take`` return what is queued, and then None."""
        self._pass_on()
        self._handover.put(None)

    def abort(self) -> int:
        """Let ``take`` return None at once. Returns the number of requests that were not committed. Thread-safe."""
        self._aborted = True
        self._handover.put(None)
        return len(self._open)

    @property
    def empty(self) -> bool:
        """Whether no request waits, or none will be committed any more."""
        return self._aborted or not self._open

    def overdue(self) -> list[PendingRequest]:
        """The requests that have waited longer than ``hold_after`` and are not answered."""
        late = time.monotonic() - self._limits.hold_after
        return [request for request in self._open if request.since < late and not request.answered]

    def _pass_on(self) -> None:
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            self._handover.put_later(arrived)
