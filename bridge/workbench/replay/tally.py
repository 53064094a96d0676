"""Counts what routes decided and sent in a replay. Tallies of parts of the alerts can be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.alert import Alert
from bridge.channels.message.samples import Samples, make_sample
from bridge.routing import Notification, Reason
from bridge.routing.router import Router
from bridge.routing.virtual_run import Step
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


class Counting:
    """Adds the steps of a run to a tally."""

    def __init__(self, tally: Tally, router: Router, labels: Mapping[str, str], latest: Mapping[str, Alert]) -> None:
        """``latest`` are the alerts that the notifications of timers may be about."""
        self._tally = tally
        self._router = router
        self._labels = labels
        self._latest = latest

    def add(self, step: Step) -> None:
        """Count one step."""
        tally, routed = self._tally, step.routed
        if step.alert is not None:
            decisions = tally.decisions
            for decision in routed.decisions:
                decisions[decision.route, decision.reason] += 1
            if not routed.decisions:
                tally.undecided += 1
        for notification in routed.notifications:
            self._count(notification, step)

    def _count(self, notification: Notification, step: Step) -> None:
        tally, channel, context = self._tally, notification.channel, notification.context
        tally.channels[channel] += 1
        tally.over_time.add((channel, ""), step.at_ns)
        about = notification.about
        alert_id = step.alert.id if about is None and step.alert is not None else about or ""
        for route in notification.routes:
            sent = tally.sent.get((channel, route))
            if sent is None:
                sent = tally.sent[channel, route] = Sent(tally.samples)
            sent.notifications += 1
            sent.alerts += 1 if context is None else context.count
            tally.over_time.add((channel, route), step.at_ns)
            if sent.samples.wants(alert_id):
                alert = step.alert if about is None else self._latest.get(about)
                shown = None if alert is None else self._router.redact(alert)
                sent.samples.add(make_sample(notification, shown, step.at_ns, self._labels))


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
