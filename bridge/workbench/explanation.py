"""Explains what each route did with an alert, and why. Compiles the routes once for many alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.alert import Alert
from bridge.language.program.program import Route
from bridge.matching.analysis.explain import Explanation, compile_explanation
from bridge.routing import Notification, Routed
from bridge.routing.router import Router
from bridge.routing.state import State


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

    @property
    def matched(self) -> bool:
        """Whether the route matched the alert."""
        return self.result in {MatchResult.MATCHED, MatchResult.DROPPED}


@dataclass(frozen=True, slots=True)
class AlertExplanation:
    """What all routes did with one alert."""

    alert: Alert
    """As it was decided about: complete, before redaction."""
    routes: tuple[RouteExplanation, ...]
    notifications: tuple[Notification, ...]


class Explainer:
    """Explains alerts by the same router that decides about them."""

    def __init__(self, router: Router, labels: Mapping[str, str]) -> None:
        self._router = router
        self._conditions = [
            None if route.when is None else compile_explanation(route.when, labels) for route in router.program.routes
        ]

    def explain(self, alert: Alert, at_ns: int) -> AlertExplanation:
        """What the routes do with an alert that is received at ``at_ns``."""
        completed = self._router.complete(alert)
        routed = self._router.step(State(), completed, at_ns)
        return AlertExplanation(completed, tuple(self._routes(completed, routed, at_ns)), routed.notifications)

    def _routes(self, alert: Alert, routed: Routed, at_ns: int) -> Iterator[RouteExplanation]:
        matched = {decision.route for decision in routed.decisions}
        stopped: dict[int, str] = {}
        for route, explain in zip(self._router.program.routes, self._conditions, strict=True):
            condition = None if explain is None else explain(alert)
            if route.name in matched:
                yield RouteExplanation(route, MatchResult.DROPPED if route.drop else MatchResult.MATCHED, "", condition)
                if route.drop or route.stop:
                    stopped[route.group] = route.name
            elif route.group in stopped:
                detail = f'"{stopped[route.group]}" stopped the alert'
                yield RouteExplanation(route, MatchResult.STOPPED, detail, condition)
            else:
                yield RouteExplanation(route, MatchResult.NO_MATCH, _why_not(route, condition, at_ns), condition)


def _why_not(route: Route, condition: Explanation | None, at_ns: int) -> str:
    closed = [each.refusal() for each in route.during if not each.holds(at_ns)]
    if closed:
        return closed[0]
    if route.fallback and (condition is None or condition.holds):
        return "another route of the group matched"
    if condition is None or condition.holds:
        return "internal alerts reach only routes that test `source`"
    return ""
