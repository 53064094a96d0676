"""The results of attempts, from the threads that made them until they are settled together."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping

from bridge.courier.sending.runner import Runner
from bridge.courier.sending.worker import Attempt
from bridge.delivery import Outcome, Verdict

SETTLE_EVERY, SETTLE_SECONDS = 10, 0.02
"""Results are settled together: when there are this many, or when the first has waited for this long."""


class Results:
    """Results that are not settled. The threads of the channels add them; the courier's thread takes them."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Attempt, Outcome]] = deque()
        self._first = 0.0
        """When the first of them was noticed, by the monotonic clock."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Called from the threads. Returns whether to wake the courier, which is not woken for every result."""
        self._waiting.append((attempt, outcome))
        count = len(self._waiting)
        return count == 1 or count % SETTLE_EVERY == 0 or outcome.verdict is not Verdict.DELIVERED or attempt.is_last

    def notice(self) -> None:
        """Begin to count the time of the first result, if there is one."""
        if self._waiting and not self._first:
            self._first = time.monotonic()

    @property
    def due(self) -> float | None:
        """When they are settled at the latest, by the monotonic clock; None if there are none."""
        return self._first + SETTLE_SECONDS if self._waiting else None

    def are_due(self, runners: Mapping[str, Runner]) -> bool:
        """Whether enough results wait, one failed, the first has waited for long, or a channel waits for all of its."""
        results = list(self._waiting)
        if not results:
            return False
        if len(results) >= SETTLE_EVERY or 0 < self._first <= time.monotonic() - SETTLE_SECONDS:
            return True
        if any(outcome.verdict is not Verdict.DELIVERED for _, outcome in results):
            return True
        ended = Counter(attempt.channel for attempt, _ in results)
        running = ((runners.get(name), count) for name, count in ended.items())
        return any(runner is None or runner.workers.in_flight <= count for runner, count in running)

    def take(self) -> Iterator[tuple[Attempt, Outcome]]:
        """All of them, and those that are added meanwhile."""
        while self._waiting:
            yield self._waiting.popleft()
        self._first = 0.0
