"""What is decided about one alert: the values that the router returns and the journal stores.

They are Structs because several are made for every alert: a frozen dataclass costs five times as much.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from bridge.alert import Alert
from bridge.routing.notification import Notification
from bridge.routing.reason import Reason

OTHERWISE = "otherwise"
"""The route name in the decisions of an ``otherwise`` statement."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What one route did with one alert."""

    route: str
    reason: Reason
    channels: tuple[str, ...] = ()
    detail: str = ""
    """The numbers behind the reason: ``2 of 3``."""
    incident: str = ""
    """The id of the incident that the match belongs to; empty for a route without memory."""


class Fault(NamedTuple):
    """An error of the bridge in one route. Other routes are not affected."""

    route: str
    error: Exception


class Routed(msgspec.Struct, frozen=True, gc=False):
    """Everything that follows from one alert or one timer."""

    decisions: tuple[Decision, ...]
    """In file order."""
    notifications: tuple[Notification, ...]
    """At most one for each channel is about the alert itself. Others are about earlier alerts."""
    faults: tuple[Fault, ...] = ()
    """What failed. The other routes and timers acted; a timer that failed fires again after the next start."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An alert as it is stored, which is after redaction, and everything that was decided about it."""

    alert: Alert
    routed: Routed
    matches: tuple[tuple[int, bytes], ...] = ()
    """For each partition of the memory of a fleet that the alert concerns: its number, and the encoded match."""
    awaited: frozenset[str] = frozenset()
    """The channels that owners may notify of the alert too, as soon as they have decided."""
