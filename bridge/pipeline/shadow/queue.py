"""What waits to be tried by the shadow: bounded, and passed from the intake to the shadow's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from bridge.alert import Alert
from bridge.alert.alert import text_length
from bridge.routing import Notification
from bridge.routing.virtual_run import Step, VirtualRun

MAX_ALERTS = 10_000
"""Alerts that wait to be tried."""
MAX_TEXT = 64 << 20
"""Characters of the fields and texts of these alerts."""


class StoredAlerts(msgspec.Struct, frozen=True, gc=False):
    """A batch that was stored, and what was decided about it."""

    now_ns: int
    alerts: Sequence[tuple[Alert, tuple[Notification, ...]]]
    text: int
    generation: int


class StoredTimers(msgspec.Struct, frozen=True):
    """Notifications that no alert caused: those of timers, and of people who resolve incidents."""

    now_ns: int
    notifications: tuple[Notification, ...]
    follow: Callable[[VirtualRun], Iterable[Step]]
    """Does in the shadow what a person did at that moment."""
    generation: int


@dataclass(slots=True)
class _Amount:
    """How much was put into the queue, or taken out of it, by one thread."""

    alerts: int = 0
    text: int = 0

    def add(self, alerts: int, text: int) -> None:
        self.alerts += alerts
        self.text += text


class ShadowQueue:
    """Bounded. ``put_…`` are called by the intake, under its lock; the others by the shadow's thread."""

    def __init__(self) -> None:
        self._waiting: deque[StoredAlerts | StoredTimers] = deque()
        self._offered, self._done = _Amount(), _Amount()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put_alerts(
        self, now_ns: int, alerts: Sequence[tuple[Alert, tuple[Notification, ...]]], generation: int
    ) -> bool:
        """Add a batch. Returns False if there is no room for all of it."""
        text = sum(text_length(alert) for alert, _ in alerts)
        alerts_waiting = self._offered.alerts - self._done.alerts
        text_waiting = self._offered.text - self._done.text
        if alerts_waiting + len(alerts) > MAX_ALERTS or text_waiting + text > MAX_TEXT:
            return False
        self._offered.add(len(alerts), text)
        self._waiting.append(StoredAlerts(now_ns, alerts, text, generation))
        return True

    def put_timers(self, timers: StoredTimers) -> bool:
        """Add notifications of timers. Returns False if there is no room."""
        if len(self._waiting) >= MAX_ALERTS:
            return False
        self._waiting.append(timers)
        return True

    def take(self) -> StoredAlerts | StoredTimers:
        """The oldest. Its room is free once it is ``done``."""
        return self._waiting.popleft()

    def done(self, item: StoredAlerts | StoredTimers) -> None:
        """Free the room of an item, which was tried."""
        if isinstance(item, StoredAlerts):
            self._done.add(len(item.alerts), item.text)
