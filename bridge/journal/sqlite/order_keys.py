"""Order keys as numbers: deliveries of one channel with the same key are sent in order.

Of the open deliveries of a key, all but the first are *blocked*. Appending, settling, expiring and retrying keep that
up, so a claim reads an index of deliveries that are not blocked, and its cost does not depend on how many wait. A
delivery without a key is never blocked.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable

from bridge.delivery import HEALTH_ALERT_ROUTE
from bridge.routing import Notification

OPEN = "state IN ('pending', 'claimed')"
"""The condition of the indexes over open deliveries."""
HEALTH_ALERT_KEY = 0
"""The key of health alerts. Keys of incidents and routes are positive. A delivery that was released from its order key
has a negative key of its own."""
INSERT = f"""
INSERT INTO deliveries (alert_seq, channel, order_key, notification, state, due_ns, created_ns, blocked)
VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5, CASE WHEN ?3 IS NULL THEN 0 ELSE EXISTS (
    SELECT 1 FROM deliveries WHERE channel = ?2 AND order_key = ?3 AND {OPEN}
) END)
"""
"""Adds a delivery; it is blocked where its key has an open one."""


def order_key(notification: Notification) -> int | None:
    """The key of health alerts, of the first route on a channel in strict order, or of the incident; None without."""
    if notification.routes[0] == HEALTH_ALERT_ROUTE:
        return HEALTH_ALERT_KEY
    if notification.ordered:
        return _number(notification.routes[0])
    incident = notification.context.incident if notification.context is not None else ""
    return _number(incident) if incident else None


def unblock_first(connection: sqlite3.Connection, keys: Iterable[tuple[str, int]]) -> None:
    """Deliveries of these channels and keys were settled: the first one that is open may be claimed."""
    connection.executemany(
        "UPDATE deliveries SET blocked = 0 WHERE blocked AND id = "
        f"(SELECT min(id) FROM deliveries WHERE channel = ? AND order_key = ? AND {OPEN})",
        set(keys),
    )


def reopen(connection: sqlite3.Connection, delivery_id: int) -> None:
    """A dead letter is pending again: block it, or those behind it."""
    channel, key = connection.execute(
        "SELECT channel, order_key FROM deliveries WHERE id = ?", (delivery_id,)
    ).fetchone()
    first = connection.execute(
        "SELECT id, state FROM deliveries WHERE id = "
        f"(SELECT min(id) FROM deliveries WHERE channel = ? AND order_key = ? AND {OPEN} AND id <> ?)",
        (channel, key, delivery_id),
    ).fetchone()
    precedes = first is None or (delivery_id < first[0] and first[1] == "pending")
    connection.execute("UPDATE deliveries SET blocked = ? WHERE id = ?", (not precedes, delivery_id))
    if first is not None and precedes:
        connection.execute("UPDATE deliveries SET blocked = 1 WHERE id = ?", (first[0],))


def _number(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest) >> 2) + 1
