"""Routes recorded alerts in virtual time, with the timers of clauses with memory in between."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bridge.alert import Alert
from bridge.alert.alert import text_length
from bridge.common.clocks.clock import Step as ClockStep
from bridge.routing import Routed
from bridge.routing.comparison import Notified
from bridge.routing.memory.clock_steps import follow
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silences
from bridge.routing.state import State, Timer

_NEVER_NS = 2**62
_MAX_FAULTS = 100
_REMEMBERED = 20_000
"""The latest alerts, which the notifications of timers are about."""
_REMEMBERED_TEXT = 64 << 20
"""Characters of these alerts."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """What an alert, or timers that were due, caused."""

    at_ns: int
    alert: Alert | None
    """The alert as routes see it; None for timers."""
    routed: Routed


class VirtualRun:
    """One run of one router. The clock shows the time of the latest alert, and moves on to each timer in between.

    By default the state is empty at first: nothing from before the first alert is remembered.
    """

    def __init__(self, router: Router, silences: Silences = NO_SILENCES, state: State | None = None) -> None:
        self.silences = silences
        """What holds notifications back from now on."""
        self._router = router
        self._state = State() if state is None else state
        self.faults: list[Exception] = []
        """What routes and timers raised, the first of them. The reader empties it."""
        self._started = False
        self._remembers = router.engine is not None
        self._latest: OrderedDict[str, Alert] = OrderedDict()
        self._text = 0

    @property
    def latest(self) -> Mapping[str, Alert]:
        """The latest alerts by id, if routes have memory."""
        return self._latest

    def route(self, alert: Alert, at_ns: int) -> tuple[Alert, Routed]:
        """As ``steps``, for routes without memory: the alert as routes see it, and what follows."""
        completed = self._router.complete(alert)
        return completed, self._router.step(self._state, completed, at_ns, self.silences)

    def steps(self, alert: Alert, at_ns: int) -> Iterator[Step]:
        """The timers that are due before that time, and the alert, which comes before the timers of its moment."""
        if self._remembers:
            if not self._started:
                self._started = True
                self._router.start(self._state, at_ns)
            yield from self._timers(at_ns - 1)
        completed = self._router.complete(alert)
        routed = self._noted(self._router.step(self._state, completed, at_ns, self.silences, self._latest.get))
        if self._remembers:
            self._state.changes()  # nothing stores them
            self._remember(completed)
        yield Step(at_ns, completed, routed)

    def _noted(self, routed: Routed) -> Routed:
        if routed.faults and len(self.faults) < _MAX_FAULTS:
            self.faults += (each.error for each in routed.faults[:_MAX_FAULTS])
        return routed

    def _remember(self, alert: Alert) -> None:
        if alert.id not in self._latest:
            self._latest[alert.id] = alert
            self._text += text_length(alert)
        while len(self._latest) > _REMEMBERED or self._text > _REMEMBERED_TEXT:
            _, oldest = self._latest.popitem(last=False)
            self._text -= text_length(oldest)

    def acknowledge(self, target: str, actor: str, now_ns: int) -> None:
        """As in Router."""
        self._router.acknowledge(self._state, target, actor, now_ns)

    def resolve(self, target: str, actor: str, now_ns: int) -> Step:
        """As in Router."""
        _, notifications = self._router.resolve(self._state, target, actor, now_ns)
        return Step(now_ns, None, Routed((), notifications))

    def follow(self, step: ClockStep) -> None:
        """The clock was set: what is remembered moves with it."""
        follow(self._state, step)

    def notified(self, steps: Iterable[Step]) -> Iterator[Notified]:
        """The notifications of steps, with the alerts that they are about."""
        for step in steps:
            for each in step.routed.notifications:
                if each.about is None and step.alert is not None:
                    yield Notified(each, step.at_ns, step.alert.id, step.alert)
                else:
                    about = each.about or ""
                    yield Notified(each, step.at_ns, about, self._latest.get(about))

    def finish(self, until_ns: int = _NEVER_NS) -> Iterator[Step]:
        """The timers that are still set until then: by default all, so that what is held is sent."""
        while (due_ns := self._state.next_due()) is not None and due_ns <= min(until_ns, _NEVER_NS - 1):
            yield from self._timers(due_ns)

    def _timers(self, until_ns: int) -> Iterator[Step]:
        while (due_ns := self._state.next_due()) is not None and due_ns <= until_ns:
            timer = Timer(self._latest)
            yield Step(due_ns, None, self._noted(self._router.step(self._state, timer, due_ns, self.silences)))
            self._state.changes()
