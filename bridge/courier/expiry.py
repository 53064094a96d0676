"""Gives up what has waited for too long without a chance: behind an open circuit, nothing else would."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.courier.retry import given_up_waiting
from bridge.courier.runner import Runner
from bridge.journal.sqlite import Journal

_AT_A_TIME = 500
_OFTEN_NS, _SELDOM_NS = 200_000_000, 60_000_000_000
_SECOND = 1_000_000_000


class DeliveryExpiry:
    """Looks now and then, the more often the shorter a delivery may wait."""

    def __init__(self, journal: Journal, runners: Mapping[str, Runner]) -> None:
        self._journal = journal
        self._runners = runners
        self._next_ns = dict.fromkeys(runners, 0)

    def look(self, now_ns: int) -> None:
        """Make dead letters of those that are too old, of channels that fail."""
        for name, runner in self._runners.items():
            if runner.health.failures and now_ns >= self._next_ns[name]:
                self._look_at(name, runner, now_ns)

    def _look_at(self, name: str, runner: Runner, now_ns: int) -> None:
        allowed_ns = int(runner.options.give_up_after * _SECOND)
        reason = given_up_waiting(runner.options.give_up_after, runner.health.reason)
        gone = self._journal.expire(name, now_ns - allowed_ns, now_ns, reason, _AT_A_TIME)
        runner.count_dead(gone) if gone else None
        pause = 0 if gone == _AT_A_TIME else min(max(allowed_ns // 20, _OFTEN_NS), _SELDOM_NS)
        self._next_ns[name] = now_ns + pause
