"""Counts what routes decided and sent in a replay. Tallies of parts of the alerts can be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.alert import Alert
from bridge.channels.message.samples import Samples, make_sample
from bridge.routing import Reason, Routed
from bridge.routing.router import Router
from bridge.workbench.replay.masks import Masks
from bridge.workbench.replay.timelines import Timelines

SAMPLES = 3


class Sent:
    """The notifications of one route to one channel."""

    __slots__ = ("alerts", "notifications", "samples")

    def __init__(self, samples: int) -> None:
        self.notifications = 0
        self.alerts = 0
        """How many alerts they stand for."""
        self.samples = Samples(samples)


@dataclass(slots=True)
class Tally:
    """The counts of a replay."""

    samples: int = SAMPLES
    """How many samples are stored for each channel and route."""
    alerts: int = 0
    no_alerts: int = 0
    """Lines that were not alerts."""
    undecided: int = 0
    """Alerts that no route matched, without ``otherwise``; internal alerts too."""
    first_ns: int | None = None
    last_ns: int | None = None
    decisions: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    """By route and reason."""
    channels: Counter[str] = field(default_factory=Counter)
    """Notifications by channel. One that several routes share counts once."""
    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)
    """By channel and route."""
    over_time: Timelines[tuple[str, str]] = field(default_factory=Timelines)
    """Notifications by channel and route; the channel's own have the route ``""``."""
    masked: Counter[str] = field(default_factory=Counter)
    """By field, the alerts in which it contains a mask of ``redact``."""

    def merge(self, other: Tally) -> None:
        """Add the counts of another part."""
        self.alerts += other.alerts
        self.no_alerts += other.no_alerts
        self.undecided += other.undecided
        times = [each for each in (self.first_ns, other.first_ns) if each is not None]
        self.first_ns = min(times, default=None)
        self.last_ns = max((each for each in (self.last_ns, other.last_ns) if each is not None), default=None)
        self.decisions.update(other.decisions)
        self.channels.update(other.channels)
        self.masked.update(other.masked)
        self.over_time.merge(other.over_time)
        for key, sent in other.sent.items():
            own = self.sent.setdefault(key, Sent(self.samples))
            own.notifications += sent.notifications
            own.alerts += sent.alerts
            for sample in sent.samples.found:
                own.samples.add(sample)


class _Target:
    """The notifications to one channel by the same routes."""

    __slots__ = ("alerts", "notifications", "samples")

    def __init__(self, samples: int) -> None:
        self.notifications = 0
        self.alerts = 0
        """Those that the notifications stand for, with those that were held back before them."""
        self.samples = Samples(samples)


class Counting:
    """Adds what follows from alerts and timers to a tally.

    Notifications are counted by channel and set of routes, and added to the rows of each route at the end.
    """

    def __init__(self, tally: Tally, router: Router, labels: Mapping[str, str], latest: Mapping[str, Alert]) -> None:
        """``latest`` are the alerts that the notifications of timers may be about."""
        self._tally = tally
        self._router = router
        self._labels = labels
        self._latest = latest
        self._targets: dict[tuple[str, tuple[str, ...]], _Target] = {}
        self._over_time: Timelines[tuple[str, tuple[str, ...]]] = Timelines()

    def add(self, at_ns: int, alert: Alert | None, routed: Routed) -> None:
        """Count what an alert, or timers, caused at that time."""
        if alert is not None:
            decisions = self._tally.decisions
            for decision in routed.decisions:
                decisions[decision.route, decision.reason] += 1
            if not routed.decisions:
                self._tally.undecided += 1
        for notification in routed.notifications:
            key = (notification.channel, notification.routes)
            target = self._targets.get(key)
            if target is None:
                target = self._targets[key] = _Target(self._tally.samples)
            target.notifications += 1
            context = notification.context
            target.alerts += 1 if context is None else context.count + context.held_back
            self._over_time.add(key, at_ns)
            about = notification.about
            alert_id = alert.id if about is None and alert is not None else about or ""
            if target.samples.wants(alert_id):
                found = alert if about is None else self._latest.get(about)
                shown = None if found is None else self._router.redact(found)
                target.samples.add(make_sample(notification, shown, at_ns, self._labels))

    def finish(self) -> None:
        """Add the notifications to the tally."""
        tally = self._tally
        for (channel, routes), target in self._targets.items():
            tally.channels[channel] += target.notifications
            for route in routes:
                sent = tally.sent.setdefault((channel, route), Sent(tally.samples))
                sent.notifications += target.notifications
                sent.alerts += target.alerts
                for sample in target.samples.found:
                    sent.samples.add(sample)
        tally.over_time = self._over_time.expanded(lambda key: [(key[0], ""), *((key[0], route) for route in key[1])])


def count_alert(tally: Tally, alert: Alert, at_ns: int, masks: Masks | None) -> None:
    """Count an alert that is routed."""
    tally.alerts += 1
    if tally.first_ns is None or at_ns < tally.first_ns:
        tally.first_ns = at_ns
    if tally.last_ns is None or at_ns > tally.last_ns:
        tally.last_ns = at_ns
    if masks is not None:
        for name in masks.fields_masked(alert):
            tally.masked[name] += 1


def reasons_of(tally: Tally, route: str, reasons: Iterable[Reason] = Reason) -> dict[Reason, int]:
    """How often a route decided for each reason."""
    return {reason: count for reason in reasons if (count := tally.decisions[route, reason])}
