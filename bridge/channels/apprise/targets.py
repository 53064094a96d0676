"""Several targets of one channel: each has its own outcome, and a retry skips those that have the message."""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from bridge.channels.apprise.intercept import timeouts
from bridge.channels.contract import Outcome, Verdict
from bridge.delivery.delivery import Delivery

_MAX_REMEMBERED = 1000
_WORST_FIRST = (Verdict.RETRY, Verdict.REJECTED, Verdict.AMBIGUOUS, Verdict.CHANNEL_FAULT)
_TARGET_FAULTS = frozenset({Verdict.AMBIGUOUS, Verdict.CHANNEL_FAULT})
_Key = tuple[int, str]
_Target = TypeVar("_Target")


def split_targets(plugin: Any) -> tuple[Any, ...]:
    """A plugin object for each target of ``plugin``.

    Returns ``plugin`` alone if it sends one request for all targets, or if its targets cannot be found. ``len(plugin)``
    is the number of requests that it will send. A list that lowers this number when it is emptied holds targets.
    """
    count = _count(plugin)
    if count < 2:
        return (plugin,)
    lists = {name: value for name, value in vars(plugin).items() if isinstance(value, list | tuple | set) and value}
    empty = {name: type(value)() for name, value in lists.items()}
    empty = {name: value for name, value in empty.items() if _count(_with(plugin, {name: value})) < count}
    split = [_with(plugin, empty | {name: type(lists[name])([target])}) for name in empty for target in lists[name]]
    is_complete = len(split) == count and all(_count(one) == 1 for one in split)
    return tuple(split) if is_complete else (plugin,)


def _count(plugin: Any) -> int:
    try:
        return len(plugin)
    except TypeError:  # Twitter's plugin raises it if the only target is the account itself.
        return 1


def _with(plugin: Any, values: dict[str, Any]) -> Any:
    other = copy.copy(plugin)
    vars(other).update(values)
    return other


class Targets(Generic[_Target]):
    """The targets of a channel, and which of them already have which deliveries. Thread-safe."""

    def __init__(self, targets: Sequence[_Target]) -> None:
        self._targets = tuple(targets)
        self._delivered = _DeliveredTargets()

    def send(self, deliveries: Sequence[Delivery], send: Callable[[_Target, Sequence[Delivery]], Outcome]) -> Outcome:
        """Call ``send`` for each target with the deliveries that it does not have; return the worst outcome.

        Stops when a target asks to wait or the time is used up. The next attempt continues with the remaining targets.
        """
        deadline = time.monotonic() + timeouts().total
        outcomes: dict[int, Outcome] = {}
        is_stopped = False
        for number, target in enumerate(self._targets):
            missing = self._delivered.missing(deliveries, number)
            if not missing:
                continue
            if is_stopped:
                return self._combined(deliveries, outcomes, has_remaining=True)
            outcome = outcomes[number] = send(target, missing)
            if outcome.verdict is Verdict.DELIVERED:
                self._delivered.add(missing, number)
            else:
                is_stopped = _asks_to_wait(outcome) or time.monotonic() > deadline
        return self._combined(deliveries, outcomes)

    def _combined(
        self, deliveries: Sequence[Delivery], outcomes: dict[int, Outcome], *, has_remaining: bool = False
    ) -> Outcome:
        failed = {number: each for number, each in outcomes.items() if each.verdict is not Verdict.DELIVERED}
        if not failed:
            self._delivered.forget(deliveries)
            return next(iter(outcomes.values()), Outcome(Verdict.DELIVERED))
        worst = min(failed.values(), key=_rank)
        if len(self._targets) == 1:
            return worst
        if has_remaining:
            worst = replace(worst, verdict=Verdict.RETRY)
        elif worst.verdict in _TARGET_FAULTS and len(failed) < len(self._targets):
            # The other targets work and have the message, so it is not at fault.
            worst = replace(worst, verdict=Verdict.REJECTED, applies_to_whole_batch=True)
        return replace(worst, reason=f"{len(failed)} of {len(self._targets)} targets: {worst.reason}")


def _asks_to_wait(outcome: Outcome) -> bool:
    return outcome.status == HTTPStatus.TOO_MANY_REQUESTS or outcome.retry_after is not None


def _rank(outcome: Outcome) -> tuple[int, bool, bool]:
    return _WORST_FIRST.index(outcome.verdict), not _asks_to_wait(outcome), outcome.applies_to_whole_batch


class _DeliveredTargets:
    """The targets that have a delivery, by delivery, because a retry may use another digest. Bounded, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_delivery: OrderedDict[_Key, set[int]] = OrderedDict()

    def missing(self, deliveries: Sequence[Delivery], target: int) -> list[Delivery]:
        with self._lock:
            return [each for each in deliveries if target not in self._by_delivery.get(_key(each), ())]

    def add(self, deliveries: Sequence[Delivery], target: int) -> None:
        with self._lock:
            for each in deliveries:
                self._by_delivery.setdefault(_key(each), set()).add(target)
            while len(self._by_delivery) > _MAX_REMEMBERED:
                self._by_delivery.popitem(last=False)

    def forget(self, deliveries: Sequence[Delivery]) -> None:
        with self._lock:
            for each in deliveries:
                self._by_delivery.pop(_key(each), None)


def _key(delivery: Delivery) -> _Key:
    return delivery.id, delivery.alert.id
