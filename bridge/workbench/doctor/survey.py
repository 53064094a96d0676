"""What recorded alerts show about Falco's rules, the nodes' clocks and the routes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median

from bridge.alert import INTERNAL_SOURCE, Alert, Priority
from bridge.alert.node import node_name
from bridge.journal.records import RecordedAlert
from bridge.language.falco.rules import FalcoRule

_SECOND = 1_000_000_000
_MOST_RULES = 5_000
_MOST_NODES = 10_000
_DELAYS = 200
"""Delays that are remembered for each node."""


@dataclass(slots=True)
class _Rule:
    """What was seen of one rule."""

    source: str
    priority: Priority
    tags: tuple[str, ...]
    fields: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Survey:
    """Built alert by alert. Bounded, whatever the alerts contain."""

    alerts: int = 0
    latest_ns: int = 0
    """When the latest alert was received."""
    fired: Counter[str] = field(default_factory=Counter)
    """How many alerts each route matched."""
    alert_sources: Counter[str] = field(default_factory=Counter)
    _rules: dict[str, _Rule] = field(default_factory=dict)
    _delays: dict[str, list[float]] = field(default_factory=dict)

    def add(self, recorded: RecordedAlert) -> None:
        """Count one alert."""
        alert = recorded.alert
        self.alerts += 1
        self.latest_ns = max(self.latest_ns, recorded.received_ns)
        self.fired.update(decision.route for decision in recorded.decisions)
        if len(self.alert_sources) < _MOST_RULES or alert.source in self.alert_sources:
            self.alert_sources[alert.source] += 1
        if alert.source != INTERNAL_SOURCE:
            self._add_rule(alert)
            self._add_delay(node_name(alert.hostname), (recorded.received_ns - alert.time_ns) / _SECOND)

    def rules(self) -> list[FalcoRule]:
        """The rules as their alerts show them: with the fields that at least one alert had."""
        return [
            FalcoRule(name, seen.source, seen.priority, seen.tags, frozenset(seen.fields))
            for name, seen in self._rules.items()
        ]

    def delays(self) -> Iterator[tuple[str, float]]:
        """The median time in seconds from the event to its receipt, for each node with at least ten alerts."""
        for node, delays in sorted(self._delays.items()):
            if len(delays) >= 10:
                yield node, median(delays)

    def _add_rule(self, alert: Alert) -> None:
        seen = self._rules.get(alert.rule)
        if seen is None:
            if len(self._rules) >= _MOST_RULES:
                return
            seen = self._rules[alert.rule] = _Rule(alert.source, alert.priority, alert.tags)
        seen.fields.update(alert.fields)
        seen.fields.update(alert.lists)

    def _add_delay(self, node: str, delay: float) -> None:
        delays = self._delays.get(node)
        if delays is None:
            if len(self._delays) >= _MOST_NODES:
                return
            delays = self._delays[node] = []
        if len(delays) < _DELAYS:
            delays.append(delay)


def survey(alerts: Iterable[RecordedAlert]) -> Survey:
    """What these alerts show."""
    found = Survey()
    for each in alerts:
        found.add(each)
    return found
