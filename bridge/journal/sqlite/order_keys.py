"""Order keys as numbers: deliveries of one channel with the same key are sent in order."""

from __future__ import annotations

import hashlib

from bridge.delivery import HEALTH_ALERT_ROUTE
from bridge.routing import Notification

HEALTH_ALERT_KEY = 0
"""The key of health alerts. Keys of routes are positive. A delivery that was released from its order key has a negative
key of its own."""


def order_key(notification: Notification) -> int:
    """The key of a notification's first route, or that of health alerts."""
    if notification.routes[0] == HEALTH_ALERT_ROUTE:
        return HEALTH_ALERT_KEY
    name = notification.routes[0].encode("utf-8", "surrogatepass")
    return (int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()) >> 2) + 1
