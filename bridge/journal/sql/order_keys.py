"""Order keys as numbers: deliveries of one channel with the same key are sent in order."""

from __future__ import annotations

from hashlib import blake2b

from bridge.delivery import HEALTH_ALERT_ROUTE
from bridge.routing import Notification

OPEN = "state IN ('pending', 'claimed')"
"""The condition of the indexes over open deliveries."""
HEALTH_ALERT_KEY = 0
"""The key of health alerts. Keys of incidents and routes are positive. A delivery that was released from its order key
has a negative key of its own."""

_begin = blake2b(digest_size=8).copy


def order_key(notification: Notification) -> int | None:
    """The key of health alerts, of the first route on a channel in strict order, or of the incident; None without."""
    if notification.routes[0] == HEALTH_ALERT_ROUTE:
        return HEALTH_ALERT_KEY
    if notification.ordered:
        return _number(notification.routes[0])
    incident = notification.context.incident if notification.context is not None else ""
    return _number(incident) if incident else None


def has_own_send(key: int | None) -> bool:
    """Whether a delivery has a send of its own: a health alert, or one that was released from its order key."""
    return key is not None and key <= HEALTH_ALERT_KEY


def is_released(key: int | None) -> bool:
    """Whether a delivery was released from its order key."""
    return key is not None and key < HEALTH_ALERT_KEY


def _number(name: str) -> int:
    hashed = _begin()
    hashed.update(name.encode("utf-8", "surrogatepass"))
    return (int.from_bytes(hashed.digest()) >> 2) + 1
