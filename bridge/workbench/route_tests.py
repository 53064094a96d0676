"""Runs the ``test`` blocks of route files: described alerts, in virtual time, through the real router."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.alert import Alert
from bridge.channels.message.compose import compose
from bridge.channels.render import plain
from bridge.delivery.delivery import Delivery
from bridge.language.program.test_case import (
    AlertReceived,
    Expectation,
    IncidentAcknowledged,
    SilenceAdded,
    TestCase,
    TimePassed,
)
from bridge.matching import compile_condition
from bridge.matching.closures import Predicate
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.event_alert import event_alert
from bridge.workbench.expectations import Failure, Judge, Round, Sent
from bridge.workbench.unsupported import clauses_with_memory

START_NS = 1_767_614_400_000_000_000
"""When every test starts: 2026-01-05T12:00:00Z, a Monday."""


@dataclass(slots=True)
class _Run:
    """The state of one running test."""

    now_ns: int = START_NS
    alerts: list[Alert] = field(default_factory=list)
    """Since the last expectations, as ``sent``."""
    sent: list[Sent] = field(default_factory=list)
    expected: list[Expectation] = field(default_factory=list)
    silences: list[tuple[Predicate, int]] = field(default_factory=list)
    """Conditions with the time at which they end."""
    matched: set[str] = field(default_factory=set)
    """The names of the routes that matched any alert."""

    def end_round(self) -> Round:
        """What happened since the last expectations."""
        ended = Round(self.now_ns, self.alerts, self.sent, self.expected)
        self.alerts, self.sent, self.expected = [], [], []
        return ended


class RouteTestRunner:
    """Runs tests of one program."""

    def __init__(self, router: Router, labels: Mapping[str, str]) -> None:
        self._router = router
        self._labels = labels
        self._judge = Judge(router.program, labels)
        self._unsupported = {
            route.name: f'cannot be run yet: route "{route.name}" uses `{clauses[0]}`, which is not implemented yet'
            for route in router.program.routes
            if (clauses := clauses_with_memory(route))
        }

    def run(self, case: TestCase) -> list[Failure]:
        """What went wrong; empty if the test passes."""
        if self._unsupported and any(isinstance(step, IncidentAcknowledged | TimePassed) for step in case.steps):
            return [Failure(case.span, next(iter(self._unsupported.values())))]
        run = _Run()
        failures = list(self._failures(case, run))
        unsupported = [message for route, message in self._unsupported.items() if route in run.matched]
        return [Failure(case.span, unsupported[0])] if unsupported else failures

    def _failures(self, case: TestCase, run: _Run) -> Iterator[Failure]:
        for step in case.steps:
            if run.expected and not isinstance(step, Expectation):
                yield from self._judge.failures(run.end_round(), case.span)
            match step:
                case AlertReceived():
                    self._receive(step, run, first=step is case.steps[0])
                case TimePassed():
                    run.now_ns += step.nanoseconds
                case SilenceAdded():
                    predicate = compile_condition(step.condition, self._labels)
                    run.silences.append((predicate, run.now_ns + step.nanoseconds))
                case IncidentAcknowledged():
                    continue  # an acknowledgement only cancels escalations, which are not implemented yet
                case Expectation():
                    run.expected.append(step)
        if run.expected or run.sent:
            yield from self._judge.failures(run.end_round(), case.span)

    def _receive(self, event: AlertReceived, run: _Run, *, first: bool) -> None:
        """Route the event's alert. Its time moves the clock forward; that of the first event also back."""
        alert = self._router.complete(event_alert(event, run.now_ns, len(run.alerts)))
        if alert.time_ns > run.now_ns or first:
            run.now_ns = alert.time_ns
        run.alerts.append(alert)
        if any(until > run.now_ns and predicate(alert) for predicate, until in run.silences):
            return
        entry = self._router.route(State(), alert, run.now_ns)
        run.matched.update(decision.route for decision in entry.routed.decisions)
        for notification in entry.routed.notifications:
            message = compose(Delivery(0, entry.alert, notification, 0, run.now_ns), self._labels)
            run.sent.append(Sent(notification, f"{message.subject}\n{plain.body(message)}"))
