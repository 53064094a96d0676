"""What is decided about one alert: the values that the router returns and the journal stores."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.alert import Alert
from bridge.routing.notification import Notification
from bridge.routing.reason import Reason

OTHERWISE = "otherwise"
"""The route name in the decisions of an ``otherwise`` statement."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one route did with one alert."""

    route: str
    reason: Reason
    channels: tuple[str, ...] = ()
    detail: str = ""
    """The numbers behind the reason: ``2 of 3``."""


@dataclass(frozen=True, slots=True)
class Routed:
    """Everything that follows from one alert or one timer."""

    decisions: tuple[Decision, ...]
    """In file order."""
    notifications: tuple[Notification, ...]
    """At most one for each channel is about the alert itself. Others are about earlier alerts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert as it is stored, which is after redaction, and everything that was decided about it."""

    alert: Alert
    routed: Routed
