"""Samples of notifications: a few of each kind, the same ones however the work is divided."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.alert import Alert
from bridge.channels.message.compose import summary_of
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery
from bridge.routing import Notification

_PART = 200


class Sample(msgspec.Struct, frozen=True, order=True):
    """One notification, as a person would recognise it. Texts are visible, bounded and of one line."""

    alert_id: str
    """The alert that it is about."""
    at_ns: int
    """When it was sent, in virtual time."""
    kind: str = "single"
    """As in NotificationKind."""
    count: int = 1
    """How many alerts it stands for."""
    severity: str = ""
    headline: str = ""
    """Empty if the alert is not known any more."""
    where: str = ""
    who: str = ""
    action: str = ""


def make_sample(notification: Notification, alert: Alert | None, at_ns: int, labels: Mapping[str, str]) -> Sample:
    """The sample of a notification. ``alert`` is the one that it is about, redacted."""
    context = notification.context
    kind, count = ("single", 1) if context is None else (context.kind.value, context.count)
    severity = str(notification.severity)
    if alert is None:
        return Sample(notification.about or "", at_ns, kind, count, severity)
    plain = msgspec.structs.replace(notification, context=None)
    parts = (one_line(each, _PART) for each in summary_of(Delivery(0, alert, plain, 0, at_ns), labels))
    return Sample(alert.id, at_ns, kind, count, severity, *parts)


_RANDOM = slice(-12, None)
"""The part of an alert's id that does not depend on the time."""


class Samples:
    """Up to ``limit`` samples: those of the alerts whose ids have the smallest hashes, so the choice is random."""

    __slots__ = ("_limit", "_worst", "found")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.found: list[Sample] = []
        self._worst = "g" if limit else ""

    def wants(self, alert_id: str) -> bool:
        """Whether a sample of that alert would be stored. Cheap."""
        return alert_id[_RANDOM] < self._worst

    def add(self, sample: Sample) -> None:
        """Store a sample, if it is one of those to store."""
        if not self._limit:
            return
        self.found = sorted({*self.found, sample}, key=lambda each: (each.alert_id[_RANDOM], each))[: self._limit]
        if len(self.found) == self._limit:
            self._worst = self.found[-1].alert_id[_RANDOM]

    def by_time(self) -> list[Sample]:
        """The samples, the earliest first."""
        return sorted(self.found, key=lambda each: (each.at_ns, each.alert_id))
