"""Which deliveries of an order key are blocked, in SQLite.

Of the open deliveries of a key, all but the first are *blocked*. Appending, settling, expiring and retrying keep that
up, so a claim reads an index of deliveries that are not blocked, and its cost does not depend on how many wait. A
delivery without a key is never blocked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bridge.journal.sql.database import Connection
from bridge.journal.sql.order_keys import OPEN

INSERT = f"""
INSERT INTO deliveries (alert_seq, channel, order_key, notification, state, due_ns, created_ns, blocked)
VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5, CASE WHEN ?3 IS NULL THEN 0 ELSE EXISTS (
    SELECT 1 FROM deliveries WHERE channel = ?2 AND order_key = ?3 AND {OPEN}
) END)
"""
"""Adds a delivery; it is blocked where its key has an open one."""


def unblock_first(connection: sqlite3.Connection, keys: Iterable[tuple[str, int]]) -> None:
    """Deliveries of these channels and keys were settled: the first one that is open may be claimed."""
    connection.executemany(
        "UPDATE deliveries SET blocked = 0 WHERE blocked AND id = "
        f"(SELECT min(id) FROM deliveries WHERE channel = ? AND order_key = ? AND {OPEN})",
        set(keys),
    )


def reopen(connection: Connection, delivery_id: int) -> None:
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
