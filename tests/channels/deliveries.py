"""The delivery that most tests of channels send: one critical alert, requested by two routes."""

from __future__ import annotations

from bridge.alert import Priority
from bridge.delivery import Delivery
from tests.support.builders import decoded_alert, delivery, notification

TIME = "2026-03-04T05:06:07.123456789Z"
TIME_NS = 1_772_600_767_123_456_789


def make_delivery(number: int = 1, **members: object) -> Delivery:
    """A delivery with this id. ``members`` replace members of the alert's JSON."""
    to = notification("c", "route x", "route y", severity=Priority.CRITICAL)
    return delivery(decoded_alert(**members), number, to=to, created_ns=1)
