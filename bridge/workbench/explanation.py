"""Explains what each route did with an alert, and why. Compiles the routes once for many alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import Alert
from bridge.journal.location import Location
from bridge.journal.opening import open_to_read
from bridge.journal.protocols import Journal
from bridge.language.program.program import Route
from bridge.matching.analysis.explain import Explanation, compile_explanation
from bridge.pipeline.services.timers import load_state
from bridge.routing import Decision, Notification, Routed
from bridge.routing.router import Router
from bridge.routing.state import State, Timer


class MatchResult(StrEnum):
    """What became of an alert in one route."""

    MATCHED = "matched"
    DROPPED = "dropped"
    NO_MATCH = "no match"
    STOPPED = "not evaluated"
    """An earlier route stopped or dropped the alert."""


@dataclass(frozen=True, slots=True)
class RouteExplanation:
    """One route's verdict on one alert."""

    route: Route
    result: MatchResult
    detail: str
    """Why, where the condition does not say it; else empty."""
    condition: Explanation | None
    """The condition, part by part; None for a route without one."""
    decision: Decision | None = None
    """What was decided; None if the route did not match."""
    memory: tuple[tuple[str, str], ...] = ()
    """What each clause remembers of the alert's key: the clause's word and its state in words."""

    @property
    def matched(self) -> bool:
        """Whether the route matched the alert."""
        return self.result in {MatchResult.MATCHED, MatchResult.DROPPED}


@dataclass(frozen=True, slots=True)
class NotifiedChannel:
    """A channel that was notified of an alert, or of alerts that it released, and by which routes."""

    channel: str
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertExplanation:
    """What all routes did with one alert."""

    alert: Alert
    """As it was decided about: complete, before redaction."""
    routes: tuple[RouteExplanation, ...]
    notified: tuple[NotifiedChannel, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A journal that says what was decided about its alerts."""

    journal: Journal
    now_ns: int

    def decisions(self, alert: Alert) -> dict[str, Decision]:
        """By route."""
        found = self.journal.history.alert(alert.id)
        return {} if found is None else {each.route: each for each in found.decisions}


class Explainer:
    """Explains alerts by the same router that decides about them."""

    def __init__(self, router: Router, labels: Mapping[str, str]) -> None:
        self._router = router
        self._state = State()
        self._recorded: Recorded | None = None
        self._conditions = [
            None if route.when is None else compile_explanation(route.when, labels) for route in router.program.routes
        ]

    def use_journal(self, location: Location, now_ns: int) -> None:
        """Explain alerts of a journal: with what was decided then, and what clauses remember now.

        Raises JournalError.
        """
        journal = open_to_read(location)
        secret = journal.memory.stored_secret()
        if secret is not None:
            self._router.use_secret(secret)
            self._state = load_state(journal.memory)
        self._recorded = Recorded(journal, now_ns)

    def pass_over(self, alert: Alert, at_ns: int) -> None:
        """Let the clauses remember an alert that is not explained."""
        if self._recorded is None and self._router.engine is not None:
            self._fire_timers(at_ns)
            self._router.step(self._state, self._router.complete(alert), at_ns)

    def explain(self, alert: Alert, at_ns: int) -> AlertExplanation:
        """What the routes do with an alert that is received at ``at_ns``."""
        completed = self._router.complete(alert)
        if self._recorded is None:
            self._fire_timers(at_ns)
            routed = self._router.step(self._state, completed, at_ns)
            decisions = {each.route: each for each in routed.decisions}
            notified = _notified(routed.notifications)
        else:
            routed = self._router.step(State(), completed, at_ns)
            decisions = self._recorded.decisions(alert)
            notified = _recorded_channels(decisions)
        found = self._routes(completed, routed, decisions, at_ns)
        return AlertExplanation(completed, tuple(found), notified)

    def _fire_timers(self, until_ns: int) -> None:
        while (due_ns := self._state.next_due()) is not None and due_ns <= until_ns:
            self._router.step(self._state, Timer(), due_ns)

    def _routes(
        self, alert: Alert, routed: Routed, decisions: Mapping[str, Decision], at_ns: int
    ) -> Iterator[RouteExplanation]:
        now_ns = at_ns if self._recorded is None else self._recorded.now_ns
        matched = {decision.route for decision in routed.decisions}
        stopped: dict[int, str] = {}
        for route, explain in zip(self._router.program.routes, self._conditions, strict=True):
            condition = None if explain is None else explain(alert)
            if route.name in matched:
                result = MatchResult.DROPPED if route.drop else MatchResult.MATCHED
                memory = tuple(self._router.remembered(self._state, route.name, alert, now_ns))
                yield RouteExplanation(route, result, "", condition, decisions.get(route.name), memory)
                if route.drop or route.stop:
                    stopped[route.group] = route.name
            elif route.group in stopped:
                detail = f'"{stopped[route.group]}" stopped the alert'
                yield RouteExplanation(route, MatchResult.STOPPED, detail, condition)
            else:
                yield RouteExplanation(route, MatchResult.NO_MATCH, _why_not(route, condition, at_ns), condition)


def _notified(notifications: Iterable[Notification]) -> tuple[NotifiedChannel, ...]:
    return tuple(NotifiedChannel(each.channel, each.routes) for each in notifications)


def _recorded_channels(decisions: Mapping[str, Decision]) -> tuple[NotifiedChannel, ...]:
    """The channels that were notified of the alert at its arrival."""
    found: dict[str, list[str]] = {}
    for decision in decisions.values():
        for channel in decision.channels:
            found.setdefault(channel, []).append(decision.route)
    return tuple(NotifiedChannel(channel, tuple(routes)) for channel, routes in found.items())


def _why_not(route: Route, condition: Explanation | None, at_ns: int) -> str:
    closed = [each.refusal() for each in route.during if not each.holds(at_ns)]
    if closed:
        return closed[0]
    if route.fallback and (condition is None or condition.holds):
        return "another route of the group matched"
    if condition is None or condition.holds:
        return "internal alerts reach only routes that test `source`"
    return ""
