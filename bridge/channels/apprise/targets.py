"""Several targets of one channel: each has its own answer, and who has a message does not get it again."""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from bridge.channels.apprise.intercept import limits
from bridge.channels.contract import Outcome, Verdict
from bridge.delivery.delivery import Delivery

_MOST_REMEMBERED = 1000
_WORST_FIRST = (Verdict.RETRY, Verdict.REJECTED, Verdict.CHANNEL_FAULT)
_Key = tuple[int, str]
_Target = TypeVar("_Target")


def apart(plugin: Any) -> tuple[Any, ...]:
    """Apprise's object for each target of one; itself alone where it asks once for all, or keeps them as only it knows.

    Apprise counts what an object will send (``len``). A list that counts less when it is emptied holds targets.
    """
    count = _count(plugin)
    if count < 2:
        return (plugin,)
    lists = {name: value for name, value in vars(plugin).items() if isinstance(value, list | tuple | set) and value}
    empty = {name: type(value)() for name, value in lists.items()}
    empty = {name: value for name, value in empty.items() if _count(_with(plugin, {name: value})) < count}
    each = [_with(plugin, empty | {name: type(lists[name])([target])}) for name in empty for target in lists[name]]
    return tuple(each) if len(each) == count and all(_count(one) == 1 for one in each) else (plugin,)


def _count(plugin: Any) -> int:
    try:
        return len(plugin)
    except TypeError:  # Twitter's raises where it has no target but ourselves
        return 1


def _with(plugin: Any, values: dict[str, Any]) -> Any:
    other = copy.copy(plugin)
    vars(other).update(values)
    return other


class Targets(Generic[_Target]):
    """The targets of a channel, and which of them have what others have not. Used by several threads."""

    def __init__(self, targets: Sequence[_Target]) -> None:
        self._targets = tuple(targets)
        self._taken = _Taken()

    def send(self, deliveries: Sequence[Delivery], send: Callable[[_Target, Sequence[Delivery]], Outcome]) -> Outcome:
        """``send`` to each target what it does not have yet. One outcome for all: the worst, and of how many.

        Whoever asks us to wait asks for all; and what has no time left is for the next attempt.
        """
        deadline = time.monotonic() + limits().total
        outcomes: dict[int, Outcome] = {}
        no_more = False
        for number, target in enumerate(self._targets):
            missing = self._taken.missing(deliveries, number)
            if not missing:
                continue
            if no_more:
                return self._of_all(deliveries, outcomes, unasked=True)
            outcome = outcomes[number] = send(target, missing)
            if outcome.verdict is Verdict.DELIVERED:
                self._taken.add(missing, number)
            else:
                no_more = _asks_to_wait(outcome) or time.monotonic() > deadline
        return self._of_all(deliveries, outcomes)

    def _of_all(
        self, deliveries: Sequence[Delivery], outcomes: dict[int, Outcome], *, unasked: bool = False
    ) -> Outcome:
        failed = {number: each for number, each in outcomes.items() if each.verdict is not Verdict.DELIVERED}
        if not failed:
            self._taken.forget(deliveries)
            return next(iter(outcomes.values()), Outcome(Verdict.DELIVERED))
        worst = min(failed.values(), key=_rank)
        if len(self._targets) == 1:
            return worst
        if unasked:
            worst = replace(worst, verdict=Verdict.RETRY)
        elif worst.verdict is Verdict.CHANNEL_FAULT and len(failed) < len(self._targets):
            # The other targets work and have the message.
            worst = replace(worst, verdict=Verdict.REJECTED, applies_to_whole_batch=True)
        return replace(worst, reason=f"{len(failed)} of {len(self._targets)} targets: {worst.reason}")


def _asks_to_wait(outcome: Outcome) -> bool:
    return outcome.status == HTTPStatus.TOO_MANY_REQUESTS or outcome.retry_after is not None


def _rank(outcome: Outcome) -> tuple[int, bool, bool]:
    return _WORST_FIRST.index(outcome.verdict), not _asks_to_wait(outcome), outcome.applies_to_whole_batch


class _Taken:
    """By delivery, for a retry may put it into another digest. Bounded, and forgotten with its process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: OrderedDict[_Key, set[int]] = OrderedDict()

    def missing(self, deliveries: Sequence[Delivery], target: int) -> list[Delivery]:
        with self._lock:
            return [each for each in deliveries if target not in self._by_key.get(_key(each), ())]

    def add(self, deliveries: Sequence[Delivery], target: int) -> None:
        with self._lock:
            for each in deliveries:
                self._by_key.setdefault(_key(each), set()).add(target)
            while len(self._by_key) > _MOST_REMEMBERED:
                self._by_key.popitem(last=False)

    def forget(self, deliveries: Sequence[Delivery]) -> None:
        with self._lock:
            for each in deliveries:
                self._by_key.pop(_key(each), None)


def _key(delivery: Delivery) -> _Key:
    return delivery.id, delivery.alert.id
