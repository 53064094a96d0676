"""Runs ``test`` blocks: alerts that never happened, in a time of their own, through the routes that decide for real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.alert import Alert, Priority, make_alert, parse_priority
from bridge.alert.forms.json_value import list_text
from bridge.channels.message.compose import compose
from bridge.channels.render import plain
from bridge.common.text import one_line
from bridge.common.times import parse_time
from bridge.delivery.delivery import Delivery
from bridge.language.diagnostics.source import Span
from bridge.language.program.kinds import ATTRIBUTES
from bridge.language.program.test_case import (
    AlertReceived,
    Expectation,
    IncidentAcknowledged,
    SilenceAdded,
    TestCase,
    TimePassed,
)
from bridge.matching import compile_condition
from bridge.matching.analysis.explain import Explanation, decisive, explain
from bridge.matching.closures import Predicate
from bridge.routing import Notification
from bridge.routing.router import Router
from bridge.routing.state import NO_STATE
from bridge.workbench.unsupported import clauses_with_memory

START_NS = 1_767_614_400_000_000_000
"""2026-01-05T12:00:00Z, a Monday: when every test begins."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not come out as the test expects."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One notification with the alert that it is about and the text that people would read."""

    notification: Notification
    alert: Alert
    text: str


@dataclass(slots=True)
class _Stage:
    """What has happened in one test so far."""

    now_ns: int = START_NS
    alerts: list[Alert] = field(default_factory=list)
    """Since the last expectations."""
    sent: list[Sent] = field(default_factory=list)
    expected: list[Expectation] = field(default_factory=list)
    silences: list[tuple[Predicate, int]] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    """The names of the routes that any alert has matched."""


class RouteTestRunner:
    """A program on trial."""

    def __init__(self, router: Router, labels: Mapping[str, str]) -> None:
        self._router = router
        self._program = router.program
        self._labels = labels

    def run(self, case: TestCase) -> list[Failure]:
        """What went wrong; nothing where the test passes."""
        unready = {
            route.name: f'cannot be run yet: route "{route.name}" uses `{clauses[0]}`, which is not implemented yet'
            for route in self._program.routes
            if (clauses := clauses_with_memory(route))
        }
        if unready and any(isinstance(step, IncidentAcknowledged | TimePassed) for step in case.steps):
            return [Failure(case.span, next(iter(unready.values())))]
        stage = _Stage()
        failures = list(self._failures(case, stage))
        reached = [message for route, message in unready.items() if route in stage.matched]
        return [Failure(case.span, reached[0])] if reached else failures

    def _failures(self, case: TestCase, stage: _Stage) -> Iterator[Failure]:
        for step in case.steps:
            if stage.expected and not isinstance(step, Expectation):
                yield from self._judged(stage)
            match step:
                case AlertReceived():
                    alert = make_event(step, stage.now_ns, len(stage.alerts))
                    if alert.time_ns > stage.now_ns or step is case.steps[0]:
                        stage.now_ns = alert.time_ns  # nothing is heard of before it happens
                    self._happen(stage, alert)
                case TimePassed():
                    stage.now_ns += step.nanoseconds
                case SilenceAdded():
                    predicate = compile_condition(step.condition, self._labels)
                    stage.silences.append((predicate, stage.now_ns + step.nanoseconds))
                case IncidentAcknowledged():
                    continue  # without escalations there is nothing that an acknowledgement would change
                case Expectation():
                    stage.expected.append(step)
        if stage.expected or stage.sent:
            yield from self._judged(stage, case.span)

    def _happen(self, stage: _Stage, alert: Alert) -> None:
        stage.alerts.append(alert)
        if any(until > stage.now_ns and predicate(alert) for predicate, until in stage.silences):
            return
        entry = self._router.route(NO_STATE, self._router.complete(alert), stage.now_ns)
        stage.matched.update(decision.route for decision in entry.routed.decisions)
        for notification in entry.routed.notifications:
            message = compose(Delivery(0, entry.alert, notification, 0, stage.now_ns), self._labels)
            stage.sent.append(Sent(notification, alert, f"{message.subject}\n{plain.body(message)}"))

    def _judged(self, stage: _Stage, end: Span | None = None) -> Iterator[Failure]:
        named: set[int] = set()
        for expectation in stage.expected:
            hits = [(number, sent) for number, sent in enumerate(stage.sent) if _speaks_of(expectation, sent)]
            if not expectation.negated:
                named.update(number for number, _ in hits)
            message = self._unmet(expectation, [sent for _, sent in hits], stage)
            if message is not None:
                yield Failure(expectation.span, message)
        nothing = any(each.route is None for each in stage.expected)
        place = stage.expected[-1].span if stage.expected else end
        for number, sent in enumerate(stage.sent):
            if number not in named and not nothing and place is not None:
                yield Failure(place, f"unexpected: {told(sent)}")
        stage.alerts, stage.sent, stage.expected = [], [], []

    def _unmet(self, expectation: Expectation, hits: Sequence[Sent], stage: _Stage) -> str | None:
        if expectation.route is None:
            return f"expected nothing, but: {'; '.join(map(told, stage.sent))}" if stage.sent else None
        if expectation.negated:
            return f"expected none, but: {'; '.join(map(told, hits))}" if hits else None
        if not hits:
            return f'route "{expectation.route}" sent nothing' + self._reason(expectation, stage)
        missing = [name for name in expectation.to if all(sent.notification.channel != name for sent in hits)]
        if missing:
            went = ", ".join(sorted({sent.notification.channel for sent in hits}))
            return f'route "{expectation.route}" did not tell {", ".join(missing)}; it told {went or "nobody"}'
        return _miscounted(expectation, hits)

    def _reason(self, expectation: Expectation, stage: _Stage) -> str:
        """Why the route did not speak of the last alert."""
        if expectation.to and any(_names_route(expectation, sent) for sent in stage.sent):
            went = sorted({sent.notification.channel for sent in stage.sent if _names_route(expectation, sent)})
            return f" to {', '.join(expectation.to)}; it told {', '.join(went)}"
        if not stage.alerts:
            return ": no event has happened since the last expectation"
        route = next((each for each in self._program.routes if each.name == expectation.route), None)
        alert = stage.alerts[-1]
        if route is None:
            return ": a route matched"
        closed = [each.refusal() for each in route.during if not each.holds(stage.now_ns)]
        if closed:
            return f": {closed[0]}"
        if route.when is not None:
            reason = explain(route.when, alert, self._labels)
            if not reason.holds:
                return ": " + "; ".join(dict.fromkeys(why(each) for each in decisive(reason)))
        return ": it matched, and drops" if route.drop else ": an earlier route stopped the alert, or it was silenced"


def make_event(event: AlertReceived, now_ns: int, number: int) -> Alert:
    """The alert of an event, with the defaults for what it does not say; alerts of one moment stay distinct."""
    said = {name: value for name, value in event.values.items() if name in ATTRIBUTES}
    values = {name: value for name, value in event.values.items() if name not in ATTRIBUTES}
    lists = {name: value for name, value in values.items() if isinstance(value, tuple)}
    fields = {name: list_text(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def text(name: str, default: str) -> str:
        value = said.get(name, default)
        return value if isinstance(value, str) else ", ".join(value)

    tags = said.get("tags", ())
    time_ns = parse_time(text("time", ""))
    return make_alert(
        time_ns=now_ns + number if time_ns is None else time_ns,
        priority=parse_priority(text("priority", "warning")) or Priority.WARNING,
        rule=text("rule", "test"),
        source=text("source", "syscall"),
        hostname=text("hostname", "node-1"),
        tags=tags if isinstance(tags, tuple) else (tags,),
        output=text("output", ""),
        fields=fields,
        lists=lists,
    )


def why(reason: Explanation) -> str:
    """One comparison's failure in words: ``k8s.ns.name is "staging"``."""
    told = [f"`{each.name}` is missing" if each.value is None else f'`{each.name}` is "{one_line(each.value, 80)}"'
            for each in reason.found]  # fmt: skip
    return ", ".join(told) + (f" ({reason.why.value})" if reason.why.value == "other case" else "")


def told(sent: Sent) -> str:
    """A notification in words."""
    routes = ", ".join(f'"{name}"' for name in sent.notification.routes)
    return f"{routes} told {sent.notification.channel} ({sent.text.splitlines()[0][:100]})"


def _names_route(expectation: Expectation, sent: Sent) -> bool:
    return expectation.route in sent.notification.routes


def _speaks_of(expectation: Expectation, sent: Sent) -> bool:
    return _names_route(expectation, sent) and (not expectation.to or sent.notification.channel in expectation.to)


def _miscounted(expectation: Expectation, hits: Sequence[Sent]) -> str | None:
    if expectation.count is not None:
        channels = expectation.to or tuple(dict.fromkeys(sent.notification.channel for sent in hits))
        for channel in channels:
            count = sum(sent.notification.channel == channel for sent in hits)
            if count != expectation.count:
                return f"expected {expectation.count} to {channel}, but there were {count}"
    if expectation.contains is not None and not any(expectation.contains in sent.text for sent in hits):
        return f'no message holds "{expectation.contains}"; the last one: {hits[-1].text[:300]!r}'
    return None
