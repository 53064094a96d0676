"""What is decided about one alert: the values that the router returns and the journal stores."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Alert
from bridge.routing.notification import Notification
from bridge.routing.reason import Reason
from bridge.routing.state import Change, Timer

OTHERWISE = "otherwise"
"""The route name in the decisions of an ``otherwise`` statement."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one route did with one alert."""

    route: str
    reason: Reason
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routed:
    """Everything that follows from one alert or one timer."""

    decisions: tuple[Decision, ...]
    """In file order."""
    notifications: tuple[Notification, ...]
    """At most one for each channel."""
    changes: tuple[Change, ...] = ()
    """What to change in the state, in the transaction that stores the alert."""
    timers: tuple[Timer, ...] = ()
    """The timers to set."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert as it is stored, which is after redaction, and everything that was decided about it."""

    alert: Alert
    routed: Routed
