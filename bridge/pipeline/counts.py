"""Counters of accepted alerts and of decisions since the start. Bounded for any values in alerts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from bridge.alert import Priority
from bridge.routing import Entry, Reason
from bridge.terminal.observation import Observation
from bridge.terminal.rules import Kind

LONGEST_LABEL = 128
"""Characters of a metric's label value. Longer values are cut off."""
OTHER = "other"
"""The label value for everything beyond a bound."""
MOST_ALERT_SOURCES = 50
"""How many alert sources (``syscall``, a plugin's) are counted separately. Further ones count as ``other``."""
MOST_RULES = 1000
"""How many rules are counted separately. Further ones count as ``other``."""
_SNAPLEN = 1000
"""Longer writes are cut with the right settings too."""
_ASSUMED = {"priority": "Warning", "time": "the time of receipt"}
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds in seconds."""


@dataclass(slots=True)
class Histogram:
    """How many values lie in each of ``COMMIT_BUCKETS``; the last count is of those above all bounds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(COMMIT_BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(COMMIT_BUCKETS, value)] += 1
        self.total += value


class OwnerCounts:
    """What the owner of partitions did since its start. Written by its thread, read by others."""

    def __init__(self) -> None:
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By route and reason."""
        self.notifications: Counter[str] = Counter()
        """By channel."""
        self.partitions: int | None = None
        """How many it owns; None where it can own none."""
        self.merged = 0
        """Notifications that became part of one that another route had caused."""
        self.not_merged = 0
        """Notifications beside another one of their alert and channel, which was too late to change."""
        self.matches = 0
        self.loaded = 0
        """How often a partition was loaded."""


class Counts:
    """Written by intake, one batch at a time. Read from other threads."""

    def __init__(self) -> None:
        self.alerts: Counter[tuple[str, Priority]] = Counter()
        """By alert source and priority. Duplicates are not included."""
        self.rules: Counter[str] = Counter()
        """Alerts by rule. Duplicates are not included."""
        self.duplicates: Counter[str] = Counter()
        """Alerts whose id was in the journal already, by source name."""
        self.rejected: Counter[str] = Counter()
        """Quarantined messages by source name."""
        self.material: Counter[str] = Counter()
        """Terminal material by source name."""
        self.painted: Counter[Literal["writes", "undecoded", "cut"]] = Counter()
        """What shells painted: all writes, those without base64, and those that a short snaplen cut."""
        self.assumed: Counter[tuple[str, str]] = Counter()
        """Alerts without a readable ``priority`` or ``time``, by source name and member."""
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By route and reason."""
        self.notifications: Counter[str] = Counter()
        """By channel."""
        self.commits = Histogram()
        """Seconds to decide about a batch and to commit it."""
        self.last_alert_ns: int | None = None
        """When the latest alert was received, duplicates included."""
        self.owner = OwnerCounts()
        """What this bridge decided as the owner of partitions."""
        self._alert_sources: set[str] = set()

    def add(
        self, source_name: str, received_ns: int, entries: Sequence[Entry], rejected: int, commit_seconds: float
    ) -> None:
        """Count what one transaction committed."""
        self.commits.add(commit_seconds)
        if entries:
            self.last_alert_ns = received_ns
        if rejected:
            self.rejected[source_name] += rejected
        for entry in entries:
            alert = entry.alert
            self.alerts[self._alert_source(alert.source), alert.priority] += 1
            self.rules[alert.rule if alert.rule in self.rules else self._new_rule(alert.rule)] += 1
            for member in alert.assumed:
                self._count_assumed(source_name, member)
            for decision in entry.routed.decisions:
                if decision.reason is not Reason.PENDING:  # its owner counts it
                    self.decisions[decision.route, decision.reason.value] += 1
            for notification in entry.routed.notifications:
                self.notifications[notification.channel] += 1

    def add_observations(self, observations: Iterable[Observation]) -> None:
        """Count what shells painted, to recognize Falco's settings from it."""
        for each in observations:
            if each.kind is Kind.PAINT:
                self.painted["writes"] += 1
                if each.cut and len(each.data) < _SNAPLEN:
                    self.painted["cut" if each.data else "undecoded"] += 1

    def add_duplicates(self, source_name: str, received_ns: int, count: int) -> None:
        """Count alerts that were not stored again."""
        self.last_alert_ns = received_ns
        self.duplicates[source_name] += count

    def totals(self) -> dict[str, int]:
        """Everything that was accepted so far, by name. Callable from any thread."""
        counters: dict[str, Counter[Any]] = {
            "alerts": self.alerts,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "notifications": self.all_notifications(),
        }
        return {name: sum(counter.copy().values()) for name, counter in counters.items()}

    def all_decisions(self) -> Counter[tuple[str, str]]:
        """By route and reason, those of the owner too. Callable from any thread."""
        return self.decisions.copy() + self.owner.decisions.copy()

    def all_notifications(self) -> Counter[str]:
        """By channel, those of the owner too. Callable from any thread."""
        return self.notifications.copy() + self.owner.notifications.copy()

    def _count_assumed(self, source_name: str, member: str) -> None:
        self.assumed[source_name, member] += 1
        if self.assumed[source_name, member] == 1:
            structlog.get_logger("intake").warning(
                f"alert without a readable {member}", source=source_name, taken_as=_ASSUMED[member],
                remedy="send Falco's JSON as it is; only the first such alert of a source is logged, "
                "falco_bridge_alerts_assumed_total counts them",
            )  # fmt: skip

    def _new_rule(self, name: str) -> str:
        name = name[:LONGEST_LABEL]
        return name if name in self.rules or len(self.rules) < MOST_RULES else OTHER

    def _alert_source(self, name: str) -> str:
        name = name[:LONGEST_LABEL]
        if name not in self._alert_sources:
            if len(self._alert_sources) >= MOST_ALERT_SOURCES:
                return OTHER
            self._alert_sources.add(name)
        return name
