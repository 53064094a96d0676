"""Replays recorded alerts through two sets of routes, and counts how their notifications differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bridge.pipeline.shadow.differences import Differences
from bridge.routing.comparison import Change, Comparison, Difference, Notified
from bridge.routing.virtual_run import VirtualRun
from bridge.workbench.replay.masks import Masks, Unjudged
from bridge.workbench.replay.parts import OnPart, Plan, run_parts
from bridge.workbench.replay.recording import Recorded
from bridge.workbench.replay.replay import Replay

OnSent = Callable[[list[Notified], list[Notified]], None]
"""Called with what the old and the new routes send at once."""


@dataclass(slots=True)
class DifferenceTally:
    """The counts of a comparison."""

    differences: Differences
    alerts: int = 0
    no_alerts: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    masked: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    """By field, the alerts in which it contains a mask of ``redact``: of those that the old and the new routes read."""

    def merge(self, other: DifferenceTally) -> None:
        """Add the counts of another part."""
        self.alerts += other.alerts
        self.no_alerts += other.no_alerts
        self.first_ns = min((each for each in (self.first_ns, other.first_ns) if each is not None), default=None)
        self.last_ns = max((each for each in (self.last_ns, other.last_ns) if each is not None), default=None)
        for own, others in zip(self.masked, other.masked, strict=True):
            own.update(others)
        self.differences.merge(other.differences)


@dataclass(frozen=True, slots=True)
class TwoSets:
    """What is replayed through two sets of routes."""

    old: Replay
    new: Replay

    @property
    def divisible(self) -> bool:
        """Whether parts of the alerts can be routed on their own."""
        return self.old.divisible and self.new.divisible

    def start(self) -> DifferenceRun:
        """A run without a state."""
        return DifferenceRun(self)

    def unjudged(self, tally: DifferenceTally) -> list[Unjudged]:
        """The routes of either set that cannot be judged for some alerts, each once."""
        pairs = zip((self.old, self.new), tally.masked, strict=True)
        return list(dict.fromkeys(each for what, masked in pairs for each in what.masks().unjudged(masked)))


class DifferenceRun:
    """One run over some parts of the alerts."""

    def __init__(self, sets: TwoSets, on_sent: OnSent | None = None) -> None:
        self._sets = sets
        self._on_sent = on_sent
        self._old = VirtualRun(sets.old.router, sets.old.silences)
        self._new = VirtualRun(sets.new.router, sets.new.silences)
        self._masks: tuple[Masks, Masks] = (sets.old.masks(), sets.new.masks())
        self._comparison = Comparison(patient=not sets.divisible)
        self.tally = DifferenceTally(Differences(sets.new.samples))

    def add(self, recorded: Iterable[Recorded | None]) -> None:
        """Route alerts in order; None is a line that is not an alert."""
        tally = self.tally
        for each in recorded:
            if each is None:
                tally.no_alerts += 1
                continue
            tally.alerts += 1
            at_ns = each.at_ns
            tally.first_ns = at_ns if tally.first_ns is None else min(tally.first_ns, at_ns)
            tally.last_ns = at_ns if tally.last_ns is None else max(tally.last_ns, at_ns)
            for masks, masked in zip(self._masks, tally.masked, strict=True):
                masked.update(masks.fields_masked(each.alert) if masks else ())
            old = list(self._old.notified(self._old.steps(each.alert, at_ns)))
            new = list(self._new.notified(self._new.steps(each.alert, at_ns)))
            if old or new:
                self._compare(old, new)

    def finish(self) -> DifferenceTally:
        """Fire the timers that are still set; what waits for a counterpart has none."""
        old, new = (list(run.notified(run.finish())) for run in (self._old, self._new))
        self._compare(old, new)
        for difference in self._comparison.finish():
            self._count(difference)
        return self.tally

    def _compare(self, old: list[Notified], new: list[Notified]) -> None:
        self.tally.differences.count_sent(old, new)
        if self._on_sent is not None:
            self._on_sent(old, new)
        for difference in self._comparison.compare(old, new):
            self._count(difference)

    def _count(self, difference: Difference) -> None:
        routers = (self._sets.old.router, self._sets.new.router)
        what = self._sets.old if difference.change is Change.LOST else self._sets.new
        self.tally.differences.count(difference, routers, what.labels)


def replay_both(sets: TwoSets, plan: Plan, on_part: OnPart | None = None) -> DifferenceTally:
    """Replay all parts through both sets. Raises AlertFileError."""
    total = DifferenceTally(Differences(sets.new.samples))
    for tally in run_parts(sets, plan, on_part):
        total.merge(tally)
    return total
