"""Replays recorded alerts through two sets of routes, and counts how their notifications differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bridge.routing.comparison import Change, Comparison, Difference, Notified
from bridge.workbench.replay.masks import Masks, Unjudged
from bridge.workbench.replay.parts import OnPart, Plan, run_parts
from bridge.workbench.replay.recording import Recorded
from bridge.workbench.replay.replay import Replay
from bridge.workbench.replay.samples import Samples, make_sample
from bridge.workbench.replay.tally import SAMPLES
from bridge.workbench.replay.virtual_run import Step, VirtualRun


class Row:
    """How many notifications one route, or all of them, send to a channel."""

    __slots__ = ("changes", "new", "old", "samples")

    def __init__(self, samples: int) -> None:
        self.old = 0
        self.new = 0
        self.changes: Counter[Change] = Counter()
        self.samples = {change: Samples(samples) for change in Change}

    def merge(self, other: Row) -> None:
        """Add the counts of another part."""
        self.old += other.old
        self.new += other.new
        self.changes.update(other.changes)
        for change, samples in other.samples.items():
            for sample in samples.found:
                self.samples[change].add(sample)


@dataclass(slots=True)
class DifferenceTally:
    """The counts of a comparison."""

    samples: int = SAMPLES
    alerts: int = 0
    no_alerts: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    """By channel and route; the channel itself has the route ``""``."""
    masked: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    """By field, the alerts in which it contains a mask of ``redact``: of those that the old and the new routes read."""

    @property
    def changes(self) -> Counter[Change]:
        """All differences for channels."""
        return sum((row.changes for (_, route), row in self.rows.items() if not route), Counter())

    @property
    def differs(self) -> bool:
        """Whether anything differs: for a channel, or in the routes that send to it."""
        return any(row.changes for row in self.rows.values())

    def row(self, channel: str, route: str) -> Row:
        """The row of a route, or of a channel."""
        found = self.rows.get((channel, route))
        if found is None:
            found = self.rows[channel, route] = Row(self.samples)
        return found

    def merge(self, other: DifferenceTally) -> None:
        """Add the counts of another part."""
        self.alerts += other.alerts
        self.no_alerts += other.no_alerts
        self.first_ns = min((each for each in (self.first_ns, other.first_ns) if each is not None), default=None)
        self.last_ns = max((each for each in (self.last_ns, other.last_ns) if each is not None), default=None)
        for own, others in zip(self.masked, other.masked, strict=True):
            own.update(others)
        for (channel, route), row in other.rows.items():
            self.row(channel, route).merge(row)


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

    def __init__(self, sets: TwoSets) -> None:
        self._sets = sets
        self._old = VirtualRun(sets.old.router, sets.old.silences)
        self._new = VirtualRun(sets.new.router, sets.new.silences)
        self._masks: tuple[Masks, Masks] = (sets.old.masks(), sets.new.masks())
        self._comparison = Comparison(patient=not sets.divisible)
        self.tally = DifferenceTally(sets.new.samples)

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
            old = list(notified(self._old.steps(each.alert, at_ns), self._old))
            new = list(notified(self._new.steps(each.alert, at_ns), self._new))
            if old or new:
                self._compare(old, new)

    def finish(self) -> DifferenceTally:
        """Fire the timers that are still set; what waits for a counterpart has none."""
        self._compare(list(notified(self._old.finish(), self._old)), list(notified(self._new.finish(), self._new)))
        for difference in self._comparison.finish():
            self._count(difference)
        return self.tally

    def _compare(self, old: list[Notified], new: list[Notified]) -> None:
        tally = self.tally
        for each in old:
            for route in ("", *each.notification.routes):
                tally.row(each.notification.channel, route).old += 1
        for each in new:
            for route in ("", *each.notification.routes):
                tally.row(each.notification.channel, route).new += 1
        for difference in self._comparison.compare(old, new):
            self._count(difference)

    def _count(self, difference: Difference) -> None:
        change, sent = difference.change, difference.notified
        row = self.tally.row(difference.channel, difference.route)
        row.changes[change] += 1
        if row.samples[change].wants(sent.alert_id):
            what = self._sets.old if change is Change.LOST else self._sets.new
            shown = sent.alert
            for router in (self._sets.old.router, self._sets.new.router):  # what either set redacts is not shown
                shown = None if shown is None else router.redact(shown)
            row.samples[change].add(make_sample(sent.notification, shown, sent.at_ns, what.labels))


def notified(steps: Iterable[Step], run: VirtualRun) -> Iterator[Notified]:
    """The notifications of a run's steps."""
    for step in steps:
        for each in step.routed.notifications:
            if each.about is None and step.alert is not None:
                yield Notified(each, step.at_ns, step.alert.id, step.alert)
            else:
                about = each.about or ""
                yield Notified(each, step.at_ns, about, run.latest.get(about))


def replay_both(sets: TwoSets, plan: Plan, on_part: OnPart | None = None) -> DifferenceTally:
    """Replay all parts through both sets. Raises AlertFileError."""
    total = DifferenceTally(sets.new.samples)
    for tally in run_parts(sets, plan, on_part):
        total.merge(tally)
    return total
