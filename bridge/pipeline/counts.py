"""Counts what is taken in and what is decided, since the start; bounded, whatever the alerts say."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.alert import Priority
from bridge.journal.sqlite import Entry
from bridge.sources.contract import Batch

LONGEST_LABEL = 128
"""Characters of a metric label's value; the rest is cut off."""
OTHER = "other"
"""The label value for all that are past a bound."""
MOST_SOURCES = 50
"""Falco's sources (``syscall``, a plugin's) that are told apart; further ones are ``other``."""
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""


@dataclass(slots=True)
class Histogram:
    """How many values fell up to each of ``COMMIT_BUCKETS``, and beyond."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(COMMIT_BUCKETS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(COMMIT_BUCKETS, value)] += 1
        self.total += value


class Counts:
    """Kept by the intake, one batch at a time; read from other threads."""

    def __init__(self) -> None:
        self.alerts: Counter[tuple[str, Priority]] = Counter()
        """By source and priority; each alert once."""
        self.repeated: Counter[str] = Counter()
        """By road, as ``refused``."""
        self.refused: Counter[str] = Counter()
        self.decisions: Counter[tuple[str, str]] = Counter()
        """By route and action."""
        self.notifications: Counter[str] = Counter()
        """By channel."""
        self.commits = Histogram()
        self.last_alert_ns: int | None = None
        self._sources: set[str] = set()

    def kept(self, batch: Batch, entries: Sequence[Entry], commit_seconds: float) -> None:
        """A batch was committed; ``entries`` are those of its alerts that had not come before."""
        self.commits.add(commit_seconds)
        if batch.alerts:
            self.last_alert_ns = batch.received_ns
        self.repeated[batch.source_name] += len(batch.alerts) - len(entries)
        self.refused[batch.source_name] += len(batch.rejected)
        for entry in entries:
            alert = entry.alert
            self.alerts[self._source(alert.source), alert.priority] += 1
            for decision in entry.routed.decisions:
                self.decisions[decision.route, decision.action.value] += 1
            for notification in entry.routed.notifications:
                self.notifications[notification.channel] += 1

    def _source(self, name: str) -> str:
        name = name[:LONGEST_LABEL]
        if name not in self._sources:
            if len(self._sources) >= MOST_SOURCES:
                return OTHER
            self._sources.add(name)
        return name
