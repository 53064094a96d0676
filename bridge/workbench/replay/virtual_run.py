"""Routes recorded alerts in virtual time, with the timers of clauses with memory in between."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

import msgspec

from bridge.alert import Alert
from bridge.routing import Routed
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences
from bridge.routing.state import State, Timer

_NEVER_NS = 2**62
_REMEMBERED = 20_000
"""The latest alerts, which the notifications of timers are about."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """What an alert, or timers that were due, caused."""

    at_ns: int
    alert: Alert | None
    """The alert as routes see it; None for timers."""
    routed: Routed


class VirtualRun:
    """One run of one router. The clock shows the time of the latest alert, and moves on to each timer in between.

    The state is empty at first: nothing from before the first alert is remembered.
    """

    def __init__(self, router: Router, silences: Silences = NO_SILENCES) -> None:
        self._router = router
        self._silences = silences
        self._state = State()
        self._started = False
        self._remembers = router.engine is not None
        self._latest: OrderedDict[str, Alert] = OrderedDict()

    @property
    def latest(self) -> Mapping[str, Alert]:
        """The latest alerts by id, if routes have memory."""
        return self._latest

    def steps(self, alert: Alert, at_ns: int) -> Iterator[Step]:
        """The timers that are due by then, and the alert, received at that time."""
        if self._remembers:
            if not self._started:
                self._started = True
                self._router.start(self._state, at_ns)
            yield from self._timers(at_ns)
        completed = self._router.complete(alert)
        routed = self._router.step(self._state, completed, at_ns, self._silences)
        if self._remembers:
            self._state.changes()  # nothing stores them
            self._latest[completed.id] = completed
            if len(self._latest) > _REMEMBERED:
                self._latest.popitem(last=False)
        yield Step(at_ns, completed, routed)

    def finish(self, until_ns: int = _NEVER_NS) -> Iterator[Step]:
        """The timers that are still set until then: by default all, so that what is held is sent."""
        while (due_ns := self._state.next_due()) is not None and due_ns <= min(until_ns, _NEVER_NS - 1):
            yield from self._timers(due_ns)

    def _timers(self, until_ns: int) -> Iterator[Step]:
        while (due_ns := self._state.next_due()) is not None and due_ns <= until_ns:
            timer = Timer(self._latest)
            yield Step(due_ns, None, self._router.step(self._state, timer, due_ns, self._silences))
            self._state.changes()
