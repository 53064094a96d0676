"""Turns deliveries that wait too long behind an open circuit into dead letters."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.common.clocks.clock import Step
from bridge.courier.health.retry import expired
from bridge.courier.sending.runner import Runner
from bridge.journal.protocols import DeliveryQueue

_BATCH = 500
_SHORTEST_PAUSE_NS, _LONGEST_PAUSE_NS = 200_000_000, 60_000_000_000
_SECOND = 1_000_000_000


class DeliveryExpiry:
    """Checks at intervals, which are shorter where deliveries may wait less."""

    def __init__(self, queue: DeliveryQueue, runners: Mapping[str, Runner]) -> None:
        self._queue = queue
        self._runners = runners
        self._next_ns = dict.fromkeys(runners, 0)

    def check(self, now_ns: int) -> None:
        """Expire deliveries of the channels that fail."""
        for name, runner in self._runners.items():
            if runner.health.failures and now_ns >= self._next_ns.get(name, 0):
                self._expire(name, runner, now_ns)

    def follow(self, step: Step) -> None:
        """The wall clock was set."""
        self._next_ns = {name: step.moved_if_set(at_ns) for name, at_ns in self._next_ns.items()}

    def _expire(self, name: str, runner: Runner, now_ns: int) -> None:
        allowed_ns = int(runner.options.give_up_after * _SECOND)
        reason = expired(runner.options.give_up_after, runner.health.reason)
        count = self._queue.expire(name, now_ns - allowed_ns, now_ns, reason, _BATCH)
        if count:
            runner.count_dead(count)
        pause = 0 if count == _BATCH else min(max(allowed_ns // 20, _SHORTEST_PAUSE_NS), _LONGEST_PAUSE_NS)
        self._next_ns[name] = now_ns + pause
