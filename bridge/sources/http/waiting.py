"""What was posted and waits for its commit: bounded, handed over from the connections' thread to the committer's."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from bridge.http.connection import Answer
from bridge.http.request import Reply
from bridge.sources.payload import Payload

HELD_SECONDS = 2.0
"""A commit that takes so long means that the disk takes nothing: the sender hears 202 and need not wait."""
MOST_HELD = 64 << 20
"""Bytes, about, of what waits."""
_AN_ALERT = 2048
"""Bytes that an alert takes about, beside those of its body."""
_MOST_IN_A_BATCH = 1000


@dataclass(slots=True)
class Posted:
    """One request."""

    payload: Payload
    size: int
    answer: Answer
    since: float = field(default_factory=time.monotonic)
    answered: bool = False
    """By the loop's thread only."""

    @property
    def weight(self) -> int:
        """Bytes of memory, about."""
        return self.size + _AN_ALERT * (len(self.payload.alerts) + len(self.payload.refused))

    def reply(self, reply: Reply) -> None:
        """Answer, unless that was done already."""
        if not self.answered:
            self.answered = True
            self.answer(reply)


class Waiting:
    """The requests that wait, in their order."""

    def __init__(self) -> None:
        self._waiting: deque[Posted] = deque()
        self._in_commit: list[Posted] = []
        self._began = 0.0
        self._weight = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._cancelled = False

    def put(self, posted: Posted) -> bool:
        """Whether there was room for it."""
        with self._changed:
            if self._cancelled or (self._weight and self._weight + posted.weight > MOST_HELD):
                return False
            self._weight += posted.weight
            self._waiting.append(posted)
            self._changed.notify_all()
        return True

    def take(self) -> list[Posted] | None:
        """Everything that waits, up to a batch; waits for some. None once it is time to leave."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._cancelled or not self._waiting:
                return None
            alerts = 0
            while self._waiting and alerts < _MOST_IN_A_BATCH:
                alerts += len(self._waiting[0].payload.alerts)
                self._in_commit.append(self._waiting.popleft())
            self._began = time.monotonic()
            return self._in_commit

    def done(self) -> None:
        """What was taken is settled."""
        with self._changed:
            self._weight -= sum(posted.weight for posted in self._in_commit)
            self._in_commit = []

    def stop(self) -> None:
        """``take`` gives what waits, and then no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def cancel(self) -> int:
        """``take`` gives nothing more; how many were not committed."""
        with self._changed:
            self._stopping = self._cancelled = True
            self._changed.notify_all()
            return len(self._waiting) + len(self._in_commit)

    @property
    def empty(self) -> bool:
        """Whether nothing waits, or nothing more can come of it."""
        with self._changed:
            return self._cancelled or not (self._waiting or self._in_commit)

    @property
    def stuck(self) -> bool:
        """Whether the disk takes nothing: a commit has begun long ago."""
        with self._changed:
            return bool(self._in_commit) and time.monotonic() - self._began > HELD_SECONDS

    def overdue(self) -> list[Posted]:
        """Those that have waited for so long that they are to be told, answered or not."""
        late = time.monotonic() - HELD_SECONDS
        with self._changed:
            return [each for each in (*self._in_commit, *self._waiting) if each.since < late]
