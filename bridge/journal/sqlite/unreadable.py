"""Deliveries that cannot be read: they become dead letters, so that the others are sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import structlog

from bridge.journal.sql.dead_letters import UNREADABLE
from bridge.journal.sqlite.queue.order_keys import unblock_first


def bury(connection: sqlite3.Connection, unreadable: Iterable[tuple[int, str]], now_ns: int) -> None:
    """Make dead letters of these deliveries, by id with the cause, within the caller's transaction."""
    for delivery_id, cause in unreadable:
        channel, key = connection.execute(
            "UPDATE deliveries SET state = 'dead', settled_ns = ?, status = NULL, reason = ? WHERE id = ? "
            "RETURNING channel, order_key",
            (now_ns, f"{UNREADABLE}{cause}", delivery_id),
        ).fetchone()
        if key is not None:
            unblock_first(connection, [(channel, key)])
        structlog.get_logger("journal").error(
            "delivery unreadable; it is a dead letter", delivery=delivery_id, channel=channel, problem=cause,
            remedy="restore the journal from a backup, or discard the dead letter",
        )  # fmt: skip
