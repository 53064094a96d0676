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
    IncidentResolved,
    SilenceAdded,
    TestCase,
    TimePassed,
)
from bridge.routing import Decision, Notification
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.state import State, Timer
from bridge.workbench.event_alert import event_alert
from bridge.workbench.expectations import Failure, Judge, Round, Sent

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
    decisions: dict[str, Decision] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    state: State = field(default_factory=State)
    received: dict[str, Alert] = field(default_factory=dict)
    """All alerts of the test by id, redacted."""
    routes: frozenset[str] | None = None
    """The routes of the test's group. None for all."""

    def end_round(self) -> Round:
        """What happened since the last expectations."""
        ended = Round(self.now_ns, self.alerts, self.sent, self.expected, self.decisions)
        self.alerts, self.sent, self.expected, self.decisions = [], [], [], {}
        return ended


class RouteTestRunner:
    """Runs tests of one program."""

    def __init__(self, router: Router, labels: Mapping[str, str]) -> None:
        self._router = router
        self._labels = labels
        self._judge = Judge(router.program, labels)
        self._labels = labels

    def run(self, case: TestCase) -> list[Failure]:
        """What went wrong; empty if the test passes."""
        return list(self._failures(case, _Run(routes=self._routes_of(case))))

    def _routes_of(self, case: TestCase) -> frozenset[str] | None:
        if case.group is None:
            return None
        return frozenset(route.name for route in self._router.program.routes if route.group == case.group)

    def _failures(self, case: TestCase, run: _Run) -> Iterator[Failure]:
        for step in case.steps:
            if isinstance(step, Expectation):
                self._fire(run, run.now_ns)
                run.expected.append(step)
                continue
            if run.expected:
                yield from self._judge.failures(run.end_round(), case.span)
            if isinstance(step, AlertReceived):
                self._receive(step, run, first=step is case.steps[0])
            else:
                self._fire(run, run.now_ns)
                self._act(step, run)
        self._fire(run, run.now_ns)
        if run.expected or run.sent:
            yield from self._judge.failures(run.end_round(), case.span)

    def _act(self, step: TimePassed | SilenceAdded | IncidentAcknowledged | IncidentResolved, run: _Run) -> None:
        match step:
            case TimePassed():
                self._pass_until(run, run.now_ns + step.nanoseconds)
            case SilenceAdded():
                number = len(run.silences) + 1
                run.silences.append(
                    Silence(f"silence {number}", step.condition, run.now_ns, run.now_ns + step.nanoseconds)
                )
            case IncidentAcknowledged():
                self._router.acknowledge(run.state, step.route, "test", run.now_ns)
            case IncidentResolved():
                _, notifications = self._router.resolve(run.state, step.route, "test", run.now_ns)
                self._send(run, notifications, None)

    def _receive(self, event: AlertReceived, run: _Run, *, first: bool) -> None:
        """Route the event's alert. Its time moves the clock forward; that of the first event also back."""
        alert = self._router.complete(event_alert(event, run.now_ns, len(run.received)))
        if first:
            run.now_ns = alert.time_ns
            self._router.start(run.state, run.now_ns)
        self._pass_until(run, alert.time_ns)
        run.alerts.append(alert)
        silences = Silences(run.silences, self._labels)
        entry = self._router.route(run.state, alert, run.now_ns, silences, run.received.get)
        run.received[alert.id] = entry.alert
        run.decisions |= {decision.route: decision for decision in entry.routed.decisions}
        self._send(run, entry.routed.notifications, entry.alert)

    def _pass_until(self, run: _Run, until_ns: int) -> None:
        """Let time pass. A timer that is due at the end of it fires after the events of that moment."""
        self._fire(run, until_ns - 1)
        run.now_ns = max(run.now_ns, until_ns)

    def _fire(self, run: _Run, until_ns: int) -> None:
        """Fire the timers that are due by then, each at its time."""
        while (due_ns := run.state.next_due()) is not None and due_ns <= until_ns:
            run.now_ns = max(run.now_ns, due_ns)
            timer = Timer(run.received)
            routed = self._router.step(run.state, timer, run.now_ns, Silences(run.silences, self._labels))
            self._send(run, routed.notifications, None)

    def _send(self, run: _Run, notifications: tuple[Notification, ...], cause: Alert | None) -> None:
        for notification in notifications:
            if run.routes is not None and run.routes.isdisjoint(notification.routes):
                continue  # another group's
            alert = cause if notification.about is None else run.received[notification.about]
            assert alert is not None, "a timer's notification says which alert it is about"
            context = notification.context
            others = tuple(run.received[each] for each in context.shown_alerts) if context is not None else ()
            message = compose(Delivery(0, alert, notification, 0, run.now_ns, others), self._labels)
            run.sent.append(Sent(notification, f"{message.subject}\n{plain.body(message)}"))
