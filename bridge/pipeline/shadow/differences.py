"""Counts how the notifications of two sets of routes differ, per channel and route, with samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bridge.channels.message.samples import Samples, make_sample
from bridge.routing.comparison import Change, Difference, Notified
from bridge.routing.router import Router


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


class Differences:
    """The counts of a comparison."""

    def __init__(self, samples: int) -> None:
        """``samples`` is how many are stored of each change of each row."""
        self.samples = samples
        self.rows: dict[tuple[str, str], Row] = {}
        """By channel and route; the channel itself has the route ``""``."""

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

    def merge(self, other: Differences) -> None:
        """Add the counts of another part."""
        for (channel, route), row in other.rows.items():
            self.row(channel, route).merge(row)

    def count_sent(self, old: Iterable[Notified], new: Iterable[Notified]) -> None:
        """Count notifications of both sides, whether they differ or not."""
        for each in old:
            for route in ("", *each.notification.routes):
                self.row(each.notification.channel, route).old += 1
        for each in new:
            for route in ("", *each.notification.routes):
                self.row(each.notification.channel, route).new += 1

    def count(self, difference: Difference, routers: Iterable[Router], labels: Mapping[str, str]) -> None:
        """Count a difference. What one of the routers redacts is not shown in its sample."""
        row, sent = self.row(difference.channel, difference.route), difference.notified
        row.changes[difference.change] += 1
        samples = row.samples[difference.change]
        if samples.wants(sent.alert_id):
            shown = sent.alert
            for router in routers:
                shown = None if shown is None else router.redact(shown)
            samples.add(make_sample(sent.notification, shown, sent.at_ns, labels))
