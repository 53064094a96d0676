"""Which deliveries of an order key are blocked, in SQLite.

Of the open deliveries of a key, all but the first are *blocked*. A delivery is added as *new*; only the courier decides
whether it is blocked, so adding one costs no search for others with its key. Settling, expiring and retrying keep that
up, so a claim reads an index of deliveries that are not blocked, and its cost does not depend on how many wait. A
delivery without a key is never blocked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bridge.journal.sql.database import Connection
from bridge.journal.sql.order_keys import HEALTH_ALERT_KEY, OPEN
from bridge.journal.sqlite.database import Database

NEW = 2
"""The value of ``blocked`` of a delivery that the courier has not placed yet."""
PLACED = f"{OPEN} AND blocked <> {NEW}"
"""The condition of the index over order keys."""

INSERT = f"""
INSERT INTO deliveries (alert_seq, channel, order_key, notification, state, due_ns, created_ns, blocked)
VALUES (?1, ?2, ?3, ?4, 'pending', CASE WHEN ?3 > {HEALTH_ALERT_KEY} THEN max(?5, ifnull((
    SELECT max(due_ns) FROM deliveries WHERE channel = ?2 AND {OPEN} AND blocked = {NEW}
), ?5)) ELSE ?5 END, ?5, CASE WHEN ?3 IS NULL THEN 0 WHEN ?3 > {HEALTH_ALERT_KEY} THEN {NEW} ELSE EXISTS (
    SELECT 1 FROM deliveries WHERE channel = ?2 AND order_key = ?3 AND {PLACED}
) END)
"""
"""Adds a delivery, as a new one if it has the key of an incident or a route.

New ones of a channel are due in the order in which they were added, although the clock was set back.
"""
_NEW_ONES = f"SELECT id FROM deliveries WHERE channel = ? AND {OPEN} AND blocked = {NEW} ORDER BY due_ns, id LIMIT ?"
_PLACE = f"""
UPDATE deliveries SET blocked = EXISTS (
    SELECT 1 FROM deliveries AS o WHERE o.channel = deliveries.channel AND o.order_key = deliveries.order_key
    AND o.{OPEN} AND o.blocked <> {NEW}
) WHERE id = ?
"""


def new_ones(database: Database, channel: str, limit: int) -> list[int]:
    """The new deliveries of a channel, in the order in which they were added, up to ``limit``."""
    return sorted(database.rows(int, _NEW_ONES, (channel, limit)))


def place(connection: sqlite3.Connection, new: Iterable[int]) -> None:
    """Decide which of these new deliveries are blocked, within the caller's transaction."""
    connection.executemany(_PLACE, [(number,) for number in new])


def unblock_first(connection: sqlite3.Connection, keys: Iterable[tuple[str, int]]) -> None:
    """Deliveries of these channels and keys were settled: the first one that is open may be claimed."""
    connection.executemany(
        "UPDATE deliveries SET blocked = 0 WHERE blocked AND id = "
        f"(SELECT min(id) FROM deliveries WHERE channel = ? AND order_key = ? AND {PLACED})",
        set(keys),
    )


def reopen(connection: Connection, delivery_id: int) -> None:
    """A dead letter is pending again: block it, or those behind it. New ones are placed behind it."""
    channel, key = connection.execute(
        "SELECT channel, order_key FROM deliveries WHERE id = ?", (delivery_id,)
    ).fetchone()
    first = connection.execute(
        "SELECT id, state FROM deliveries WHERE id = "
        f"(SELECT min(id) FROM deliveries WHERE channel = ? AND order_key = ? AND {PLACED} AND id <> ?)",
        (channel, key, delivery_id),
    ).fetchone()
    precedes = first is None or (delivery_id < first[0] and first[1] == "pending")
    connection.execute("UPDATE deliveries SET blocked = ? WHERE id = ?", (not precedes, delivery_id))
    if first is not None and precedes:
        connection.execute("UPDATE deliveries SET blocked = 1 WHERE id = ?", (first[0],))
