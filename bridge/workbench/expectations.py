"""Compares what a route test sent with what it expects, and explains each difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.alert import Alert
from bridge.common.text import one_line
from bridge.language.diagnostics.source import Span
from bridge.language.program.program import Program, Route
from bridge.language.program.test_case import Expectation
from bridge.matching.analysis.explain import Explanation, Mismatch, compile_explanation, decisive
from bridge.routing import Decision, Notification

_LONGEST_VALUE = 80
_LONGEST_TITLE = 100
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met, or a notification that was not expected."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A notification and the text that people would read."""

    notification: Notification
    text: str

    def __str__(self) -> str:
        """In words, for messages: which routes notified which channel, with the title."""
        routes = ", ".join(f'"{name}"' for name in self.notification.routes)
        return f"{routes} notified {self.notification.channel} ({self.text.splitlines()[0][:_LONGEST_TITLE]})"

    def is_of(self, expectation: Expectation) -> bool:
        """Whether the expectation is about this notification."""
        return expectation.route in self.notification.routes and (
            not expectation.to or self.notification.channel in expectation.to
        )


@dataclass(frozen=True, slots=True)
class Round:
    """What happened in a test from one group of expectations to the next."""

    now_ns: int
    alerts: Sequence[Alert]
    sent: Sequence[Sent]
    expected: Sequence[Expectation]
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """The last decision of each route that matched an alert."""


class Judge:
    """Judges the rounds of route tests."""

    def __init__(self, program: Program, labels: Mapping[str, str]) -> None:
        self._routes = {route.name: route for route in program.routes}
        self._labels = labels

    def failures(self, happened: Round, end: Span) -> Iterator[Failure]:
        """Unmet expectations, then unexpected notifications. ``end`` is their place where nothing was expected."""
        for expectation in happened.expected:
            message = self._unmet(expectation, happened)
            if message is not None:
                yield Failure(expectation.span, message)
        if any(each.route is None for each in happened.expected):
            return  # `expect nothing` has reported every notification
        wanted = [each for each in happened.expected if not each.negated]
        place = happened.expected[-1].span if happened.expected else end
        for sent in happened.sent:
            if not any(sent.is_of(each) for each in wanted):
                yield Failure(place, f"unexpected: {sent}")

    def _unmet(self, expectation: Expectation, happened: Round) -> str | None:
        """Why the expectation is not met; None where it is."""
        if expectation.route is None:
            return _expected("nothing", happened.sent)
        hits = [sent for sent in happened.sent if sent.is_of(expectation)]
        if expectation.negated:
            return _expected("none", hits)
        if not hits:
            return f'route "{expectation.route}" sent nothing' + self._why_nothing(expectation, happened)
        missing = [name for name in expectation.to if all(sent.notification.channel != name for sent in hits)]
        if missing:
            notified = ", ".join(_channels(hits))
            return f'route "{expectation.route}" did not notify {", ".join(missing)}; it notified {notified}'
        return _wrong_count(expectation, hits) or _wrong_text(expectation, hits)

    def _why_nothing(self, expectation: Expectation, happened: Round) -> str:
        """Why the route sent nothing about the last alert."""
        elsewhere = _channels([sent for sent in happened.sent if expectation.route in sent.notification.routes])
        if elsewhere:
            return f" to {', '.join(expectation.to)}; it notified {', '.join(elsewhere)}"
        if not happened.alerts:
            return ": no event has happened since the last expectation"
        route = self._routes.get(expectation.route or "")
        return ": " + ("a route matched" if route is None else self._why_no_match(route, happened))

    def _why_no_match(self, route: Route, happened: Round) -> str:
        closed = [each.refusal() for each in route.during if not each.holds(happened.now_ns)]
        if closed:
            return closed[0]
        if route.when is not None:
            explanation = compile_explanation(route.when, self._labels)(happened.alerts[-1])
            if not explanation.holds:
                return "; ".join(dict.fromkeys(_mismatch(each) for each in decisive(explanation)))
        decision = happened.decisions.get(route.name)
        if decision is None:
            return "an earlier route stopped the alert"
        return decision.reason.meaning + (f" ({decision.detail})" if decision.detail else "")


def _expected(what: str, sent: Sequence[Sent]) -> str | None:
    return f"expected {what}, but: {'; '.join(map(str, sent))}" if sent else None


def _channels(sent: Sequence[Sent]) -> list[str]:
    return sorted({each.notification.channel for each in sent})


def _wrong_count(expectation: Expectation, hits: Sequence[Sent]) -> str | None:
    if expectation.count is None:
        return None
    for channel in expectation.to or dict.fromkeys(sent.notification.channel for sent in hits):
        count = sum(sent.notification.channel == channel for sent in hits)
        if count != expectation.count:
            return f"expected {expectation.count} to {channel}, but there were {count}"
    return None


def _wrong_text(expectation: Expectation, hits: Sequence[Sent]) -> str | None:
    if expectation.contains is None or any(expectation.contains in sent.text for sent in hits):
        return None
    return f'no message contains "{expectation.contains}"; the last one: {hits[-1].text[:_LONGEST_TEXT]!r}'


def _mismatch(comparison: Explanation) -> str:
    """Why one comparison does not hold: ``k8s.ns.name is "staging"``."""
    values = [
        f"`{each.name}` is missing"
        if each.value is None
        else f'`{each.name}` is "{one_line(each.value, _LONGEST_VALUE)}"'
        for each in comparison.found
    ]
    return ", ".join(values) + (f" ({comparison.why.value})" if comparison.why is Mismatch.CASE else "")
