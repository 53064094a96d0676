"""Settles deliveries and records the health of channels, in SQLite."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from bridge.common.clocks.clock import Step
from bridge.delivery import Capacity, Delivery, Health, Settlement
from bridge.journal.sql.bodies import Bodies
from bridge.journal.sql.order_keys import OPEN
from bridge.journal.sqlite import clock_steps
from bridge.journal.sqlite.database import Database
from bridge.journal.sqlite.queue.claims import Claims
from bridge.journal.sqlite.queue.order_keys import NEW, unblock_first
from bridge.journal.sqlite.queue.settlements import apply

_NOT_LATER_DUE = (
    f"SELECT * FROM (SELECT id, created_ns FROM deliveries WHERE channel = ?1 AND {OPEN} AND blocked = {{blocked}} "
    "AND due_ns <= ?2 AND state = 'pending' AND created_ns <= ?2 ORDER BY due_ns LIMIT ?3)"
)
_LATER_DUE = (
    "SELECT * FROM (SELECT id, created_ns FROM deliveries WHERE channel = ?1 AND state = 'pending' "
    "AND due_ns > created_ns AND created_ns <= ?2 ORDER BY created_ns LIMIT ?3)"
)
_OLD = " UNION ".join([*(_NOT_LATER_DUE.format(blocked=each) for each in (0, 1, NEW)), _LATER_DUE])
_EXPIRED = f"SELECT id FROM ({_OLD}) ORDER BY created_ns, id LIMIT ?3"
"""The pending deliveries of a channel that were added up to a time. The index over due times finds those that are due
as of then; those that are due after it, as they were tried, are in the index over the age."""


class _HealthRow(NamedTuple):
    name: str
    health: bytes


class SqliteDeliveryQueue:
    """Implements DeliveryQueue. The lock of the courier makes it the only one that claims."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._claims = Claims(database, bodies)

    def claim(self, now_ns: int, lease_ns: int, capacity: Mapping[str, Capacity]) -> list[tuple[Delivery, ...]]:
        """As in DeliveryQueue."""
        return self._claims.claim(now_ns, lease_ns, capacity)

    def next_due(self, channels: Collection[str]) -> int | None:
        """As in DeliveryQueue."""
        return self._claims.next_due(channels)

    def own_channels(self, tokens: Mapping[str, int], now_ns: int) -> int:  # noqa: ARG002  # a file has one courier
        """As in DeliveryQueue."""
        return 0

    def due_times(self, channels: Collection[str]) -> dict[str, int]:
        """As in DeliveryQueue."""
        return self._claims.due_times(channels)

    def settle(self, settlements: Sequence[Settlement], health: Mapping[str, Health] | None = None) -> None:
        """As in DeliveryQueue."""
        if not settlements and not health:
            return
        with self._database.transaction() as connection:
            apply(connection, settlements)
            connection.executemany(
                "INSERT INTO channels VALUES (?, ?) ON CONFLICT DO UPDATE SET health = excluded.health",
                [(name, msgspec.json.encode(each)) for name, each in (health or {}).items()],
            )

    def release(self, now_ns: int) -> int:
        """As in DeliveryQueue."""
        with self._database.transaction() as connection:
            return connection.execute(
                f"UPDATE deliveries SET state = 'pending', due_ns = ? WHERE {OPEN} AND state = 'claimed'", (now_ns,)
            ).rowcount

    def put_back(self, ids: Collection[int], now_ns: int) -> None:
        """As in DeliveryQueue."""
        with self._database.transaction(durable=False) as connection:
            connection.executemany(
                "UPDATE deliveries SET state = 'pending', due_ns = ? WHERE id = ? AND state = 'claimed'",
                [(now_ns, delivery_id) for delivery_id in ids],
            )

    def follow(self, step: Step, health: Mapping[str, Health]) -> None:
        """As in DeliveryQueue."""
        clock_steps.follow(self._database, step, health)

    def latest_ns(self) -> int:
        """As in DeliveryQueue."""
        return clock_steps.latest_ns(self._database)

    def make_due_now(self, channel: str, now_ns: int) -> None:
        """As in DeliveryQueue."""
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE deliveries SET due_ns = ?1 WHERE channel = ?2 AND {OPEN} AND blocked IN (0, 1, {NEW}) "
                "AND due_ns > ?1 AND state = 'pending' AND attempts > 0",
                (now_ns, channel),
            )

    def expire(self, channel: str, before_ns: int, now_ns: int, reason: str, limit: int) -> int:
        """As in DeliveryQueue, oldest first. Takes the write lock only where something expires."""
        if not self._database.rows(int, _EXPIRED, (channel, before_ns, 1)):
            return 0
        with self._database.transaction() as connection:
            keys = connection.execute(
                "UPDATE deliveries SET state = 'dead', settled_ns = ?4, reason = ?5, status = NULL "
                f"WHERE id IN ({_EXPIRED}) RETURNING order_key",
                (channel, before_ns, limit, now_ns, reason),
            ).fetchall()
            unblock_first(connection, [(channel, key) for (key,) in keys if key is not None])
            return len(keys)

    def waiting(self, channel: str, limit: int | None = None) -> int:
        """As in DeliveryQueue."""
        return self._database.number(
            f"SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE channel = ? AND {OPEN} LIMIT ?)",
            (channel, -1 if limit is None else limit),
        )

    def undelivered(self) -> int:
        """As in DeliveryQueue."""
        return self._database.number(f"SELECT count(*) FROM deliveries WHERE {OPEN}")

    def waiting_channels(self) -> list[str]:
        """As in DeliveryQueue. Costs by the number of channels, not of deliveries."""
        return self._database.rows(
            str,
            f"""
            WITH RECURSIVE names (name) AS (
                SELECT (SELECT min(channel) FROM deliveries WHERE {OPEN})
                UNION ALL
                SELECT (SELECT min(channel) FROM deliveries WHERE {OPEN} AND channel > names.name)
                FROM names WHERE names.name IS NOT NULL
            )
            SELECT name FROM names WHERE name IS NOT NULL
            """,
        )

    def health(self) -> dict[str, Health]:
        """As in DeliveryQueue."""
        rows = self._database.rows(_HealthRow, "SELECT name, health FROM channels")
        return {row.name: _health(row) for row in rows}

    def remove_health_except(self, channels: Collection[str]) -> None:
        """As in DeliveryQueue."""
        with self._database.transaction() as connection:
            for name in self._database.rows(str, "SELECT name FROM channels"):
                if name not in channels:
                    connection.execute("DELETE FROM channels WHERE name = ?", (name,))


def _health(row: _HealthRow) -> Health:
    """The stored health; that of a channel that was never used where it cannot be read."""
    try:
        return msgspec.json.decode(row.health, type=Health)
    except msgspec.MsgspecError as error:
        structlog.get_logger("journal").error("health unreadable", channel=row.name, problem=str(error))
        return Health()
